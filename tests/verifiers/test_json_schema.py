from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from app.candidates import Answer, Candidate, Reply
from app.verifiers.json_schema import JsonSchemaVerifier
from app.verifiers.json_schema.metaschema import metaschema_validator
from app.verifiers.json_schema.schemas import check_schema, violations
from app.verifiers.panel import judge_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.verifiers.base import VerifierTools

PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name"],
    "additionalProperties": False,
}


def verifier(schema: object) -> JsonSchemaVerifier:
    return JsonSchemaVerifier.model_validate({"type": "json_schema", "schema": schema})


def candidate(text: str, answer: Answer | None = None) -> Candidate:
    return Candidate(index=0, reply=Reply(text=text), finish_reason="stop", answer=answer)


@pytest.mark.parametrize(
    ("schema", "text", "status", "feedback"),
    [
        (PERSON, '{"name": "Ada", "age": 36}', "pass", None),
        (PERSON, 'Here you are:\n```json\n{"name": "Ada"}\n```', "pass", None),
        (PERSON, '{"age": 1}', "fail", "At $: 'name' is a required property."),
        (PERSON, '{"name": 5}', "fail", "At $.name: 5 is not of type 'string'."),
        (PERSON, '{"name": "Ada", "age": -1}', "fail", "At $.age: violates 'minimum'."),
        (PERSON, "I can't.", "fail", "No final answer was found."),
        ({"type": "integer"}, " 42\n", "pass", None),
        ({"type": "integer"}, '"42"', "fail", "At $: '42' is not of type 'integer'."),
        (True, "{}", "pass", None),
        (False, "{}", "fail", "At $: False schema does not allow {}."),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "array"}}}, '{"a": 1}', "fail", None),
        ({"$ref": "inner", "$defs": {"i": {"$id": "inner", "type": "object"}}}, '{"a": 1}', "pass", None),
    ],
)
def test_the_document_must_be_valid(
    runner: asyncio.Runner, tools: VerifierTools, schema: object, text: str, status: str, feedback: str | None
) -> None:
    verdict = runner.run(verifier(schema).verify(candidate(text), tools))
    assert verdict.status == status
    assert verdict.score == (1.0 if status == "pass" else 0.0)
    assert feedback is None or verdict.feedback == feedback


def test_the_answer_of_the_run_is_taken_if_it_is_json(runner: asyncio.Runner, tools: VerifierTools) -> None:
    answer = Answer(kind="json", text='{"name": "Ada"}', key="k")
    assert runner.run(verifier(PERSON).verify(candidate("whatever", answer), tools)).status == "pass"
    broken = Answer(kind="json", text='{"name": NaN}', key="k")
    verdict = runner.run(verifier(PERSON).verify(candidate("whatever", broken), tools))
    assert (verdict.status, verdict.feedback) == ("fail", "The final answer is not valid JSON.")


@pytest.mark.parametrize(
    "keyword",
    [{"const": "gold"}, {"enum": ["gold"]}, {"pattern": "^gold$"}, {"not": {"not": {"const": "gold"}}}],
)
def test_feedback_does_not_give_away_what_is_expected(keyword: dict[str, object]) -> None:
    found = violations({"properties": {"x": keyword}}, '{"x": "lead"}')
    assert found
    assert "gold" not in found[0]
    assert "$.x" in found[0]


def test_feedback_is_bounded() -> None:
    document = json.dumps({f"key{number}" * 100: "x" * 10_000 for number in range(50)})
    found = violations({"additionalProperties": {"type": "integer"}}, document)
    assert found is not None
    assert len(found) == 5
    assert max(map(len, found)) < 500


@pytest.mark.parametrize("document", ["", "nope", "NaN", "[Infinity]", "[" * 100_000, "1" * 5_000, "\ud800"])
def test_what_is_not_json_has_no_violations_to_list(document: str) -> None:
    assert violations({}, document) is None


NO_SCHEMAS: list[tuple[object, str]] = [
    ({"type": "strin"}, r"'strin' is not one of .* \(at \$\.type\)"),
    ({"properties": {"a": {"minLength": -1}}}, r"\(at \$\.properties\.a\.minLength\)"),
    ({"pattern": "(a"}, r"'\(a' is not a 'regex'"),
    ({"patternProperties": {"(a": True}}, r"'\(a' is not a 'regex'"),
    ({"required": ["a", 1]}, "1 is not of type 'string'"),
    ({"$ref": "http://127.0.0.1:1/remote.json"}, "none is fetched"),
    ({"items": {"$ref": "file:///etc/passwd"}}, "none is fetched"),
    ({"$ref": "#/$defs/missing"}, "leads nowhere"),
    ({"$dynamicRef": "#missing"}, "leads nowhere"),
    ({"$id": "http://[broken"}, "not a JSON Schema"),
    ({"enum": ["x" * 70_000]}, "more than 65536 characters"),
    ({"anyOf": [{}] * 1_000}, "more than 1000 objects and lists"),
    ({"type": [*range(10_000), "x"]}, "is too long"),
    ({"$ref": "#/$defs/a/b", "$defs": {"a": True}}, "not a JSON Schema"),
    ({"$ref": "#/title/0", "title": "text"}, "not a JSON Schema"),
    ({"$ref": "#not/an anchor"}, "leads nowhere"),
    ("not a schema", "valid dictionary"),
    (5, "valid dictionary"),
    (None, "valid dictionary"),
]


