from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.selection import Selector, has_more_values, split_model
from app.errors import InvalidStrategyError
from app.strategies.hybrid import Hybrid
from app.strategies.parallel import Parallel
from app.strategies.reject import Reject
from app.strategies.sequential import Sequential
from app.strategies.single import Single

if TYPE_CHECKING:
    from app.strategies.base import Strategy

NAMES = st.sampled_from("abc")
JSON = st.recursive(st.just(0), lambda inside: st.lists(inside, max_size=6) | st.dictionaries(NAMES, inside))

MODELS = {"qwen3", "c4ai+r", "c4ai+r+plus"}


@pytest.fixture
def selector() -> Selector:
    presets: dict[str, object] = {"careful": {"type": "parallel", "n": 16}, "again": "reject-3"}
    return Selector(default="parallel-2", presets=presets)


def serves(model: str) -> bool:
    return model in MODELS


@pytest.mark.parametrize(
    ("model", "body", "header", "strategy", "by"),
    [
        ("qwen3+reject-2", {"type": "parallel", "n": 3}, "sequential-4", Parallel(n=3), "body"),
        ("qwen3+reject-2", "hybrid-2x2", "sequential-4", Hybrid(chains=2, rounds=2), "body"),
        ("qwen3+reject-2", None, "sequential-4", Sequential(rounds=4), "header"),
        ("qwen3+reject-2", None, ' {"type": "parallel", "n": 3}', Parallel(n=3), "header"),
        ("qwen3+reject-2", None, None, Reject(max_attempts=2), "model"),
        ("qwen3", None, None, Parallel(n=2), "default"),
    ],
)
def test_the_first_that_says_something_chooses_and_the_model_is_never_mistaken(
    selector: Selector, model: str, body: object, header: str | None, strategy: Strategy, by: str
) -> None:
    selection = selector.select(model=model, body=body, header=header, serves=serves)
    assert (selection.model, selection.strategy, selection.selected_by) == ("qwen3", strategy, by)


@pytest.mark.parametrize("widths", [2, 1_024])
def test_the_longest_short_form_is_still_read(selector: Selector, widths: int) -> None:
    text = "hybrid-" + "+".join(["0001"] * widths)
    assert selector.read(text) == Hybrid(widths=(1,) * widths)


def test_presets_are_chosen_by_name(selector: Selector) -> None:
    assert selector.read("careful") == Parallel(n=16)
    assert selector.read("again") == Reject(max_attempts=3)
    assert selector.select(model="qwen3+careful", body=None, header=None, serves=serves).strategy == Parallel(n=16)


def test_every_server_has_presets_and_one_of_its_own_of_the_same_name_takes_their_place() -> None:
    own = Selector(default="frugal", presets={"fast": "parallel-2"}, max_candidates=32)
    assert own.read("fast") == Parallel(n=2)
    assert own.default.spec["in_flight"] == 3
    assert own.read("faithful").spec["stop"] == {"type": "decided"}
    assert own.read("max").draws == 64


def test_a_default_beyond_the_servers_limit_is_refused_even_where_it_is_everybodys_preset() -> None:
    with pytest.raises(InvalidStrategyError, match=r"default_strategy: draws up to 64 .*max_candidates is 32"):
        Selector(default="max", presets={}, max_candidates=32)


@pytest.mark.parametrize(
    ("name", "model", "suffix"),
    [
        ("qwen3", "qwen3", None),
        ("qwen3+parallel-8", "qwen3", "parallel-8"),
        ("qwen3+hybrid-1+1+6", "qwen3", "hybrid-1+1+6"),
        ("c4ai+r", "c4ai+r", None),
        ("c4ai+r+plus", "c4ai+r+plus", None),
        ("c4ai+r+plus+hybrid-1+2", "c4ai+r+plus", "hybrid-1+2"),
        ("c4ai+r+single", "c4ai+r", "single"),
        ("nobody", "nobody", None),
        ("nobody+parallel-8", "nobody", "parallel-8"),
        ("nobody+hybrid-1+1", "nobody", "hybrid-1+1"),
        ("nobody+1", "nobody+1", None),
        ("qwen3+", "qwen3", ""),
    ],
)
def test_a_models_name_ends_where_the_longest_name_that_is_served_does(
    name: str, model: str, suffix: str | None
) -> None:
    assert split_model(name, serves) == (model, suffix)


@given(st.text(alphabet="ab+1-", max_size=12))
def test_model_and_suffix_make_up_the_name(name: str) -> None:
    model, suffix = split_model(name, {"a", "a+b"}.__contains__)
    assert name == (model if suffix is None else f"{model}+{suffix}")


@pytest.mark.parametrize("value", [5, [], ["parallel-8"], True, 1.5])
def test_what_is_neither_an_object_nor_a_name_is_no_strategy(selector: Selector, value: object) -> None:
    with pytest.raises(InvalidStrategyError, match=r"an object or a string: single, parallel-N") as caught:
        selector.read(value)
    assert caught.value.param == "strategy"


