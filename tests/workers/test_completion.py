from __future__ import annotations

import msgspec

from app.candidates import ToolCall, Usage
from app.workers.completion import Completion
from app.workers.wire import Choice, ChunkUsage, PromptDetails


def completion_of(*choices: dict[str, object]) -> Completion:
    completion = Completion()
    for choice in choices:
        completion.add(msgspec.json.decode(msgspec.json.encode(choice), type=Choice))
    return completion


def delta(**fields: object) -> dict[str, object]:
    return {"delta": fields}


def test_pieces_of_text_are_joined_and_thinking_is_kept_apart() -> None:
    for field in ("reasoning", "reasoning_content"):
        completion = completion_of(delta(**{field: "Let "}), delta(**{field: "me see."}), delta(content="4"), delta())
        reply = completion.reply()
        assert (reply.text, reply.thinking) == ("4", "Let me see.")
        assert completion.chunks == 3


def test_thinking_in_tags_is_kept_apart_too() -> None:
    reply = completion_of(delta(content="<thi"), delta(content="nk>hm</think>\n\n4")).reply()
    assert (reply.text, reply.thinking) == ("4", "hm")


def test_a_text_is_left_alone_where_thinking_came_as_such() -> None:
    text = "<think> opens it, and\n</think>\ncloses it."
    reply = completion_of(delta(reasoning="hm"), delta(content=text)).reply()
    assert (reply.text, reply.thinking) == (text, "hm")


def test_tool_calls_without_an_index_are_told_apart_by_their_ids_and_names() -> None:
    reply = completion_of(
        delta(tool_calls=[{"index": None, "id": "a", "function": {"name": "add", "arguments": "{"}}]),
        delta(tool_calls=[{"index": None, "function": {"arguments": "}"}}]),
        delta(tool_calls=[{"id": "b", "function": {"name": "add"}}, {"id": "b", "function": {"arguments": "[]"}}]),
        delta(tool_calls=[{"function": {"name": "sub", "arguments": "1"}}, {"index": None}]),
    ).reply()
    assert reply.tool_calls == (
        ToolCall(id="a", name="add", arguments="{}"),
        ToolCall(id="b", name="add", arguments="[]"),
        ToolCall(id="", name="sub", arguments="1"),
    )


def test_tool_calls_are_put_together_from_their_pieces_in_the_order_of_their_index() -> None:
    reply = completion_of(
        delta(tool_calls=[{"index": 1, "id": "b", "function": {"name": "sub", "arguments": "{}"}}]),
        delta(tool_calls=[{"index": 0, "id": "a", "function": {"name": "add", "arguments": '{"x"'}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": ": 1}"}}, {"index": 1}]),
    ).reply()
    assert reply.tool_calls == (
        ToolCall(id="a", name="add", arguments='{"x": 1}'),
        ToolCall(id="b", name="sub", arguments="{}"),
    )


def test_chunks_stand_in_for_tokens_until_the_worker_has_counted() -> None:
    completion = completion_of(delta(content="a"), delta(content="b"))
    assert (completion.tokens, completion.spent()) == (2, Usage(completion=2))
    details = PromptDetails(cached_tokens=4)
    completion.count(ChunkUsage(prompt_tokens=7, completion_tokens=9, prompt_tokens_details=details))
    assert (completion.tokens, completion.spent()) == (9, Usage(prompt=7, cached=4, completion=9))


def test_counts_that_the_worker_leaves_out_are_nothing() -> None:
    completion = Completion()
    completion.count(ChunkUsage(prompt_tokens=None, completion_tokens=None, prompt_tokens_details=PromptDetails()))
    assert completion.spent() == Usage()


def test_it_is_complete_with_a_reason_to_end_and_a_count() -> None:
    completion = completion_of({"delta": {}, "finish_reason": "length"})
    assert (completion.finish_reason, completion.complete) == ("length", False)
    completion.count(ChunkUsage())
    assert completion.complete


def test_log_probabilities_are_kept_as_they_came() -> None:
    completion = completion_of(
        {"delta": {"content": "a"}, "logprobs": {"content": [{"token": "a", "logprob": -0.5}]}},
        {"delta": {"content": "b"}, "logprobs": {"content": None}},
    )
    assert [bytes(entry) for entry in completion.logprobs] == [b'{"token":"a","logprob":-0.5}']
