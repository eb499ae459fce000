"""The verifier `webhook` through the gateway, with a receiver on this machine that the operator has listed."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from tests.scripted.reply import Reply
from tests.scripted.scripts import in_turn
from tests.stage import Stage, staged
from tests.webhooks.receiver import Receiver, receiving

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

SECRET = "a secret of the operator"
SCRIPT = in_turn(Reply(texts=("The answer is 41.",)), Reply(texts=("The answer is 42.",)))


@contextmanager
def hosted(says: Callable[[int], web.Response | float | None]) -> Generator[Receiver]:
    """Run a receiver in a thread while the context lasts."""
    started: Future[Receiver] = Future()
    ended = threading.Event()

    async def main() -> None:
        async with receiving(says) as receiver:
            started.set_result(receiver)
            await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=asyncio.run, args=(main(),), name="receiver")
    thread.start()
    try:
        yield started.result(timeout=10)
    finally:
        ended.set()
        thread.join()


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Stage, Receiver]]:
    with hosted(lambda _: web.Response()) as receiver:
        webhooks = {"allowed_hosts": [f"127.0.0.1:{receiver.port}", "inside.example"], "secret": SECRET}
        with staged(webhooks=webhooks) as stage:
            yield stage, receiver


@pytest.fixture
def receiver(served: tuple[Stage, Receiver]) -> Receiver:
    served[1].got.clear()
    return served[1]


@pytest.fixture
def stage(served: tuple[Stage, Receiver]) -> Stage:
    served[0].play(SCRIPT)
    return served[0]


def spec(url: str, **parameters: object) -> dict[str, object]:
    return {"type": "reject", "max_attempts": 3, "verifiers": [{"type": "webhook", "url": url, **parameters}]}


def test_a_service_of_the_callers_decides(stage: Stage, receiver: Receiver) -> None:
    def says(number: int) -> web.Response:
        right = b"answer is 42" in receiver.got[number].body
        body = {"status": "pass"} if right else {"status": "fail", "feedback": "Count again."}
        return web.json_response(body)

    receiver.says = says
    body = stage.answer(spec(receiver.url + "/check"))
    assert body["choices"][0]["message"]["content"] == "The answer is 42."
    first, second = body["quorum"]["candidates"]
    assert (first["verdict"]["status"], first["verdict"]["feedback"]) == ("fail", "Count again.")
    assert second["verdict"]["status"] == "pass"
    sent = json.loads(receiver.got[0].body)
    assert (sent["candidate"], sent["answer"]["text"]) == ("c0", "41")
    assert sent["messages"] == [{"role": "user", "content": "What is 6 x 7?"}]
    assert sent["run"]


def test_a_service_that_breaks_vouches_for_nobody_and_no_secret_is_told(
    stage: Stage, receiver: Receiver, capfd: pytest.CaptureFixture[str]
) -> None:
    receiver.says = lambda _: web.Response(status=500, body=b"Traceback: sk-secret")
    body = stage.answer(spec(receiver.url))
    verdicts = [row["verdict"] for row in body["quorum"]["candidates"]]
    assert {verdict["status"] for verdict in verdicts} == {"error"}
    assert body["quorum"]["decision"]["accepted"] is False
    logged = "".join(capfd.readouterr())
    assert "verifier_broke" in logged
    assert not any(secret in logged + json.dumps(body) for secret in (SECRET, "sk-secret"))
    assert len(receiver.got) == 6


@pytest.mark.parametrize(
    "url", ["https://elsewhere.example/", "http://127.0.0.1:22/", "http://169.254.169.254/latest/", "http://[::1]/"]
)
def test_a_host_that_is_not_listed_is_refused_before_anything_is_drawn(stage: Stage, url: str) -> None:
    response = stage.ask(spec(url))
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (400, "invalid_strategy")
    assert error["param"] == "strategy.verifiers.0.url"
    assert "its operator must list it in webhooks.allowed_hosts" in error["message"]
    assert not stage.seen


def test_an_address_that_cannot_be_read_is_told_with_its_path(stage: Stage) -> None:
    error = stage.ask(spec("http://127.0.0.1@inside.example/")).json()["error"]
    assert (error["code"], error["param"]) == ("invalid_strategy", "strategy.verifiers.0.url")


def test_a_server_without_allowed_hosts_sends_nothing(vllm_stage: Stage) -> None:
    error = vllm_stage.ask(spec("https://verify.example.com/")).json()["error"]
    assert (error["code"], error["param"]) == ("invalid_strategy", "strategy.verifiers.0.url")
