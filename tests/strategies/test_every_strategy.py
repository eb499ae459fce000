from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.candidates import Ask, Candidate, Failure, Verdict
from app.estimate import rehearse
from app.strategies import STRATEGIES, AnyStrategy
from app.strategies.history import History
from app.strategies.hybrid import Hybrid
from app.strategies.parallel import Parallel
from app.strategies.reject import Reject
from app.strategies.sequential import Sequential
from app.strategies.single import Single

if TYPE_CHECKING:
    from app.strategies.base import Strategy

FEW = st.integers(1, 5)
ANY = st.one_of(
    st.builds(Single, n=FEW),
    st.builds(Parallel, n=st.integers(1, 9), wave=st.none() | FEW | st.lists(FEW, min_size=1, max_size=4).map(tuple)),
    st.builds(Parallel, n=st.integers(1, 9), in_flight=FEW),
    st.builds(Sequential, rounds=FEW),
    st.builds(Hybrid, chains=FEW, rounds=FEW),
    st.builds(Hybrid, widths=st.lists(FEW, min_size=1, max_size=4).map(tuple)),
    st.builds(Reject, max_attempts=st.integers(3, 9), accept=st.integers(1, 3), explore=st.booleans()),
)
FAILURE = Failure(message="gone")


def back(index: int, ask: Ask, *, failure: Failure | None = None, rejection: str | None = None) -> Candidate:
    return Candidate(
        index=index, round=ask.round, chain=ask.chain, finish_reason="stop", failure=failure, rejection=rejection
    )


@given(strategy=ANY, data=st.data())
def test_a_run_ends_and_never_asks_for_more_than_it_said_in_all_or_at_once(
    strategy: Strategy, data: st.DataObject
) -> None:
    asked: list[Ask] = []
    done: list[Candidate] = []
    open_: list[int] = []
    while True:
        asks = strategy.next(History(asked=asked, done=done))
        open_ += range(len(asked), len(asked) + len(asks))
        asked += asks
        assert len(asked) <= strategy.draws
        assert len(open_) <= strategy.width
        if not open_:
            break
        index = data.draw(st.sampled_from(open_))
        open_.remove(index)
        failure, rejection = data.draw(st.sampled_from([FAILURE, None])), data.draw(st.sampled_from(["no", None]))
        done = sorted([*done, back(index, asked[index], failure=failure, rejection=rejection)], key=lambda c: c.index)
    assert len(done) == len(asked)


@given(ANY)
def test_the_rehearsal_asks_for_everything_that_may_be_drawn(strategy: Strategy) -> None:
    asks = rehearse(strategy)
    assert len(asks) == strategy.draws
    for index, ask in enumerate(asks):
        assert all(shown.index < index for shown in ask.shown)
        assert all(earlier.index < index for earlier in ask.previous)


@given(ANY)
def test_failed_candidates_are_never_shown(strategy: Strategy) -> None:
    first = strategy.next(History())
    done = [back(i, ask, failure=FAILURE) for i, ask in enumerate(first)]
    following = strategy.next(History(asked=list(first), done=done))
    assert not any(ask.shown or ask.previous for ask in following)


@given(ANY)
def test_a_spec_spelled_out_reads_back_as_the_same_strategy(strategy: Strategy) -> None:
    spec = strategy.spec
    adapter: TypeAdapter[Strategy] = TypeAdapter(AnyStrategy)
    assert next(iter(spec)) == "type"
    assert adapter.validate_python(spec) == strategy


@pytest.mark.parametrize(
    ("text", "strategy"),
    [
        ("single", Single()),
        ("parallel-8", Parallel(n=8)),
        ("sequential-4", Sequential(rounds=4)),
        ("hybrid-2x4", Hybrid(chains=2, rounds=4)),
        ("hybrid-1+1+6", Hybrid(widths=(1, 1, 6))),
        ("reject-8", Reject(max_attempts=8)),
    ],
)
def test_a_short_form_names_one_strategy_and_no_other(text: str, strategy: Strategy) -> None:
    assert [parsed for kind in STRATEGIES if (parsed := kind.parse(text))] == [strategy]


@pytest.mark.parametrize(
    "text",
    [
        *("", "parallel", "parallel-", "parallel--8", "parallel-8.0", "parallel-1e3", "parallel-9999999999"),
        *("Parallel-8", "hybrid-8", "hybrid-2x", "hybrid-x2", "hybrid-1+", "hybrid-2x3x4", "single-1"),
        *("sequential-x", "reject-8 "),
    ],
)
def test_what_is_no_short_form_is_no_strategy(text: str) -> None:
    assert not any(kind.parse(text) for kind in STRATEGIES)


@pytest.mark.parametrize(
    "text", ["parallel-0", "parallel-1025", "sequential-0", "hybrid-0x4", "hybrid-1+0", "reject-0"]
)
def test_a_short_form_out_of_bounds_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        [kind.parse(text) for kind in STRATEGIES]


def test_more_candidates_wanted_than_are_drawn_is_refused() -> None:
    assert Parallel(n=3, min_candidates=3).min_candidates == 3
    with pytest.raises(ValidationError, match=r"min_candidates \(4\) is more than the strategy draws \(3\)"):
        Parallel(n=3, min_candidates=4)


@pytest.mark.parametrize("name", ["weighted", "best_of"])
def test_an_aggregator_by_score_needs_a_verifier(name: str) -> None:
    spec = {"n": 3, "aggregator": name}
    with pytest.raises(ValidationError, match="needs a score: add a verifier"):
        Parallel.model_validate(spec)
    assert Parallel.model_validate({**spec, "verifiers": [{"type": "exact", "answer": "x"}]}).aggregator.name == name


def test_a_candidate_counts_unless_it_failed_verification_or_has_no_answer() -> None:
    judged = Candidate(index=0, finish_reason="stop", verdict=Verdict(status="fail"))
    assert Parallel(n=1).rejects(judged, ()) == "failed verification"
    assert Parallel(n=1).rejects(Candidate(index=0, finish_reason="stop"), ()) == "no answer found"
