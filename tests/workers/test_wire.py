from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import WorkerGarbageError, WorkerStatusError
from app.workers.wire import MAX_LINE, ChunkReader, ChunkUsage, raw_choices, usage_of

STREAM = (
    b": a comment\n\n"
    b"event: message\nid: 7\nretry: 10\n"
    b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"\xc3\xa4 b"},"finish_reason":null}]}\r\n\r\n'
    b'data:{"choices":[{"index":1,"delta":{"reasoning":"hm","unknown":[1,{"x":2}]}}],"usage":null}\n\n'
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop","logprobs":{"content":[{"token":"a"}]}}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,'
    b'"prompt_tokens_details":{"cached_tokens":1}}}\n\n'
    b"data: [DONE]\n\n"
)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def read(pieces: list[bytes]) -> tuple[list[object], bool]:
    """Return everything that a reader makes of the pieces, and whether the stream said that it is done."""
    reader = ChunkReader()
    chunks = [chunk for piece in pieces for chunk, _ in reader.feed(piece)]
    chunks += [chunk for chunk, _ in reader.finish()]
    return list(chunks), reader.done


@given(st.lists(st.integers(0, len(STREAM)), max_size=40))
def test_a_stream_reads_the_same_wherever_it_is_cut(places: list[int]) -> None:
    assert read(cut(STREAM, places)) == read([STREAM])


def test_a_stream_reads_the_same_byte_by_byte_and_without_a_last_line_end() -> None:
    assert read([STREAM[i : i + 1] for i in range(len(STREAM))]) == read([STREAM])
    assert read([STREAM.rstrip(b"\n")]) == read([STREAM])


def test_the_chunks_hold_what_the_worker_said() -> None:
    pairs = list(ChunkReader().feed(STREAM))
    (first,), (second,), (third,) = (chunk.choices or [] for chunk, _ in pairs[:3])
    (_, raw), (last, _) = pairs[2:]
    assert first.delta is not None
    assert first.delta.content == "ä b"
    assert second.delta is not None
    assert (second.index, second.delta.reasoning) == (1, "hm")
    assert third.finish_reason == "stop"
    assert third.logprobs is not None
    assert [bytes(one) for one in third.logprobs.content or ()] == [b'{"token":"a"}']
    assert bytes(raw_choices(raw)[0].logprobs) == b'{"content":[{"token":"a"}]}'
    assert last.usage is not None
    assert last.usage.prompt_tokens_details is not None
    assert (last.usage.prompt_tokens, last.usage.prompt_tokens_details.cached_tokens) == (3, 1)


def test_a_last_event_without_an_end_is_read_at_the_end() -> None:
    reader = ChunkReader()
    assert not list(reader.feed(b'data: {"choices":[]}'))
    assert len(list(reader.finish())) == 1
    assert not reader.done


@pytest.mark.parametrize(
    "data",
    [
        b"<html>502 Bad Gateway</html>\n",
        b'{"choices": []}\n',
        b"data: not json\n",
        b"data: [1, 2]\n",
        b'data: {"choices": 5}\n',
        b'data: {"choices": [{"index": "0"}]}\n',
        b'data: {"choices": [{"delta": {"content": "\xff"}}]}\n',
        b'data: {"choices": [], "usage": {"completion_tokens": -1}}\n',
        b'data: {"choices": [], "usage": {"completion_tokens": 1' + b"0" * 400 + b"}}\n",
        b'data: {"choices": [], "usage": {"prompt_tokens": 1' + b"0" * 400 + b"}}\n",
        b'data: {"choices": [], "usage": {"prompt_tokens_details": {"cached_tokens": -1}}}\n',
        b"\x00\x01\n",
    ],
)
def test_what_is_not_a_stream_of_chunks_is_refused(data: bytes) -> None:
    with pytest.raises(WorkerGarbageError):
        list(ChunkReader().feed(data))


@pytest.mark.parametrize(
    "empty", [b"\xef\xbb\xbf", b"data\n\n", b"data:\r\n\r\n", b"data: \n\n", b"\xef\xbb\xbf: hi\n\n"]
)
def test_what_the_standard_lets_pass_is_let_pass(empty: bytes) -> None:
    assert read([empty + STREAM]) == read([STREAM])


@pytest.mark.parametrize(
    "chunk",
    [
        b'{"choices":null}',
        b'{"choices":[{"index":0,"delta":null}]}',
        b'{"choices":[{"index":0,"delta":{"role":"assistant"}}]}',
        b'{"choices":[{"index":0,"delta":{"content":null,"tool_calls":null}}]}',
        b'{"choices":[{"index":0,"delta":{"tool_calls":[{"index":null,"function":null}]}}]}',
    ],
)
def test_a_chunk_may_say_nothing(chunk: bytes) -> None:
    ((found, raw),) = ChunkReader().feed(b"data: " + chunk + b"\n\n")
    assert len(raw_choices(raw)) == len(found.choices or ())


def test_a_byte_order_mark_may_stand_before_the_first_event() -> None:
    ((found, _),) = ChunkReader().feed(b'\xef\xbb\xbfdata: {"choices":[{"index":3}]}\n\n')
    assert [choice.index for choice in found.choices or ()] == [3]


def test_what_follows_done_is_not_looked_at() -> None:
    assert read([STREAM + b"<html>\n"]) == read([STREAM])


def test_an_event_of_unreasonable_length_is_refused() -> None:
    with pytest.raises(WorkerGarbageError, match="unreasonable length"):
        list(ChunkReader().feed(b"x" * (MAX_LINE + 1)))


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (b'{"message": "too long", "code": 400}', 400, None),
        (b'{"message": "too long", "code": "context_length_exceeded"}', 502, "context_length_exceeded"),
        (b'{"message": "too long", "code": 0}', 502, None),
        (b'{"message": "too long", "code": true}', 502, None),
        (b'{"message": "too long"}', 502, None),
        (b'"too long"', 502, None),
    ],
)
def test_an_error_in_the_stream_is_the_workers(error: bytes, status: int, code: str | None) -> None:
    with pytest.raises(WorkerStatusError, match="too long") as caught:
        list(ChunkReader().feed(b'data: {"error": ' + error + b"}\n\ndata: [DONE]\n\n"))
    assert (caught.value.worker_status, caught.value.worker_code) == (status, code)


@pytest.mark.parametrize(
    "end", [b"data:            [DONE]", b"data: [DONE]            ", b"data: [DONE]\r", b"data:[DONE]"]
)
def test_the_end_is_known_however_much_space_is_around_it(end: bytes) -> None:
    reader = ChunkReader()
    assert not list(reader.feed(b"data: " + b" " * 24 + b"\n\n" + end + b"\n\n"))
    assert reader.done


def test_json_that_nests_too_deeply_is_garbage() -> None:
    deep = b'{"choices":' + b"[" * 3_000 + b"]" * 3_000 + b"}"
    with pytest.raises(WorkerGarbageError):
        list(ChunkReader().feed(b"data: " + deep + b"\n\n"))


@pytest.mark.parametrize(
    "document",
    [b"", b"no JSON", b"\xff", b"[]", b'{"usage": 7}', b'{"a":' + b"[" * 5_000 + b"}", b'{"usage": null}'],
)
def test_a_document_that_does_not_say_its_price_costs_nothing(document: bytes) -> None:
    assert usage_of(document) == ChunkUsage()
