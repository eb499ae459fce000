from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from app.redis_client import connect
from app.settings.settings import Settings
from app.sources import listed_in, sources_of
from app.workers.discovery.base import Announced
from app.workers.discovery.lease import Lease
from tests.workers.discovery.watching import watching

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.redis_server import RedisServer


async def told_by(settings: Settings) -> dict[str, Sequence[Announced]]:
    """Return what each source says first, by its name."""
    found: dict[str, Sequence[Announced]] = {}
    async with sources_of(settings, listed_in(settings)) as sources:
        for source in sources:
            async with watching(source) as watched:
                found[source.name] = watched.said[0]
    return found


def test_without_configuration_there_is_an_empty_list() -> None:
    assert asyncio.run(told_by(Settings())) == {"urls": ()}


def test_every_source_that_is_configured_is_there(redis_server: RedisServer) -> None:
    settings = Settings.model_validate(
        {
            "workers": ["http://10.0.0.7:8000/v1", {"url": "http://10.0.0.8:8000", "name": "b"}],
            "discovery": {"dns": ["http://127.0.0.1:8000", "http://127.0.0.1:8000/"]},
            "redis_url": redis_server.url,
            "redis_prefix": "p",
        }
    )
    registered = Announced(url="http://10.0.0.9:8000")

    async def scenario() -> dict[str, Sequence[Announced]]:
        redis = connect(redis_server.url)
        try:
            async with Lease(redis, registered, prefix="p"):
                return await told_by(settings)
        finally:
            await redis.aclose()

    assert asyncio.run(scenario()) == {
        "urls": (Announced(url="http://10.0.0.7:8000"), Announced(url="http://10.0.0.8:8000", name="b")),
        "dns:127.0.0.1:8000": (Announced(url="http://127.0.0.1:8000", name="127.0.0.1:8000"),),
        "registry": (registered,),
    }


def test_a_redis_for_other_purposes_needs_to_be_no_registry() -> None:
    settings = Settings.model_validate({"redis_url": "redis://127.0.0.1:9", "discovery": {"registry": False}})
    assert asyncio.run(told_by(settings)).keys() == {"urls"}
