"""Webhooks over real connections on this machine, which the operator has listed here."""

from __future__ import annotations

import asyncio
import gzip
import hmac
import socket
import time
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from app.errors import InvalidStrategyError, WebhookError
from app.webhooks.allowed import AllowedHosts
from app.webhooks.base import MAX_ANSWER_BYTES, Delivery
from app.webhooks.sender import CONNECTIONS_A_HOST, AioHttpWebhooks
from tests.webhooks.receiver import Receiver, receiving

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

SECRET = "a secret of the operator"
BODY = b'{"text": "The answer is 42."}'
CREDENTIALS = "169.254.169.254"


class Resolver(AbstractResolver):
    """Says the next of `answers` each time it is asked, each a list of addresses."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.asked: list[str] = []
        self._answers = answers

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        del family
        found = self._answers[min(len(self.asked), len(self._answers) - 1)]
        self.asked.append(host)
        kinds = {False: socket.AF_INET, True: socket.AF_INET6}
        return [
            ResolveResult(hostname=host, host=one, port=port, family=kinds[":" in one], proto=0, flags=0)
            for one in found
        ]

    async def close(self) -> None:
        pass


def good(_number: int) -> web.Response:
    return web.Response(body=b'{"status": "pass"}')


def run(
    scenario: Callable[[Receiver], Coroutine[object, object, None]],
    says: Callable[[int], web.Response | float | None] = good,
) -> None:
    async def within() -> None:
        async with receiving(says) as receiver:
            await scenario(receiver)

    asyncio.run(within())


async def deliver(
    url: str,
    *hosts: str,
    timeout_s: float = 5.0,
    most_s: float = 10.0,
    until_s: float = 30.0,
    resolver: Resolver | None = None,
) -> bytes:
    until = asyncio.get_running_loop().time() + until_s
    delivery = Delivery(url=url, body=BODY, timeout_s=timeout_s, until=until)
    async with AioHttpWebhooks(AllowedHosts(hosts), secret=SECRET, timeout_s=most_s, resolver=resolver) as webhooks:
        return await webhooks.deliver(delivery)


async def to(receiver: Receiver, **given: float) -> bytes:
    return await deliver(f"{receiver.url}/check?a=b", f"127.0.0.1:{receiver.port}", **given)  # pyright: ignore[reportArgumentType]


def test_a_delivery_is_signed_json_and_its_answer_comes_back() -> None:
    async def scenario(receiver: Receiver) -> None:
        assert await to(receiver) == b'{"status": "pass"}'
        (got,) = receiver.got
        assert (got.method, got.path, got.body) == ("POST", "/check?a=b", BODY)
        timestamp = got.headers["X-Quorum-Timestamp"]
        assert abs(time.time() - int(timestamp)) < 60
        digest = hmac.new(SECRET.encode(), timestamp.encode() + b"." + BODY, "sha256").hexdigest()
        assert got.headers["X-Quorum-Signature"] == f"v1={digest}"
        assert got.headers["X-Quorum-Delivery"]
        assert got.headers["Content-Type"] == "application/json"
        assert got.headers["Host"] == f"127.0.0.1:{receiver.port}"
        assert not {"Accept-Encoding", "Authorization", "Cookie"} & got.headers.keys()

    run(scenario)


@pytest.mark.parametrize("first", [500, 503, 429, None])
def test_what_may_pass_is_tried_again_once_under_the_same_name(first: int | None) -> None:
    async def scenario(receiver: Receiver) -> None:
        assert await to(receiver)
        one, other = receiver.got
        assert one.headers["X-Quorum-Delivery"] == other.headers["X-Quorum-Delivery"]
        await to(receiver)
        assert receiver.got[2].headers["X-Quorum-Delivery"] != one.headers["X-Quorum-Delivery"]

    def says(number: int) -> web.Response | None:
        return good(number) if number else web.Response(status=first) if first else None

    run(scenario, says)


@pytest.mark.parametrize("status", [500, None])
def test_it_is_tried_twice_and_no_more(status: int | None) -> None:
    async def scenario(receiver: Receiver) -> None:
        with pytest.raises(WebhookError, match="status 500" if status else "connection"):
            await to(receiver)
        assert len(receiver.got) == 2

    run(scenario, lambda _: web.Response(status=status) if status else None)


@pytest.mark.parametrize("status", [201, 204, 400, 401, 404, 418])
def test_what_will_not_pass_is_not_tried_again(status: int) -> None:
    async def scenario(receiver: Receiver) -> None:
        with pytest.raises(WebhookError, match=f"status {status}$"):
            await to(receiver)
        assert len(receiver.got) == 1

    run(scenario, lambda _: web.Response(status=status, body=b"a stack trace" if status != 204 else None))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    async def scenario(receiver: Receiver) -> None:
        with pytest.raises(WebhookError, match="redirects are not followed"):
            await to(receiver)
        assert len(receiver.got) == 1

    run(scenario, lambda _: web.Response(status=status, headers={"Location": "/elsewhere"}))


def test_silence_ends_after_the_time_a_try_may_take_and_is_not_tried_again() -> None:
    async def scenario(receiver: Receiver) -> None:
        with pytest.raises(WebhookError, match=r"within 0\.1 s"):
            await to(receiver, timeout_s=0.1)
        with pytest.raises(WebhookError, match=r"within 0\.2 s"):
            await to(receiver, timeout_s=60.0, most_s=0.2)
        assert len(receiver.got) == 2

    run(scenario, lambda _: 3.0)


def test_no_try_goes_past_the_end() -> None:
    async def scenario(receiver: Receiver) -> None:
        begun = time.monotonic()
        with pytest.raises(WebhookError):
            await to(receiver, until_s=0.1)
        assert time.monotonic() - begun < 2.0

    run(scenario, lambda _: 3.0)


def test_there_is_no_second_try_where_no_time_is_left() -> None:
    async def scenario(receiver: Receiver) -> None:
        with pytest.raises(WebhookError, match="status 503"):
            await to(receiver, until_s=0.2)
        assert len(receiver.got) == 1

    run(scenario, lambda _: web.Response(status=503))


def test_an_answer_is_bounded() -> None:
    async def scenario(receiver: Receiver) -> None:
        assert len(await to(receiver)) == MAX_ANSWER_BYTES
        with pytest.raises(WebhookError, match="longer than 65536 bytes"):
            await to(receiver)

    run(scenario, lambda number: web.Response(body=b"x" * (MAX_ANSWER_BYTES + number)))


def test_a_compressed_answer_is_not_unpacked() -> None:
    packed = gzip.compress(b"x" * 10_000_000)

    async def scenario(receiver: Receiver) -> None:
        assert await to(receiver) == packed

    run(scenario, lambda _: web.Response(body=packed, headers={"Content-Encoding": "gzip"}))


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async def scenario(receiver: Receiver) -> None:
        assert await to(receiver)

    run(scenario)


def test_nothing_is_sent_to_a_host_that_is_not_listed() -> None:
    async def scenario(receiver: Receiver) -> None:
        for url in (receiver.url, f"http://localhost:{receiver.port}/"):
            with pytest.raises(InvalidStrategyError, match="must list it"):
                await deliver(url, "verify.example.com", f"127.0.0.2:{receiver.port}")
        assert not receiver.got

    run(scenario)


def test_a_listed_name_does_not_open_the_address_it_leads_to() -> None:
    async def scenario(receiver: Receiver) -> None:
        named = f"http://localhost:{receiver.port}/"
        with pytest.raises(WebhookError, match="sends nothing"):
            await deliver(named, f"localhost:{receiver.port}")
        assert not receiver.got
        assert await deliver(named, f"localhost:{receiver.port}", "127.0.0.0/8")

    run(scenario)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["::ffff:127.0.0.1"],
        ["::1"],
        [CREDENTIALS],
        ["::ffff:169.254.169.254"],
        ["64:ff9b::a9fe:a9fe"],
        ["10.0.0.1", "fd00::1", "0.0.0.0"],  # noqa: S104 - an address to refuse
        ["::"],
        ["224.0.0.1"],
        ["255.255.255.255"],
    ],
)
def test_a_listed_name_that_leads_inside_is_not_connected_to(addresses: list[str]) -> None:
    async def scenario(receiver: Receiver) -> None:
        resolver = Resolver(addresses)
        with pytest.raises(WebhookError, match="sends nothing"):
            await deliver(
                f"http://inside.example:{receiver.port}/", f"inside.example:{receiver.port}", resolver=resolver
            )
        assert resolver.asked == ["inside.example"]
        assert not receiver.got

    run(scenario)


def test_a_name_that_changes_its_meaning_gains_nothing() -> None:
    async def scenario(receiver: Receiver) -> None:
        name, port = "rebinding.example", receiver.port
        hosts = AllowedHosts([f"{name}:{port}", "127.0.0.1"])
        resolver = Resolver(["127.0.0.1"], [CREDENTIALS], ["127.0.0.2"], ["127.0.0.1"])
        until = asyncio.get_running_loop().time() + 30.0
        delivery = Delivery(url=f"http://{name}:{port}/", body=BODY, timeout_s=5.0, until=until)
        async with AioHttpWebhooks(hosts, secret=SECRET, timeout_s=5.0, resolver=resolver) as webhooks:
            webhooks.check(delivery.url)
            assert not resolver.asked
            assert await webhooks.deliver(delivery)
            for _ in range(2):
                with pytest.raises(WebhookError, match="sends nothing"):
                    await webhooks.deliver(delivery)
            assert await webhooks.deliver(delivery)
        assert [got.headers["Host"] for got in receiver.got] == [f"{name}:{port}"] * 2
        assert len(resolver.asked) == 4

    run(scenario)


def test_of_several_addresses_only_those_that_are_meant_are_connected_to() -> None:
    async def scenario(receiver: Receiver) -> None:
        resolver = Resolver([CREDENTIALS, "::1", "127.0.0.1"])
        hosts = (f"mixed.example:{receiver.port}", "127.0.0.1")
        assert await deliver(f"http://mixed.example:{receiver.port}/", *hosts, resolver=resolver)

    run(scenario)


def test_a_retry_is_looked_up_and_judged_anew() -> None:
    async def scenario(receiver: Receiver) -> None:
        resolver = Resolver(["127.0.0.1"], [CREDENTIALS])
        hosts = (f"rebinding.example:{receiver.port}", "127.0.0.1")
        with pytest.raises(WebhookError, match="sends nothing"):
            await deliver(f"http://rebinding.example:{receiver.port}/", *hosts, resolver=resolver)
        assert len(receiver.got) == 1

    run(scenario, lambda _: web.Response(status=503))


def test_a_name_that_leads_nowhere_and_a_port_that_nobody_listens_at_are_failed_connections() -> None:
    async def scenario() -> None:
        with pytest.raises(WebhookError, match="connection to the webhook failed"):
            await deliver("https://nowhere.invalid/", "nowhere.invalid", until_s=5.0)
        with pytest.raises(WebhookError, match="connection to the webhook failed"):
            await deliver("http://127.0.0.1:9/", "127.0.0.1:9")

    asyncio.run(scenario())


def test_a_server_without_a_certificate_is_not_spoken_to() -> None:
    async def scenario(receiver: Receiver) -> None:
        with pytest.raises(WebhookError, match="connection to the webhook failed"):
            await deliver(f"https://127.0.0.1:{receiver.port}/", f"127.0.0.1:{receiver.port}")
        assert not receiver.got

    run(scenario)


def test_cancellation_ends_the_request() -> None:
    async def scenario(receiver: Receiver) -> None:
        task = asyncio.create_task(to(receiver))
        await receiver.arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(scenario, lambda _: 3.0)


def test_outside_its_context_it_says_so() -> None:
    async def scenario() -> None:
        webhooks = AioHttpWebhooks(AllowedHosts(["127.0.0.1:9"]), secret=SECRET, timeout_s=1.0)
        with pytest.raises(RuntimeError, match="outside their context"):
            await webhooks.deliver(Delivery(url="http://127.0.0.1:9/", body=b"", timeout_s=1.0, until=float("inf")))

    asyncio.run(scenario())


def test_waiting_for_a_connection_is_not_taken_for_the_receivers_slowness() -> None:
    many = 2 * CONNECTIONS_A_HOST

    async def scenario(receiver: Receiver) -> None:
        until = asyncio.get_running_loop().time() + 30.0
        delivery = Delivery(url=f"{receiver.url}/", body=BODY, timeout_s=2.0, until=until)
        hosts = AllowedHosts([f"127.0.0.1:{receiver.port}"])
        async with AioHttpWebhooks(hosts, secret=SECRET, timeout_s=10.0) as webhooks, asyncio.TaskGroup() as group:
            for _ in range(many):
                group.create_task(webhooks.deliver(delivery))
            await asyncio.sleep(0.9)
            assert len(receiver.got) <= CONNECTIONS_A_HOST
        assert len(receiver.got) == many

    run(scenario, lambda _: 1.3)


def test_a_slow_host_takes_no_other_hosts_connections_and_its_queue_ends_with_the_time() -> None:
    async def scenario(slow: Receiver) -> None:
        async with receiving(good) as other:
            hosts = AllowedHosts([f"127.0.0.1:{slow.port}", f"127.0.0.1:{other.port}"])
            until = asyncio.get_running_loop().time() + 2.0
            to_slow = Delivery(url=slow.url, body=BODY, timeout_s=10.0, until=until)
            async with AioHttpWebhooks(hosts, secret=SECRET, timeout_s=10.0) as webhooks, asyncio.TaskGroup() as group:
                waiting = [group.create_task(refused(webhooks, to_slow)) for _ in range(CONNECTIONS_A_HOST + 5)]
                await slow.arrived.wait()
                quick = Delivery(url=other.url, body=BODY, timeout_s=10.0, until=until)
                assert await webhooks.deliver(quick) == b'{"status": "pass"}'
            reasons = [task.result() for task in waiting]
            assert sum("no time left to wait" in reason for reason in reasons) == 5

    run(scenario, lambda _: 20.0)


async def refused(webhooks: AioHttpWebhooks, delivery: Delivery) -> str:
    with pytest.raises(WebhookError) as caught:
        await webhooks.deliver(delivery)
    return caught.value.message
