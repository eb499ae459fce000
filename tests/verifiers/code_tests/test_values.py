from __future__ import annotations

import json
import math
import time
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.verifiers.tests.harness import Encoder, TooLargeError
from app.verifiers.tests.values import MAX_OUTPUT, Opaque, Value, bag, canonical, read_value, same, shown

if TYPE_CHECKING:
    from random import Random

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=20
)


def through(value: object) -> Value:
    """Return the value as it arrives outside the sandbox."""
    return read_value(json.loads(json.dumps(Encoder(10_000).encode(value))))


@given(JSON)
def test_plain_data_arrives_as_it_was(value: object) -> None:
    assert through(value) == value
    assert same(through(value), value)


@given(JSON, JSON)
def test_values_are_the_same_exactly_if_python_says_so(value: object, other: object) -> None:
    if value == other:
        assert same(through(value), other)
    elif not _has_float(value) and not _has_float(other):
        assert not same(through(value), other)


@given(JSON)
def test_what_is_alike_has_one_text(value: object) -> None:
    assert canonical(through(value)) == canonical(through(json.loads(json.dumps(value))))


@given(st.sets(st.integers() | st.text()), st.randoms())
def test_a_set_is_the_list_of_its_items_in_any_order(items: set[object], random: Random) -> None:
    listed = list(items)
    random.shuffle(listed)
    assert same(through(items), listed)
    assert not same(through(items), [*listed, 10**400])
    assert canonical(through(items)) == canonical(through(set(listed)))


@given(st.floats(min_value=1e-3, max_value=1e100))
def test_the_last_digits_of_floats_do_not_count(value: float) -> None:
    assert same(through(value * (1 + 1e-12)), value)
    assert not same(through(value * 1.0001), value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, (2, 3)), [1, [2, 3]]),
        ({1: "a", None: "b", False: "c", 0.5: "d"}, {"1": "a", "null": "b", "false": "c", "0.5": "d"}),
        (1.0, 1),
        (True, 1),
        (0.1 + 0.2, 0.3),
        (1e-17, 0.0),
        (Decimal("0.5"), 0.5),
        (Fraction(4, 2), 2),
        (2**5_000, 2**5_000),
        (math.inf, math.inf),
        (frozenset({(1, 2)}), [[1, 2]]),
    ],
    ids=str,
)
def test_a_value_equals_what_json_has_for_it(value: object, expected: object) -> None:
    assert same(through(value), expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1", 1),
        (1, "1"),
        (None, 0),
        (None, False),
        ([], None),
        ([1], [1, 2]),
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, [["a", 1]]),
        ({1, 2}, [1]),
        ({1}, 1),
        (2**53 + 1, 2**53),
        (10**400, 1.0),
        (1e-17, 0),
        (10_000_000_005.0, 10_000_000_000),
        (1e301, 2e301),
        (math.nan, 0.0),
        (math.inf, 1),
        (b"a", "a"),
        (1j, 1),
        (range(3), [0, 1, 2]),
        (object(), {}),
        ({(1, 2): 3}, {}),
    ],
    ids=str,
)
def test_a_value_of_another_kind_or_size_is_another(value: object, expected: object) -> None:
    assert not same(through(value), expected)


def test_a_value_with_a_comparison_of_its_own_is_no_plain_data() -> None:
    class Equal:
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    assert through(Equal()) == Opaque("Equal")
    assert not same(through(Equal()), 1)


def test_a_list_that_holds_itself_has_an_end() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert "nested too deeply" in canonical(through(endless))
    endless.append(endless)
    with pytest.raises(TooLargeError):
        through(endless)


@pytest.mark.parametrize(
    "data",
    [{}, {"dict": 1}, {"set": {}}, {"int": "x"}, {"float": "1"}, {"bytes": "g"}, {"a": 1}, {"dict": {}, "set": []}],
    ids=str,
)
def test_data_that_the_harness_never_writes_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_value(data)


def test_data_that_nests_without_end_is_refused() -> None:
    data: object = 1
    for _ in range(200):
        data = [data]
    with pytest.raises(ValueError, match="deeply"):
        read_value(data)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1, "a", None], "[1, 'a', None]"),
        ({"a": (1,)}, "{'a': [1]}"),
        ({2, 1}, "{1, 2}"),
        (set[int](), "set()"),
        (10**400, hex(10**400)[:150]),
        (iter([]), "<list_iterator>"),
        ("\ud800", "<text with lone surrogates>"),
        ({"\ud800": 1}, "<dict whose keys are no plain data>"),
    ],
    ids=str,
)
def test_values_are_shown_as_python_writes_them(value: object, text: str) -> None:
    assert shown(through(value)).startswith(text)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({frozenset({1, 5})}, [[5, 1]]),
        ({frozenset({1, 5}), frozenset({3})}, [[3], [5, 1]]),
        ({(frozenset({1, 5}), "a"), (frozenset({9}), "b")}, [[[9], "b"], [[5, 1], "a"]]),
        ({(1, 2), (2, 1)}, [[2, 1], [1, 2]]),
        ({frozenset({0.1 + 0.2, "a"})}, [["a", 0.3]]),
        ([{frozenset({2, 1})}, 1], [[[2, 1]], 1]),
    ],
    ids=str,
)
def test_sets_in_sets_have_no_order_either(value: object, expected: object) -> None:
    assert same(through(value), expected)


def test_tuples_in_sets_have_their_order() -> None:
    assert not same(through({(1, 2), (3, 4)}), [[2, 1], [3, 4]])


def test_sets_in_sets_take_no_longer_the_deeper_they_stand() -> None:
    data: object = list(range(5_000))
    expected: object = data
    for _ in range(64):
        data, expected = {"set": [data]}, [expected]
    begun = time.perf_counter()
    value = read_value(data)
    assert "nested too deeply" in canonical(value)
    assert shown(value)
    assert not same(value, expected)
    assert time.perf_counter() - begun < 1


def test_the_kind_of_an_object_is_told_on_one_line() -> None:
    assert shown(read_value({"not_data": "a\n\x1b[1m\N{LINE SEPARATOR}b"})) == "<a [1m b>"


def test_long_outputs_are_cut_and_stay_different() -> None:
    first, second = canonical(through(["a"] * 9_000)), canonical(through([*["a"] * 8_999, "b"]))
    assert first != second
    assert max(len(first), len(second)) < MAX_OUTPUT


def test_numbers_that_are_equal_have_one_text() -> None:
    assert canonical(through([1.0, 0.1 + 0.2, -0.0])) == canonical(through([1, 0.3, 0]))
    assert canonical(math.nan) == '{"float":"nan"}'
    assert canonical(b"a") == '{"bytes":"61"}'
    assert canonical(bag([2, 1])) == '{"set":[1,2]}'


def _has_float(value: object) -> bool:
    return "." in json.dumps(value) or "e" in json.dumps(value)
