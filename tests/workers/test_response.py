from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from app.workers.response import Response

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


def sized(body: list[bytes]) -> bytes:
    whole = b"".join(body)
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(whole) + whole


def chunked(body: list[bytes]) -> bytes:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in body if chunk)
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


@given(
    bodies=st.lists(st.tuples(st.sampled_from([sized, chunked]), st.lists(st.binary(max_size=40))), min_size=1),
    cuts=st.lists(st.integers(0, 2_000)),
)
def test_responses_are_the_same_in_whatever_pieces_they_come(
    bodies: list[tuple[Callable[[list[bytes]], bytes], list[bytes]]], cuts: list[int]
) -> None:
    response = Response()
    for write, body in bodies:
        data = write(body)
        response.begin()
        taken = b""
        for start, end in pairwise(sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})):
            assert not response.ended
            response.feed(data[start:end])
            taken += response.take()
        assert (response.status, response.ended, response.lasts, taken) == (200, True, True, b"".join(body))
