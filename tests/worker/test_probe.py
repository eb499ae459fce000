from __future__ import annotations

import asyncio

import pytest

from app.worker.probe import Probe
from tests.scripted.actions import Status
from tests.scripted.upstream import Upstream


async def asked(models: Status, health: Status, *flags: str) -> tuple[bool, tuple[str, ...], str | None]:
    """Return what a probe finds, and the key that it sent."""
    async with Upstream() as upstream:
        upstream.routes.update({"/v1/models": models, "/health": health})
        probe = Probe(upstream.url, flags, timeout_s=1.0)
        try:
            found = await probe.healthy(), await probe.models()
        finally:
            await probe.close()
        return *found, upstream.asked[0].headers.get("authorization")


WELL = Status(status=200, body=b"")
LISTED = Status(status=200, body=b'{"data": [{"id": "a"}, {"id": "b"}]}')


def test_a_server_that_is_well_tells_its_models() -> None:
    assert asyncio.run(asked(LISTED, WELL)) == (True, ("a", "b"), None)


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"error": "no"}'])
def test_a_server_that_tells_something_else_serves_nothing(body: bytes) -> None:
    well, models, _ = asyncio.run(asked(Status(status=200, body=body), Status(status=503, body=b"")))
    assert (well, models) == (False, ())


def test_the_key_that_vllm_was_given_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asyncio.run(asked(LISTED, WELL, "--api-key", "k"))[2] == "Bearer k"
    monkeypatch.setenv("VLLM_API_KEY", "e")
    assert asyncio.run(asked(LISTED, WELL))[2] == "Bearer e"


def test_where_nobody_listens_nothing_is_well() -> None:
    async def scenario() -> tuple[bool, tuple[str, ...]]:
        probe = Probe("http://127.0.0.1:9")
        try:
            return await probe.healthy(), await probe.models()
        finally:
            await probe.close()

    assert asyncio.run(scenario()) == (False, ())
