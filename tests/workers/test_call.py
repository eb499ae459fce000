from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import WorkerCutError, WorkerGarbageError, WorkerStatusError
from app.workers.call import Call

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    from app.candidates import Reply, Usage
    from app.errors import CandidateError
    from app.workers.wire import RawChoice

URL = "http://worker/v1/chat/completions"


class Scripted:
    """A client whose workers send the given pieces, and then break off if there is an error to break off with."""

    def __init__(self, pieces: Sequence[bytes], error: CandidateError | None = None) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self._pieces = pieces
        self._error = error

    @asynccontextmanager
    async def stream(self, url: str, body: bytes) -> AsyncGenerator[AsyncIterator[bytes]]:
        self.sent.append((url, body))
        yield self._read()

    async def fetch(self, url: str, *, timeout_s: float) -> bytes:
        raise NotImplementedError

    async def _read(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
        if self._error:
            raise self._error


class Recorded:
    """A call, and what it told of itself."""

    def __init__(self, width: int, *, watched: bool = False) -> None:
        self.completed: list[int] = []
        self.spent: list[int] = []
        self.seen: list[RawChoice] = []
        self.call = Call(
            width=width,
            completed=self.completed.append,
            spent=self.spent.append,
            watcher=self._watch if watched else None,
        )

    async def _watch(self, choices: Sequence[RawChoice]) -> None:
        self.seen += choices

    def run(self, pieces: Sequence[bytes], error: CandidateError | None = None) -> Recorded:
        client = Scripted(pieces, error)
        asyncio.run(self.call.run(client, URL, b"{}"))
        assert client.sent == [(URL, b"{}")]
        return self

    @property
    def told(self) -> list[int]:
        """The completions that ended, those first that were told of before the others had."""
        return self.completed + self.call.ended

    @property
    def results(self) -> list[tuple[Reply, str | None, Usage, list[bytes]]]:
        return [
            (one.reply(), one.finish_reason, one.spent(), [bytes(entry) for entry in one.logprobs])
            for one in self.call.completions
        ]


def event(value: object) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


def said(index: int, text: str, **fields: object) -> bytes:
    return event({"choices": [{"index": index, "delta": {"content": text}}], **fields})


def ended(index: int, reason: str = "stop", **fields: object) -> bytes:
    choice: dict[str, object] = {"index": index, "delta": {}, "finish_reason": reason}
    return event({"choices": [choice], **fields})


def counted(prompt: int, completion: int) -> bytes:
    return event({"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": completion}})


DONE = b"data: [DONE]\n\n"
LLAMA = b"".join(
    [
        *(
            said(0, "ä"),
            said(1, "b1"),
            said(2, "<think>hm"),
            said(1, " b2"),
            ended(1),
            counted(5, 2),
            said(2, "</think>c"),
        ),
        *(ended(2, "length"), counted(5, 9), said(0, "a2"), ended(0), counted(5, 3), DONE),
    ]
)
USAGE = {"prompt_tokens": 4, "completion_tokens": 8}
VLLM = b"".join([said(0, "a", usage=USAGE), said(0, "b", usage=USAGE), ended(0, usage=USAGE), counted(4, 16), DONE])


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(places=st.lists(st.integers(0, len(LLAMA)), max_size=30), watched=st.booleans())
def test_a_response_comes_to_the_same_wherever_it_is_cut(*, places: list[int], watched: bool) -> None:
    whole = Recorded(3).run([LLAMA])
    pieces = Recorded(3, watched=watched).run(cut(LLAMA, places))
    assert pieces.results == whole.results
    assert sorted(pieces.told) == sorted(whole.told) == [0, 1, 2]
    assert sum(pieces.spent) == sum(whole.spent) == 2 + 9 + 3
    assert not pieces.call.open
    assert len(pieces.seen) == (9 if watched else 0)


def test_each_choice_gets_the_count_that_follows_its_end() -> None:
    (a, b, c) = Recorded(3).run([LLAMA]).results
    assert [a[0].text, b[0].text, c[0].text, c[0].thinking] == ["äa2", "b1 b2", "c", "hm"]
    assert [a[2].completion, b[2].completion, c[2].completion] == [3, 2, 9]
    assert [a[1], b[1], c[1]] == ["stop", "stop", "length"]


