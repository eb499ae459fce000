"""Nobody waits, nothing runs: a client that goes away stops its candidates on the worker."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
import pytest

from tests.scripted.received import Ending
from tests.scripted.reply import Reply
from tests.scripted.scripts import always, in_turn
from tests.stage import QUESTION

if TYPE_CHECKING:
    from tests.stage import Stage

SLOW = Reply(texts=("word " * 600,), delay_per_chunk_s=0.01)


def leave_early(stage: Stage, strategy: str, *, stream: bool, reset: bool, calls: int) -> None:
    """Send a request, wait until the worker generates, and drop the connection."""
    body = msgspec.json.encode({**QUESTION, "strategy": strategy, "stream": stream})
    address = urlsplit(stage.url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        stage.worker.wait_until(lambda upstream: upstream.in_flight == calls)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("strategy", "calls"), [("single", 1), ("parallel-4", 4), ("sequential-3", 1), ("reject-2", 1)]
)
def test_a_client_that_goes_away_cancels_every_candidate(
    stage: Stage, strategy: str, calls: int, *, stream: bool, reset: bool
) -> None:
    stage.play(always(SLOW))
    leave_early(stage, strategy, stream=stream, reset=reset, calls=calls)
    stage.worker.wait_until(lambda upstream: upstream.in_flight == 0)
    assert {request.ending for request in stage.seen} == {Ending.CLIENT_CLOSED}
    assert len(stage.seen) == calls
    assert all(request.sent_tokens < 600 for request in stage.seen)


def test_a_decided_vote_cancels_what_is_outstanding(stage: Stage) -> None:
    quick = Reply(texts=("The answer is 42.",), delay_first_s=0.3)
    stage.play(in_turn(*[quick] * 3, SLOW, SLOW))
    body = stage.answer("parallel-5")
    stage.worker.wait_until(lambda upstream: upstream.in_flight == 0)
    fates = [row["fate"] for row in body["quorum"]["candidates"]]
    assert fates.count("cancelled") == 2
    assert [request.ending for request in stage.seen].count(Ending.CLIENT_CLOSED) == 2
    assert body["quorum"]["cost"]["saved_completion_tokens_estimate"] >= 0


def test_a_cancelled_batch_of_llama_cpp_is_closed(llama: Stage) -> None:
    llama.play(always(SLOW))
    leave_early(llama, "parallel-4", stream=False, reset=False, calls=1)
    llama.worker.wait_until(lambda upstream: upstream.in_flight == 0)
    assert llama.seen[0].ending == Ending.CLIENT_CLOSED


def test_client_gone_is_counted(stage: Stage) -> None:
    stage.play(always(SLOW))
    leave_early(stage, "parallel-4", stream=False, reset=False, calls=4)
    stage.worker.wait_until(lambda upstream: upstream.in_flight == 0)
    wanted = 'quorum_requests_total{model="scripted",outcome="client_gone",strategy="parallel"}'
    assert wanted in stage.client.get("/metrics").text
