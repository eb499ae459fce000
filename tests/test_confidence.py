from __future__ import annotations

import asyncio
import json
from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.confidence import (
    GROUP_TOKENS,
    INLINE_ENTRIES,
    LOWEST_LOGPROB,
    confidence,
    confidence_of,
    with_alternatives,
)

DEEP = b'{"other": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
LOGPROBS = st.lists(st.floats(-30, 0), min_size=2, max_size=5)


def entry(*logprobs: float | None) -> bytes:
    alternatives = [{"token": "x", "logprob": value} for value in logprobs]
    return json.dumps(
        {"token": "x", "logprob": logprobs[0] if logprobs else None, "top_logprobs": alternatives}
    ).encode()


def test_a_model_that_sees_one_way_to_go_on_is_surer_than_one_that_sees_several() -> None:
    sure, torn = confidence([entry(log(0.98), log(0.01))]), confidence([entry(log(0.5), log(0.5))])
    assert sure is not None
    assert torn is not None
    assert sure.mean == pytest.approx(-(log(0.98) + log(0.01)) / 2)
    assert torn.mean == pytest.approx(log(2))
    assert sure.mean > torn.mean


@given(st.lists(LOGPROBS, min_size=1, max_size=30))
def test_the_mean_is_that_of_all_tokens_and_a_short_trace_is_one_group(tokens: list[list[float]]) -> None:
    found = confidence([entry(*token) for token in tokens])
    assert found is not None
    assert found.mean == pytest.approx(sum(-sum(token) / len(token) for token in tokens) / len(tokens), abs=1e-9)
    assert found.lowest_group == pytest.approx(found.mean, abs=1e-9)


@given(st.integers(0, 3 * GROUP_TOKENS))
def test_the_least_sure_passage_is_found_wherever_it_stands(place: int) -> None:
    sure, unsure = entry(-0.01, -9.99), entry(-0.5, -1.5)
    found = confidence([sure] * place + [unsure] * GROUP_TOKENS + [sure] * (3 * GROUP_TOKENS - place))
    assert found is not None
    assert found.lowest_group == pytest.approx(1.0)
    assert found.mean == pytest.approx((5.0 * 3 + 1.0) / 4)


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [entry()],
        [entry(-0.1)],
        [entry(None, None)],
        [b"{}"],
        [b"null"],
        [b"\xff"],
        [b'{"top_logprobs": 3}'],
        [DEEP],
    ],
)
def test_without_alternatives_nothing_can_be_said(entries: list[bytes]) -> None:
    assert confidence(entries) is None


def test_tokens_without_alternatives_are_left_out_and_the_impossible_is_bounded() -> None:
    found = confidence([b"{}", entry(-1.0, -3.0), entry(-9999.0, 0.0)])
    assert found is not None
    assert found.mean == pytest.approx((2.0 - LOWEST_LOGPROB / 2) / 2)


def test_a_long_trace_is_read_off_the_event_loop_with_the_same_result() -> None:
    entries = [entry(log(0.9), log(exp(-3.0)))] * 500
    assert asyncio.run(confidence_of(entries)) == confidence(entries)


@pytest.mark.parametrize("many", [1, INLINE_ENTRIES + 1])
def test_alternatives_that_nobody_asked_for_are_cut_off_and_the_rest_is_as_it_came(many: int) -> None:
    entry = b'{"token":"a","logprob":-9999.0,"top_logprobs":[{"token":"a","logprob":-0.10},{"token":"b"}]}'

    def cut(count: int) -> set[bytes]:
        return set(asyncio.run(with_alternatives([entry] * many, count)))

    assert cut(2) == {entry}
    assert cut(1) == {b'{"token":"a","logprob":-9999.0,"top_logprobs":[{"token":"a","logprob":-0.10}]}'}
    assert cut(0) == {b'{"token":"a","logprob":-9999.0,"top_logprobs":[]}'}


@pytest.mark.parametrize("entry", [b"?", b'{"top_logprobs":null}', b'{"top_logprobs":7}', b"[]", b'{"token":"a"}'])
def test_a_log_probability_of_another_shape_stays_as_it_is(entry: bytes) -> None:
    assert asyncio.run(with_alternatives([entry], 0)) == (entry,)
