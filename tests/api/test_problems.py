from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from pydantic import TypeAdapter, ValidationError

from app.api.problems import MAX_MESSAGE, MAX_PROBLEMS, describe, invalid, path_in, unreadable
from app.strategies import AnyStrategy

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.strategies.base import Strategy


NUMBERS = TypeAdapter(dict[str, int])
STRATEGY: TypeAdapter[Strategy] = TypeAdapter(AnyStrategy)


def error_of(validate: Callable[[object], object], value: object) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        validate(value)
    return caught.value


def test_the_names_of_kinds_are_no_part_of_a_path() -> None:
    value = {"type": "reject", "max_attempts": 2, "reject_if": ["failed", {"similarity_above": 2.0}]}
    param, message = describe(error_of(STRATEGY.validate_python, value), value)
    assert param == "reject_if.1.similarity_above"
    assert "reject_if.1.similarity_above: Input should be less than 1" in message
    assert "SimilarityAbove" not in param


def test_all_problems_are_told_up_to_a_bound() -> None:
    value = dict.fromkeys("abcdefgh", "x")
    _, message = describe(error_of(NUMBERS.validate_python, value), value)
    assert message.count("; ") == MAX_PROBLEMS - 1
    assert message.startswith("a: ")


def test_a_message_is_bounded() -> None:
    value = {"x" * 9_999: "y"}
    _, message = describe(error_of(NUMBERS.validate_python, value), value)
    assert len(message) == MAX_MESSAGE


def test_what_was_given_is_not_repeated() -> None:
    value = {"a": "confidential"}
    param, message = describe(error_of(NUMBERS.validate_python, value), value)
    assert param == "a"
    assert "confidential" not in message


def test_a_value_that_is_wrong_as_a_whole_has_no_path() -> None:
    error = invalid(error_of(NUMBERS.validate_python, "x"), "x")
    assert (error.param, error.code, error.status) == (None, "invalid_request", 400)


def test_our_own_words_come_without_pydantics() -> None:
    value = {"type": "hybrid"}
    _, message = describe(error_of(STRATEGY.validate_python, value), value)
    assert message == "give either `chains` and `rounds`, or `widths`"


def test_a_number_that_is_no_place_of_the_list_is_no_part_of_the_path() -> None:
    assert path_in([{"a": 1}], (0, "a"), missing=False) == ["0", "a"]
    assert path_in([{"a": 1}], (1, "a"), missing=False) == []
    assert path_in([{"a": [5]}], (0, "list[int]", "a", 0, "int"), missing=False) == ["0", "a", "0"]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({}, "an object needs a 'type'"),
        ({"type": None}, "there is no type 'None'; valid are 'hybrid', 'parallel'"),
        ({"type": "x" * 999}, f"there is no type '{'x' * 100}'; valid are"),
        ({"type": "parallel", "n": 2, "answer": 7}, "answer: this must be an object with a 'type', or the name of one"),
        ({"type": "parallel", "n": 2, "context": 7}, "context: this must be an object"),
        ({"type": "parallel", "n": 2, "verifiers": "math"}, "verifiers: this must be a list"),
        ({"type": "hybrid", "widths": []}, "widths: this needs at least 1; 0 given"),
        ({"type": "parallel"}, "n: this field is required"),
    ],
)
def test_what_names_no_part_is_told_in_words_of_parts(value: object, told: str) -> None:
    _, message = describe(error_of(STRATEGY.validate_python, value), value)
    assert told in message
    assert "tag" not in message


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"wave": 0}, "wave: Input should be greater than or equal to 1"),
        ({"wave": 2.5}, "wave: Input should be a valid integer; wave: this must be a list"),
        ({"wave": [0, 2]}, "wave.0: Input should be greater than or equal to 1"),
        ({"wave": [2, "4"]}, "wave.1: Input should be a valid integer"),
        ({"wave": []}, "wave: this needs at least 1; 0 given"),
        ({"wave": "all"}, "wave: Input should be a valid integer; wave: this must be a list"),
        ({"sampling": {"temperature": 3}}, "sampling.temperature: Input should be less than or equal to 2"),
        ({"stop": {"type": "any_of", "rules": ["race"]}}, "stop.rules: this needs at least 2; 1 given"),
    ],
)
def test_what_may_be_of_several_kinds_is_told_of_the_kind_that_it_is(change: dict[str, object], told: str) -> None:
    value = {"type": "parallel", "n": 8, **change}
    param, message = describe(error_of(STRATEGY.validate_python, value), value)
    assert message == told
    assert param == told.partition(":")[0]


def test_a_list_with_a_mistake_in_it_is_not_called_too_short() -> None:
    value = {"type": "parallel", "n": 8, "stop": {"type": "any_of", "rules": ["race", "raec"]}}
    param, message = describe(error_of(STRATEGY.validate_python, value), value)
    assert param == "stop.rules.1"
    assert message.startswith("stop.rules.1: there is no type 'raec'; valid are ")
    assert "at least" not in message


def test_words_that_are_none_of_those_allowed_are_not_asked_to_be_an_object() -> None:
    value = {"type": "reject", "max_attempts": 2, "reject_if": ["faild"]}
    _, message = describe(error_of(STRATEGY.validate_python, value), value)
    assert message == "reject_if.0: Input should be 'failed' or 'duplicate_answer'"


LARGEST = 2**31 - 1


@pytest.mark.parametrize(
    "path", ["max_completion_tokens_per_candidate", "budget.max_completion_tokens", "sampling.max_tokens"]
)
@pytest.mark.parametrize("tokens", [LARGEST + 1, 10**40])
def test_limits_of_tokens_are_bounded(path: str, tokens: int) -> None:
    def limited(tokens: int) -> dict[str, object]:
        section, _, name = path.rpartition(".")
        return {"type": "parallel", "n": 8, **({section: {name: tokens}} if section else {name: tokens})}

    STRATEGY.validate_python(limited(LARGEST))
    value = limited(tokens)
    _, message = describe(error_of(STRATEGY.validate_python, value), value)
    assert message == f"{path}: Input should be less than or equal to {LARGEST}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"strategy": {"stop": {"confidence": NaN}}}', "`confidence` is NaN; "),
        ('{"temperature":-Infinity}', "`temperature` is Infinity; "),
        ('{"temperature": [NaN]}', "`temperature` is NaN; "),
        ('{"temperature": [1, Infinity]}', "at byte 20 stands Infinity; "),
        ('{"temperature": 1,}', "JSON is malformed: "),
        ('{"temperature": 1', "Input data was truncated"),
    ],
)
def test_a_number_that_is_no_json_is_named_with_its_field(text: str, told: str) -> None:
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(text)
    reason = unreadable(text.encode(), caught.value)
    assert reason.startswith(f"not valid JSON: {told}")
    assert ("NaN and Infinity are no JSON" in reason) == told.endswith("; ")
