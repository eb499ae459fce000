from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from structlog.testing import capture_logs

from app.worker.announcing import Registering, Telling
from app.workers.discovery.base import Announced

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pytest

    from tests.redis_server import RedisServer


LIMIT_S = 60.0


def test_a_worker_that_is_not_registered_is_told_of_on_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> None:
        async with Telling(announced=Announced(url="http://a:1"))(("m", "n")):
            pass

    asyncio.run(scenario())
    assert capsys.readouterr().out == "m, n can be served now: quorum serve --worker http://a:1\n"


async def logged(event: str, logs: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the event once it is in the log."""
    until = time.monotonic() + LIMIT_S
    while not (found := [entry for entry in logs if entry["event"] == event]):
        assert time.monotonic() < until, f"no {event!r} among {logs}"
        await asyncio.sleep(0.02)
    return found[0]


def test_a_worker_says_when_it_is_registered_though_redis_comes_later(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        announced = Announced(url="http://a:1", name="n")
        redis_server.stop()
        with capture_logs() as logs:
            async with Registering(announced=announced, redis_url=redis_server.url, lease_s=0.3)(("m",)):
                await logged("worker not registered yet", logs)
                assert "worker registered" not in [entry["event"] for entry in logs]
                await asyncio.to_thread(redis_server.start)
                said = await logged("worker registered", logs)
                assert (said["worker"], said["url"], said["models"]) == ("n", "http://a:1", ("m",))

    asyncio.run(scenario())


def test_a_worker_says_that_it_is_registered_at_once(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        registering = Registering(announced=Announced(url="http://a:1"), redis_url=redis_server.url)
        with capture_logs() as logs:
            async with registering(("m",)):
                await logged("worker registered", logs)
        assert "worker not registered yet" not in [entry["event"] for entry in logs]

    asyncio.run(scenario())