@pytest.mark.parametrize(("schema", "reason"), NO_SCHEMAS)
def test_what_is_no_schema_is_refused_with_the_reason(schema: object, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        verifier(schema)


def test_a_schema_that_nests_too_deeply_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(70):
        schema = {"not": schema}
    with pytest.raises(ValidationError, match="more than 64 levels"):
        verifier(schema)


class Unopened(list[int]):
    """A list that must not be looked into."""

    def __iter__(self) -> Iterator[int]:
        raise AssertionError


def test_no_more_of_a_schema_is_looked_at_than_it_may_have() -> None:
    with pytest.raises(ValueError, match="more than 65536 characters"):
        check_schema({"enum": Unopened(range(70_000))})
    with pytest.raises(ValueError, match="more than 1000 objects and lists"):
        check_schema({"anyOf": [{"enum": Unopened()}] * 1_000})


def test_the_keys_of_a_schema_count_as_its_characters() -> None:
    with pytest.raises(ValidationError, match="more than 65536 characters"):
        verifier({"properties": {"x" * 70_000: True}})


def test_the_schema_keeps_its_name_when_written_out() -> None:
    assert json.loads(verifier(PERSON).model_dump_json()) == {"type": "json_schema", "schema": PERSON}


def test_a_pattern_that_backtracks_for_ever_ends_at_the_time_limit_beside_the_event_loop(
    runner: asyncio.Runner,
    tools: VerifierTools,
) -> None:
    async def scenario() -> None:
        hostile = verifier({"properties": {"x": {"pattern": "^(a+)+$"}}})
        text = json.dumps({"x": "a" * 5_000 + "!"})
        ticks = 0
        async with asyncio.TaskGroup() as group:
            judging = group.create_task(judge_all([hostile], candidate(text), tools))
            while not judging.done():
                await asyncio.sleep(0.01)
                ticks += 1
        verdict = judging.result()
        assert verdict is not None
        assert (verdict.status, verdict.score) == ("error", None)
        assert verdict.feedback == "The verifier json_schema ran out of time."
        assert ticks > 10
        again = await verifier(PERSON).verify(candidate('{"name": "Ada"}'), tools)
        assert again.status == "pass"

    runner.run(scenario())


def test_a_reference_to_itself_without_end_is_an_error(runner: asyncio.Runner, tools: VerifierTools) -> None:
    verdict = runner.run(judge_all([verifier({"$ref": "#"})], candidate("{}"), tools))
    assert verdict is not None
    assert (verdict.status, verdict.feedback) == ("error", "The verifier json_schema broke (RecursionError).")


def test_a_megabyte_of_json_is_judged(runner: asyncio.Runner, tools: VerifierTools) -> None:
    text = json.dumps({"name": "x" * 1_000_000})
    assert runner.run(verifier(PERSON).verify(candidate(text), tools)).status == "pass"


KEYWORDS = [
    *("type", "properties", "items", "required", "anyOf", "$defs", "minLength", "minimum", "not", "enum", "title"),
    *("prefixItems", "dependentRequired", "uniqueItems", "multipleOf", "$anchor", "$ref", "const", "pattern"),
]
SUBSCHEMAS = st.recursive(
    st.booleans() | st.none() | st.just(5),
    lambda inner: st.dictionaries(
        st.sampled_from(KEYWORDS),
        inner
        | st.sampled_from(["string", "#/a", "a b", -1, 0, 2.5, ["a"], [], ["string", "null"]])
        | st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["a", "b"]), inner | st.just(["a"]), max_size=2),
        max_size=3,
    ),
    max_leaves=6,
)


def is_valid(validator: Draft202012Validator, value: Any) -> bool:  # noqa: ANN401 - any JSON value
    return validator.is_valid(value)  # pyright: ignore[reportUnknownMemberType]


@given(SUBSCHEMAS)
def test_the_metaschema_agrees_with_the_draft(schema: object) -> None:
    draft = Draft202012Validator(Draft202012Validator.META_SCHEMA)
    assert is_valid(metaschema_validator(), schema) == is_valid(draft, schema)


@given(st.dictionaries(st.sampled_from(KEYWORDS), SUBSCHEMAS | st.sampled_from(["#/title/0", "#a", "a", "#/a/0"])))
def test_whatever_comes_as_a_schema_is_taken_or_refused_as_invalid(schema: dict[str, object]) -> None:
    with suppress(ValidationError):
        verifier(schema)