def test_an_unknown_name_is_answered_with_the_known_ones(selector: Selector) -> None:
    with pytest.raises(InvalidStrategyError, match=r"no strategy 'fastest'.*parallel-N.*preset: again, careful"):
        selector.read("fastest")
    with pytest.raises(InvalidStrategyError) as caught:
        Selector(default="single", presets={}).read("x" * 9_999)
    assert len(caught.value.message) < 400
    assert caught.value.message.endswith("or a preset: faithful, fast, frugal, max")


@pytest.mark.parametrize(
    ("spec", "param", "said"),
    [
        ({}, "strategy", "type"),
        ({"type": "best"}, "strategy", "'parallel'"),
        ({"type": "parallel"}, "strategy.n", "required"),
        ({"type": "parallel", "n": 0}, "strategy.n", "greater than or equal to 1"),
        ({"type": "parallel", "n": 10**6}, "strategy.n", "less than or equal to 1024"),
        ({"type": "parallel", "n": "many"}, "strategy.n", "integer"),
        ({"type": "parallel", "n": 2, "m": 1}, "strategy.m", "no such field"),
        ({"type": "parallel", "n": 2, "aggregator": "loudest"}, "strategy.aggregator", "'majority'"),
        ({"type": "parallel", "n": 2, "verifiers": [{"type": "guess"}]}, "strategy.verifiers.0", "'exact'"),
        ({"type": "parallel", "n": 2, "verifiers": [{"type": "exact"}]}, "strategy.verifiers.0.answer", "required"),
        ({"type": "parallel", "n": 2, "sampling": {"temperature": [0.1, 9]}}, "strategy.sampling.temperature.1", "2"),
        ({"type": "hybrid", "widths": []}, "strategy.widths", "at least 1"),
        ({"type": "sequential", "rounds": 2, "context": {"template": "x"}}, "strategy.context", "{feedback}"),
    ],
)
def test_a_wrong_spec_is_answered_with_the_field_and_what_would_be_right(
    selector: Selector, spec: dict[str, object], param: str, said: str
) -> None:
    with pytest.raises(InvalidStrategyError) as caught:
        selector.read(spec)
    assert caught.value.param == param
    assert said in caught.value.message


def test_a_short_form_out_of_bounds_is_answered_with_the_field_at_fault(selector: Selector) -> None:
    with pytest.raises(InvalidStrategyError, match=r"n: .*greater than or equal to 1") as caught:
        selector.read("parallel-0")
    assert caught.value.param == "strategy.n"


def test_a_header_with_a_number_that_is_none_is_refused_by_the_name_of_the_field(selector: Selector) -> None:
    header = '{"type": "parallel", "n": Infinity}'
    with pytest.raises(InvalidStrategyError, match=r"X-Quorum-Strategy is not valid JSON: `n` is Infinity; ") as caught:
        selector.select(model="qwen3", body=None, header=header, serves=serves)
    assert caught.value.param == "strategy"


@pytest.mark.parametrize("header", ["{", '{"type": }', "{" + '"a":{' * 100_000, '{"type": "parallel"}'])
def test_a_header_that_is_no_strategy_is_refused(selector: Selector, header: str) -> None:
    with pytest.raises(InvalidStrategyError):
        selector.select(model="qwen3", body=None, header=header, serves=serves)


def test_a_wrong_configuration_is_told_of_with_its_key() -> None:
    with pytest.raises(InvalidStrategyError, match=r"^preset wide: n: "):
        Selector(default="single", presets={"wide": {"type": "parallel", "n": 0}})
    with pytest.raises(InvalidStrategyError, match=r"^default_strategy: there is no strategy 'x'"):
        Selector(default="x", presets={})


def test_without_anything_else_the_default_is_run() -> None:
    assert Selector(default={"type": "single"}, presets={}).default == Single()


@pytest.mark.parametrize(
    "spec",
    [
        {"type": "parallel", "n": 2, "sampling": {"temperature": ["x"] * 200_000}},
        {"type": "parallel", "n": 2, **{f"x{number}": 1 for number in range(200_000)}},
        {"type": "parallel", "n": 2, "answer": {"type": "choice", "choices": [[0] * 100] * 2_000}},
    ],
)
def test_a_spec_of_too_many_values_is_refused_as_a_whole(selector: Selector, spec: object) -> None:
    with pytest.raises(InvalidStrategyError, match="more than 16384 values") as caught:
        selector.read(spec)
    assert caught.value.param == "strategy"


@given(JSON, st.integers(0, 30))
def test_values_are_counted_at_any_depth(value: object, most: int) -> None:
    containers_and_numbers = re.findall(r"[\[{]|0", msgspec.json.encode(value).decode())
    assert has_more_values(value, most) == (len(containers_and_numbers) - 1 > most)