def test_candidates_are_told_of_as_they_end_but_for_the_last_one() -> None:
    record = Recorded(2)
    told: list[list[int]] = []

    class Watching(Scripted):
        async def _read(self) -> AsyncIterator[bytes]:
            for piece in (said(0, "a"), ended(1), counted(1, 1), ended(0), counted(1, 1), DONE):
                yield piece
                told.append(list(record.completed))

    asyncio.run(record.call.run(Watching([]), URL, b"{}"))
    assert told == [[], [], [1], [1], [1]]
    assert (record.completed, record.call.ended) == ([1], [0])


def test_counts_on_every_chunk_are_those_of_its_choice() -> None:
    record = Recorded(1).run([VLLM])
    assert record.results[0][2].completion == 16
    assert sum(record.spent) == 16


def test_a_candidate_without_a_count_has_cost_as_many_tokens_as_it_had_chunks() -> None:
    record = Recorded(1).run([said(0, "a"), said(0, "b"), ended(0), DONE])
    assert (record.results[0][2].completion, record.spent) == (2, [1, 1])


def test_done_without_a_finish_reason_is_no_success() -> None:
    record = Recorded(2)
    with pytest.raises(WorkerGarbageError, match="without a finish_reason"):
        record.run([said(0, "a"), said(1, "b"), ended(1), DONE])
    assert (record.told, record.call.open) == ([1], {0})


def test_what_ended_before_the_connection_broke_has_succeeded() -> None:
    record = Recorded(2)
    with pytest.raises(WorkerCutError):
        record.run([said(0, "a"), ended(0), said(1, "b")], WorkerCutError("broke off"))
    assert (record.told, record.call.open) == ([0], {1})
    assert record.results[1][0].text == "b"


def test_an_error_in_the_stream_fails_what_is_open() -> None:
    record = Recorded(1)
    with pytest.raises(WorkerStatusError, match="out of memory"):
        record.run([said(0, "a"), event({"error": {"message": "out of memory"}}), DONE])
    assert (record.told, record.call.open) == ([], {0})


@pytest.mark.parametrize("index", [2, -1])
def test_a_choice_that_nobody_asked_for_is_refused(index: int) -> None:
    with pytest.raises(WorkerGarbageError, match="not asked for"):
        Recorded(2).run([said(index, "x")])


def test_a_count_that_belongs_to_nobody_is_left_alone() -> None:
    record = Recorded(1).run([counted(9, 9), said(0, "a"), ended(0), counted(1, 1), DONE])
    assert record.results[0][2].completion == 1


def test_nothing_is_read_after_done() -> None:
    record = Recorded(1).run([said(0, "a") + ended(0) + DONE + b"<html>", b"more of it"])
    assert (record.results[0][0].text, record.told) == ("a", [0])


def test_nulls_in_place_of_lists_and_objects_say_nothing() -> None:
    null_choices = event({"choices": None, "usage": {"prompt_tokens": 1, "completion_tokens": 1}})
    null_delta = event({"choices": [{"index": 0, "delta": None, "finish_reason": "stop"}]})
    record = Recorded(1, watched=True).run([said(0, "a"), null_delta, null_choices, DONE])
    assert (record.results[0][0].text, record.results[0][2].completion) == ("a", 1)
    assert [msgspec.json.decode(choice.delta) for choice in record.seen] == [{"content": "a"}, {}]


def test_a_watcher_sees_the_thinking_of_each_choice_apart_from_its_text() -> None:
    record = Recorded(3, watched=True).run([LLAMA])
    seen: list[dict[str, str]] = [{}, {}, {}]
    for choice in record.seen:
        delta: dict[str, str] = msgspec.json.decode(choice.delta)
        for field, said_now in delta.items():
            seen[choice.index][field] = seen[choice.index].get(field, "") + said_now
    assert seen == [{"content": "äa2"}, {"content": "b1 b2"}, {"reasoning": "hm", "content": "c"}]


def test_a_watcher_sees_everything_as_it_came() -> None:
    record = Recorded(1, watched=True).run([said(0, "a"), ended(0), counted(1, 1), DONE])
    assert [msgspec.json.decode(choice.delta) for choice in record.seen] == [{"content": "a"}, {}]
    assert record.seen[-1].finish_reason == "stop"
