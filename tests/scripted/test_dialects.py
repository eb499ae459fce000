from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, cast

import msgspec
import pytest

from tests.scripted.client import get, post, stream
from tests.scripted.llamacpp import LlamaCpp
from tests.scripted.reply import Reply, ToolCall, Usage
from tests.scripted.scripts import always
from tests.scripted.upstream import Upstream

if TYPE_CHECKING:
    from tests.scripted.dialect import Dialect
    from tests.scripted.reply import Json

TWO = Reply(texts=("one two three", "four five"))
WITH_USAGE: Json = {"stream_options": {"include_usage": True}}


def streamed(reply: Reply, dialect: Dialect | None = None, **fields: object) -> list[Json]:
    async def scenario() -> list[Json]:
        async with Upstream(always(reply), dialect=dialect) as upstream:
            return await stream(upstream.url, **fields)

    return asyncio.run(scenario())


def posted(reply: Reply, dialect: Dialect | None = None, **fields: object) -> tuple[int, Json]:
    async def scenario() -> tuple[int, Json]:
        async with Upstream(always(reply), dialect=dialect) as upstream:
            return await post(upstream.url, **fields)

    return asyncio.run(scenario())


def choice_of(event: Json) -> Json:
    listed = cast("list[Json]", event["choices"])
    return listed[0] if listed else {}


def delta_of(event: Json) -> Json:
    return cast("Json", choice_of(event).get("delta", {}))


def shape(value: object) -> object:
    """Reduce a value to its field names and types; a list to the different shapes in it."""
    if isinstance(value, dict):
        fields = cast("Json", value)
        return tuple((name, shape(fields[name])) for name in sorted(fields))
    if isinstance(value, list):
        return frozenset(shape(item) for item in cast("list[object]", value))
    return "number" if isinstance(value, int | float) else type(value).__name__


@pytest.mark.slow
@pytest.mark.parametrize(
    "fields",
    [
        {},
        WITH_USAGE,
        {"n": 2, **WITH_USAGE},
        {"logprobs": True, "top_logprobs": 2},
        {"logprobs": True, "top_logprobs": 2, "n": 2, **WITH_USAGE},
    ],
)
def test_the_llama_cpp_dialect_streams_the_same_shapes_as_the_real_server(llamacpp_url: str, fields: Json) -> None:
    real = asyncio.run(stream(llamacpp_url, max_tokens=3, seed=1, **fields))
    scripted = streamed(TWO, LlamaCpp(), max_tokens=3, **fields)

    assert {shape(event) for event in scripted} == {shape(event) for event in real}
    assert kinds(scripted) == kinds(real)


def kinds(events: list[Json]) -> set[tuple[str, str]]:
    """Return which kinds of events of a stream follow which."""
    named = [kind(event) for event in events]
    return {pair for pair in itertools.pairwise(named) if pair[0] in {"finish", "role"}}


def kind(event: Json) -> str:
    choice = choice_of(event)
    if not choice:
        return "usage"
    return "finish" if choice["finish_reason"] else "role" if "role" in delta_of(event) else "token"


@pytest.mark.slow
@pytest.mark.parametrize("fields", [{}, {"n": 2}, {"logprobs": True, "top_logprobs": 1}])
def test_the_llama_cpp_dialect_answers_whole_as_the_real_server(llamacpp_url: str, fields: Json) -> None:
    real = asyncio.run(post(llamacpp_url, max_tokens=3, seed=1, **fields))
    scripted = posted(TWO, LlamaCpp(), max_tokens=3, **fields)

    assert shape(scripted) == shape(real)


@pytest.mark.slow
def test_the_llama_cpp_dialect_refuses_more_choices_than_slots_as_the_real_server(llamacpp_url: str) -> None:
    real = asyncio.run(post(llamacpp_url, max_tokens=3, n=3))
    scripted = posted(TWO, LlamaCpp(slots=2), n=3)

    assert scripted == real


@pytest.mark.slow
def test_the_llama_cpp_dialect_lists_its_models_as_the_real_server(llamacpp_url: str) -> None:
    async def scenario() -> tuple[Json, Json]:
        async with Upstream(dialect=LlamaCpp(context=512)) as upstream:
            pages = [await get(f"{url}/v1/models") for url in (upstream.url, llamacpp_url)]
        ours, theirs = (msgspec.json.decode(body, type=dict[str, object]) for _, body in pages)
        return cast("list[Json]", ours["data"])[0], cast("list[Json]", theirs["data"])[0]

    ours, theirs = asyncio.run(scenario())

    assert ours["owned_by"] == theirs["owned_by"] == "llamacpp"
    assert cast("Json", ours["meta"])["n_ctx"] == cast("Json", theirs["meta"])["n_ctx"]
    assert ours.keys() <= theirs.keys()
    assert cast("Json", ours["meta"]).keys() <= cast("Json", theirs["meta"]).keys()


def test_llama_cpp_ends_each_choice_with_a_usage_of_its_own() -> None:
    events = streamed(TWO, LlamaCpp(), n=2, **WITH_USAGE)

    closing = [event for event in events if not event["choices"]]
    assert [cast("Json", event["usage"])["completion_tokens"] for event in closing] == [2, 3]
    assert [choice_of(events[events.index(event) - 1])["index"] for event in closing] == [1, 0]


