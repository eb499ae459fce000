"""The sources of workers that the configuration names."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.redis_client import connect
from app.workers.discovery.dns import Dns
from app.workers.discovery.registry import Registry
from app.workers.discovery.urls import Urls

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from app.settings.sections import Discovery
    from app.settings.settings import Settings
    from app.workers.discovery.base import Source


def listed_in(settings: Settings) -> Urls:
    """Return the list of workers, which may be replaced at run time."""
    return Urls(worker.announced for worker in settings.workers)


@asynccontextmanager
async def sources_of(settings: Settings, listed: Urls) -> AsyncGenerator[list[Source]]:
    """Provide the sources, `listed` as the first. Takes no time and can't fail."""
    sources: list[Source] = [listed, *names(settings.discovery)]
    if settings.redis_url is None or not settings.discovery.registry:
        yield sources
        return
    redis = connect(settings.redis_url.get_secret_value())
    try:
        yield [*sources, Registry(redis, prefix=settings.redis_prefix)]
    finally:
        await redis.aclose()


def names(discovery: Discovery) -> list[Source]:
    """Return the sources that ask for a DNS name, one for each that is listed, however often."""
    return [
        Dns(
            str(url),
            every_s=discovery.dns_every_s,
            timeout_s=discovery.dns_timeout_s,
            forget_s=discovery.dns_forget_s,
        )
        for url in dict.fromkeys(discovery.dns)
    ]
