from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from app.workers.live import LiveChoice
from app.workers.wire import Choice, RawChoice

if TYPE_CHECKING:
    from collections.abc import Sequence


def told(*choices: dict[str, object]) -> Sequence[bytes]:
    """Return the deltas that one choice's chunks are handed on with."""
    live = LiveChoice()
    deltas: list[bytes] = []
    for choice in choices:
        data = msgspec.json.encode(choice)
        raw = msgspec.json.decode(data, type=RawChoice)
        live.revise(raw, msgspec.json.decode(data, type=Choice))
        deltas.append(bytes(raw.delta))
    return deltas


def delta(**fields: object) -> dict[str, object]:
    return {"delta": fields}


END: dict[str, object] = {"delta": {}, "finish_reason": "stop"}


def test_a_choice_without_thinking_goes_out_as_it_came() -> None:
    choices = [delta(role="assistant", content=""), delta(content="a", other=[1]), delta(content=" <think>"), END]
    assert told(*choices) == [msgspec.json.encode(choice["delta"]) for choice in choices]


def test_thinking_in_tags_goes_out_as_reasoning() -> None:
    choices = [delta(role="assistant", content="<think>"), delta(content="hm"), delta(content="</think>4", x=1), END]
    assert told(*choices) == [b'{"role":"assistant"}', b'{"reasoning":"hm"}', b'{"x":1,"content":"4"}', b"{}"]


def test_the_older_name_of_reasoning_is_replaced_by_the_newer() -> None:
    choices = [delta(reasoning_content="h", x=1), delta(reasoning="m", reasoning_content="m"), delta(content="4"), END]
    assert told(*choices) == [b'{"x":1,"reasoning":"h"}', b'{"reasoning":"m"}', b'{"content":"4"}', b"{}"]


def test_a_text_is_left_alone_where_thinking_comes_as_such() -> None:
    choices = [delta(reasoning="hm"), delta(content="<think>"), delta(reasoning_content="hm", content="</think>"), END]
    expected = [b'{"reasoning":"hm"}', b'{"content":"<think>"}', b'{"reasoning":"hm","content":"</think>"}', b"{}"]
    assert told(*choices) == expected


def test_what_is_held_back_goes_out_with_the_end() -> None:
    assert told(delta(content="<thi"), END) == [b"{}", b'{"content":"<thi"}']
    assert told(delta(content="<think>a </"), END) == [b'{"reasoning":"a"}', b'{"reasoning":" </"}']
    assert told(delta(content="<th"), delta(reasoning="hm")) == [b"{}", b'{"reasoning":"hm","content":"<th"}']


def test_a_delta_that_is_null_is_handed_on_as_an_empty_one() -> None:
    assert told({"delta": None}, {"delta": None, "finish_reason": "stop"}) == [b"{}", b"{}"]