def test_llama_cpp_takes_any_model() -> None:
    assert posted(TWO, LlamaCpp(), model="whatever")[0] == 200


def test_vllm_refuses_an_unknown_model() -> None:
    status, body = posted(TWO, model="whatever")

    assert status == 404
    error = {"message": "The model `whatever` does not exist.", "type": "NotFoundError", "param": None, "code": 404}
    assert body == {"error": error}


@pytest.mark.parametrize("fields", [{"n": 2, "temperature": 0}, {"n": 0}, {"logprobs": True, "top_logprobs": 21}])
def test_vllm_refuses_what_it_can_not_do(fields: Json) -> None:
    assert posted(TWO, None, **fields)[0] == 400


def test_vllm_interleaves_choices_one_a_chunk_and_sums_the_usage() -> None:
    events = streamed(TWO, None, n=2, **WITH_USAGE)

    order = [choice_of(event)["index"] for event in events[:-1]]
    assert order == [0, 1, 0, 1, 0, 1, 0, 1, 0]
    assert events[-1]["choices"] == []
    assert events[-1]["usage"] == {"prompt_tokens": 2, "completion_tokens": 5, "total_tokens": 7}
    assert all("usage" not in event for event in events[:-1])


def test_vllm_counts_on_every_chunk_if_asked() -> None:
    options = {"include_usage": True, "continuous_usage_stats": True}
    events = streamed(Reply(texts=("a b c",)), stream_options=options)

    assert [cast("Json", event["usage"])["completion_tokens"] for event in events] == [0, 1, 2, 3, 3, 3]


def test_vllm_tells_a_length_finish_with_the_last_token() -> None:
    events = streamed(TWO, max_tokens=2)

    assert delta_of(events[-1]) == {"content": " two"}
    assert choice_of(events[-1])["finish_reason"] == "length"


@pytest.mark.parametrize(("dialect", "name"), [(None, "reasoning"), (LlamaCpp(), "reasoning_content")])
def test_thinking_comes_first_under_the_engine_s_name(dialect: Dialect | None, name: str) -> None:
    events = streamed(Reply(texts=("4",), reasoning="two and two"), dialect)

    assert "".join(str(delta_of(event).get(name, "")) for event in events) == "two and two"
    _, body = posted(Reply(texts=("4",), reasoning="hm"), dialect)
    assert cast("Json", choice_of(body)["message"])[name] == "hm"


def test_the_name_of_the_thinking_can_be_an_older_one() -> None:
    events = streamed(Reply(reasoning="hm", reasoning_field="reasoning_content"))

    assert {"reasoning_content": "hm"} in [delta_of(event) for event in events]


@pytest.mark.parametrize("dialect", [None, LlamaCpp()])
def test_a_tool_call_comes_as_its_name_and_then_its_arguments(dialect: Dialect | None) -> None:
    call = ToolCall(name="add", arguments='{"a": 1, "b": 2}', id="call_7")
    events = streamed(Reply(texts=("",), tool_calls=(call,)), dialect)

    deltas = [delta for event in events if "tool_calls" in (delta := delta_of(event))]
    parts = [cast("list[Json]", delta["tool_calls"])[0] for delta in deltas]
    functions = [cast("Json", part["function"]) for part in parts]
    assert (parts[0]["id"], functions[0]["name"]) == ("call_7", "add")
    assert "".join(str(function["arguments"]) for function in functions) == call.arguments
    assert choice_of(events[-1])["finish_reason"] == "tool_calls"
    _, body = posted(Reply(tool_calls=(call,)), dialect)
    assert cast("list[Json]", cast("Json", choice_of(body)["message"])["tool_calls"])[0]["id"] == "call_7"


def test_logprobs_are_given_to_the_tokens_in_turn() -> None:
    events = streamed(Reply(texts=("a b c",), logprobs=(-0.1, -2.0)), logprobs=True, top_logprobs=3)

    told = [cast("Json", choice_of(event)["logprobs"]) for event in events if choice_of(event)["logprobs"]]
    tokens = [token for entry in told for token in cast("list[Json]", entry["content"])]
    assert [token["logprob"] for token in tokens] == [-0.1, -2.0, -0.1]
    assert [len(cast("list[Json]", token["top_logprobs"])) for token in tokens] == [3, 3, 3]


def test_the_usage_can_be_a_lie() -> None:
    events = streamed(Reply(usage=Usage(prompt=100, completion=50, cached=64)), None, **WITH_USAGE)

    counts = cast("Json", events[-1]["usage"])
    assert (counts["prompt_tokens"], counts["completion_tokens"], counts["total_tokens"]) == (100, 50, 150)
    assert counts["prompt_tokens_details"] == {"cached_tokens": 64}


def test_chunks_can_carry_several_tokens() -> None:
    events = streamed(Reply(texts=("a b c d e",), tokens_per_chunk=2))

    assert [delta_of(event)["content"] for event in events] == ["", "a b", " c d", " e", ""]
