from __future__ import annotations

import asyncio
import socket
import threading
from itertools import chain, repeat
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from app.workers.discovery.dns import Dns
from app.workers.discovery.lookup import resolve
from tests.workers.discovery.watching import until, watching

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SOON = 0.001
UNKNOWN = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


def resolver(*answers: Sequence[str] | Exception) -> Callable[[str], Sequence[str]]:
    """Return a resolver that gives one answer after the other, the last one for ever."""
    coming = chain(answers, repeat(answers[-1]))

    def answer_next(_host: str) -> Sequence[str]:
        answer = next(coming)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return answer_next


def test_every_address_of_the_name_is_a_worker_at_its_port() -> None:
    async def scenario() -> None:
        dns = Dns("http://vllm.default.svc:8000/v1", resolve=resolver(["fd00::7", "10.0.0.7", "fe80::1%eth0"]))
        async with watching(dns) as watched:
            (workers,) = watched.said
        assert [(worker.url, worker.name) for worker in workers] == [
            ("http://10.0.0.7:8000", "10.0.0.7:8000"),
            ("http://[fd00::7]:8000", "[fd00::7]:8000"),
        ]

    asyncio.run(scenario())


def test_a_change_of_the_addresses_is_told_and_nothing_else() -> None:
    async def scenario() -> None:
        answers = resolver(["10.0.0.1"], ["10.0.0.1"], ["10.0.0.2", "10.0.0.1"], ["10.0.0.1", "10.0.0.2"], ["10.0.0.2"])
        async with watching(Dns("http://a:1", every_s=SOON, resolve=answers)) as watched:
            await watched.until(lambda it: len(it.said) == 3)
        assert [[worker.url for worker in workers] for workers in watched.said] == [
            ["http://10.0.0.1:1"],
            ["http://10.0.0.1:1", "http://10.0.0.2:1"],
            ["http://10.0.0.2:1"],
        ]

    asyncio.run(scenario())


def test_while_the_resolver_fails_what_it_said_stands_and_the_log_speaks_twice() -> None:
    async def scenario() -> None:
        dns = Dns("http://a:1", every_s=SOON, resolve=resolver(["10.0.0.1"], UNKNOWN, UNKNOWN, UNKNOWN, ["10.0.0.2"]))
        with capture_logs() as logs:
            async with watching(dns) as watched:
                await watched.until(lambda it: len(it.said) == 2)
        assert [[worker.url for worker in workers] for workers in watched.said] == [
            ["http://10.0.0.1:1"],
            ["http://10.0.0.2:1"],
        ]
        assert (dns.standing.failures, dns.standing.up) == (3, True)
        assert [(line["event"], line["source"]) for line in logs] == [
            ("source down", "dns:a:1"),
            ("source up", "dns:a:1"),
        ]

    asyncio.run(scenario())


def test_a_name_that_can_not_be_asked_at_the_start_has_no_workers_yet() -> None:
    async def scenario() -> None:
        async with watching(Dns("http://a:1", every_s=SOON, resolve=resolver(UNKNOWN, ["10.0.0.1"]))) as watched:
            await watched.until(lambda it: len(it.said) == 2)
        assert watched.said[0] == ()
        assert watched.urls == ["http://10.0.0.1:1"]

    asyncio.run(scenario())


def test_no_address_is_believed_only_after_some_time() -> None:
    async def scenario() -> None:
        times = iter([0.0, 30.0, 59.0, 60.0])
        asked: list[float] = []

        def clock() -> float:
            asked.append(next(times, 61.0))
            return asked[-1]

        dns = Dns("http://a:1", every_s=SOON, forget_s=60.0, resolve=resolver(["10.0.0.1"], []), clock=clock)
        async with watching(dns) as watched:
            await watched.until(lambda it: len(it.said) == 2)
        assert watched.said[-1] == ()
        assert asked == [0.0, 30.0, 59.0, 60.0]
        assert not dns.standing.up

    asyncio.run(scenario())


def test_an_address_in_between_begins_the_time_anew() -> None:
    async def scenario() -> None:
        times = iter([0.0, 59.0, 100.0])
        answers = resolver(["10.0.0.1"], [], [], ["10.0.0.1"], [], ["10.0.0.2"])
        dns = Dns("http://a:1", every_s=SOON, forget_s=60.0, resolve=answers, clock=lambda: next(times))
        async with watching(dns) as watched:
            await watched.until(lambda it: it.urls == ["http://10.0.0.2:1"])
        assert len(watched.said) == 2

    asyncio.run(scenario())


def test_a_resolver_that_hangs_is_waited_for_by_one_thread_and_holds_nothing_up() -> None:
    released = threading.Event()
    asked: list[str] = []

    def hang(host: str) -> list[str]:
        asked.append(host)
        released.wait()
        return ["10.0.0.1"]

    async def scenario() -> None:
        dns = Dns("http://a:1", every_s=SOON, timeout_s=SOON, resolve=hang)
        async with watching(dns) as watched:
            assert watched.said == [()]
            await until(lambda: dns.standing.failures >= 5)
            assert asked == ["a"]
            released.set()
            await watched.until(lambda it: it.urls == ["http://10.0.0.1:1"])

    asyncio.run(scenario())


def test_an_event_loop_ends_while_a_resolver_hangs() -> None:
    released = threading.Event()

    async def scenario() -> None:
        async with watching(Dns("http://a:1", timeout_s=SOON, resolve=lambda _: [str(released.wait())])):
            pass

    asyncio.run(scenario())
    released.set()


@pytest.mark.parametrize(
    ("code", "tells"), [(socket.EAI_NONAME, True), (socket.EAI_NODATA, True), (socket.EAI_AGAIN, False)]
)
def test_a_name_without_addresses_is_told_from_one_that_nobody_can_look_up(
    *, code: int, tells: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(code, "as the system words it")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    if tells:
        assert resolve("a") == []
    else:
        with pytest.raises(OSError, match="as the system words it"):
            resolve("a")


@pytest.mark.parametrize(
    ("host", "found"),
    [("localhost", ["http://127.0.0.1:1"]), (f"{'a' * 63}.invalid", []), ("[::1]", ["http://[::1]:1"])],
)
def test_the_systems_own_resolver_is_asked(host: str, found: list[str]) -> None:
    async def scenario() -> None:
        async with watching(Dns(f"http://{host}:1")) as watched:
            assert set(found) <= set(watched.urls)
            assert bool(watched.urls) == bool(found)

    asyncio.run(scenario())
