from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from app.errors import WorkerUnreachableError
from app.workers import resolver
from app.workers.client import HttpClient
from app.workers.resolver import Resolver
from tests.scripted.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Sequence


class Dns:
    """A resolver that gives `addresses`, or fails, or hangs until it is told to `answer`."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.error: OSError | None = None
        self.answer = threading.Event()
        self.answer.set()

    def __call__(self, host: str) -> Sequence[str]:
        assert host == "vllm.example"
        assert self.answer.wait(10)
        if self.error:
            raise self.error
        return self.addresses


async def hosts(resolver: Resolver) -> list[str]:
    return list(await resolver.addresses("vllm.example"))


@pytest.mark.parametrize("host", ["10.0.0.1", "::1"])
def test_an_address_is_asked_of_nobody(host: str) -> None:
    assert asyncio.run(Resolver(Dns()).addresses(host)) == (host,)


def test_an_answer_is_good_for_some_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        dns = Dns("10.0.0.1", "fd00::1")
        asked = Resolver(dns)
        assert await hosts(asked) == ["10.0.0.1", "fd00::1"]
        dns.addresses = ("10.0.0.2",)
        assert await hosts(asked) == ["10.0.0.1", "fd00::1"]

    asyncio.run(scenario())
    monkeypatch.setattr(resolver, "FRESH_S", 0.0)

    async def later() -> None:
        dns = Dns("10.0.0.1")
        asked = Resolver(dns)
        await hosts(asked)
        dns.addresses = ("10.0.0.2",)
        assert await hosts(asked) == ["10.0.0.2"]

    asyncio.run(later())


@pytest.mark.parametrize("how", ["fails", "hangs", "knows none"])
def test_what_is_known_of_a_name_stands_while_dns_is_out_and_gives_way_afterwards(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolver, "REFRESH_S", 0.05)
    monkeypatch.setattr(resolver, "FRESH_S", 0.0)

    async def scenario() -> None:
        dns = Dns("10.0.0.1")
        asked = Resolver(dns)
        assert await hosts(asked) == ["10.0.0.1"]
        if how == "fails":
            dns.error = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        elif how == "hangs":
            dns.answer.clear()
        else:
            dns.addresses = ()
        for _ in range(3):
            assert await hosts(asked) == ["10.0.0.1"]
        dns.error, dns.addresses = None, ("10.0.0.2",)
        dns.answer.set()
        assert "10.0.0.2" in [*await hosts(asked), *await hosts(asked)]

    asyncio.run(scenario())


def test_a_name_that_never_had_an_address_can_not_be_reached() -> None:
    async def scenario() -> None:
        dns = Dns()
        with pytest.raises(OSError, match="the name has no address"):
            await hosts(Resolver(dns))
        async with HttpClient(connect_s=1.0, idle_s=1.0, resolve=dns) as client:
            with pytest.raises(WorkerUnreachableError):
                await client.fetch("http://vllm.example:8000/health", timeout_s=5.0)

    asyncio.run(scenario())


def test_no_more_than_three_addresses_of_a_name_are_tried() -> None:
    async def scenario() -> None:
        dns = Dns("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.1")
        async with Upstream() as worker, HttpClient(connect_s=1.0, idle_s=1.0, resolve=dns) as client:
            port = urlsplit(worker.url).port
            with pytest.raises(WorkerUnreachableError, match="connection refused"):
                await client.fetch(f"http://vllm.example:{port}/v1/models", timeout_s=5.0)

    asyncio.run(scenario())


def test_the_client_asks_for_names_here_and_takes_the_first_address_that_answers() -> None:
    async def scenario() -> None:
        dns = Dns("127.0.0.2", "127.0.0.1")
        async with Upstream() as worker, HttpClient(connect_s=1.0, idle_s=1.0, resolve=dns) as client:
            port = urlsplit(worker.url).port
            assert b"scripted" in await client.fetch(f"http://vllm.example:{port}/v1/models", timeout_s=5.0)

    asyncio.run(scenario())


def test_a_worker_that_has_moved_is_found_before_its_name_would_be_looked_up_anyway(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resolver, "DOUBTED_S", 0.0)

    async def scenario() -> None:
        dns = Dns("127.0.0.2")
        async with Upstream() as worker, HttpClient(connect_s=1.0, idle_s=1.0, resolve=dns) as client:
            url = f"http://vllm.example:{urlsplit(worker.url).port}/v1/models"
            with pytest.raises(WorkerUnreachableError):
                await client.fetch(url, timeout_s=5.0)
            dns.addresses = ("127.0.0.1",)
            assert b"scripted" in await client.fetch(url, timeout_s=5.0)

    asyncio.run(scenario())
