"""Simulated runs, against what they come to by hand."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.aggregators.last import Last
from app.aggregators.majority import Majority
from app.aggregators.weighted import Weighted
from app.board import Board
from app.candidates import Verdict
from app.events import Nobody
from app.gathering import Gathering
from app.job import Job
from app.replay.errors import ReplayError
from app.replay.flight import Flight
from app.replay.simulation import Simulation, Trial
from app.sampling import Sampling
from app.stopping.any_of import AnyOf
from app.stopping.base import StopRule
from app.stopping.beta import Beta
from app.stopping.certified import Certified
from app.stopping.decided import Decided
from app.stopping.finishers import Finishers
from app.stopping.none import NeverStop
from app.stopping.race import Race
from app.stopping.window import Window
from app.strategies.parallel import Parallel
from app.strategies.reject import Reject
from app.strategies.single import Single
from tests.replay.recorded import deck

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from app.aggregators.base import Aggregator
    from app.assessor import Assessor
    from app.candidates import Candidate
    from app.replay.deck import Deck
    from app.run import Run
    from app.stopping.base import Progress
    from app.strategies.base import Strategy

Pace: TypeAlias = "dict[str, int | list[int]]"

FOUR = deck(("A", 10), ("B", 20), ("A", 30), ("C", 40))


def run(strategy: Parallel | Reject | Single, cards: Deck = FOUR, order: tuple[int, ...] = (0, 1, 2, 3)) -> Trial:
    return Simulation(strategy, cards).run(order)


def trial(cluster: int | None, *, tokens: int, time: int, stopped_by: str | None = None) -> Trial:
    return Trial(cluster=cluster, tokens=tokens, time=time, stopped_by=stopped_by)


def parallel(n: int, pace: Pace, stop: StopRule, cap: int | None) -> Parallel:
    spec = {"n": n, "max_completion_tokens_per_candidate": cap, **pace}
    return Parallel.model_validate(spec).model_copy(update={"stop": stop})


def test_all_at_once_takes_as_long_as_the_longest() -> None:
    assert run(Parallel(n=4, stop=NeverStop())) == trial(0, tokens=100, time=40)


def test_what_is_under_way_when_the_vote_is_decided_costs_what_it_had_generated() -> None:
    assert run(Parallel(n=4)) == trial(0, tokens=10 + 20 + 30 + 30, time=30, stopped_by="decided")


def test_waves_wait_for_their_longest() -> None:
    assert run(Parallel(n=4, wave=2, stop=NeverStop())) == trial(0, tokens=100, time=20 + 40)


def test_a_wave_under_way_is_cut_at_what_it_had_generated_since_it_began() -> None:
    assert run(Parallel(n=4, wave=2)) == trial(0, tokens=10 + 20 + 30 + 30, time=20 + 30, stopped_by="decided")


def test_waves_that_a_decision_makes_needless_are_not_drawn() -> None:
    same = deck(("A", 10), ("A", 20), ("A", 30), ("B", 40))
    assert run(Parallel(n=4, wave=2), same) == trial(0, tokens=10 + 20, time=20, stopped_by="decided")


def test_what_is_in_flight_is_filled_up_as_samples_come_back() -> None:
    strategy = Parallel(n=4, in_flight=2, stop=NeverStop())
    assert run(strategy) == trial(0, tokens=100, time=20 + 40)
    assert run(strategy, order=(3, 2, 1, 0)) == trial(0, tokens=100, time=30 + 20)


def test_what_is_in_flight_when_a_race_ends_is_cut_at_what_it_had_generated_since_it_began() -> None:
    strategy = Parallel(n=4, in_flight=2, stop=Race(votes=2))
    assert run(strategy) == trial(0, tokens=10 + 20 + 30 + 20, time=10 + 30, stopped_by="race")


def test_a_sample_that_reaches_the_cap_ends_there_and_does_not_vote() -> None:
    cards = deck(("A", 10), ("B", 30), ("B", 30))
    strategy = Parallel(n=3, stop=NeverStop(), max_completion_tokens_per_candidate=25)
    assert run(strategy, cards, (0, 1, 2)) == trial(0, tokens=10 + 25 + 25, time=25)


def test_a_sample_as_long_as_the_cap_has_come_to_its_end() -> None:
    cards = deck(("A", 10), ("B", 25), ("B", 25))
    strategy = Parallel(n=3, stop=NeverStop(), max_completion_tokens_per_candidate=25)
    assert run(strategy, cards, (0, 1, 2)).cluster == 1


def test_a_limit_of_the_sampling_cuts_a_sample_before_its_answer() -> None:
    cards = deck(("A", 10), ("B", 30), ("B", 30))
    strategy = Parallel(n=3, stop=NeverStop(), sampling=Sampling(max_tokens=25))
    assert run(strategy, cards, (0, 1, 2)) == trial(0, tokens=10 + 25 + 25, time=25)


def test_where_all_reach_the_cap_there_is_no_answer() -> None:
    strategy = Parallel(n=4, max_completion_tokens_per_candidate=5)
    assert run(strategy) == trial(None, tokens=20, time=5)


def test_the_kth_candidate_is_the_kth_of_the_order() -> None:
    assert run(Parallel(n=2, stop=NeverStop()), order=(3, 1, 0, 2)) == trial(2, tokens=40 + 20, time=40)


def test_samples_that_end_together_come_back_by_index() -> None:
    cards = deck(("A", 10), ("B", 10), ("C", 10), ("C", 90))
    last = Parallel(n=3, aggregator=Last(), stop=Finishers(count=3))
    assert run(last, cards, (2, 0, 1)) == trial(1, tokens=30, time=10)


def test_what_is_back_at_the_moment_of_stopping_counts() -> None:
    cards = deck(("A", 10), ("A", 20), ("B", 20), ("B", 20), ("B", 20), ("C", 30))
    strategy = Parallel(n=6, stop=Race(votes=2))
    assert run(strategy, cards, tuple(range(6))) == trial(1, tokens=90 + 20, time=20, stopped_by="race")


def test_one_sample_is_its_own_answer() -> None:
    assert run(Single(), order=(1, 0, 2, 3)) == trial(1, tokens=20, time=20)


def test_samples_without_an_answer_do_not_vote() -> None:
    cards = deck((None, 10), (None, 10), ("A", 20))
    assert run(Parallel(n=3, stop=NeverStop()), cards, (0, 1, 2)).cluster == 0


def test_a_blind_retry_draws_one_after_the_other() -> None:
    cards = deck((None, 10), ("A", 20), ("B", 30))
    assert run(Reject(max_attempts=3, explore=False), cards, (0, 1, 2)) == trial(0, tokens=30, time=30)


def test_a_run_goes_on_until_as_many_have_finished_as_are_wanted() -> None:
    strategy = Parallel(n=4, min_candidates=4)
    assert run(strategy).stopped_by is None
    assert run(strategy).cluster == 0


def test_a_question_with_options_takes_three_votes_from_the_first_candidate_on() -> None:
    rule = Race(votes=2)
    samples = deck(("X", 10), ("X", 20), ("X", 30), ("X", 40), right="X")
    options = deck(("X", 10), ("X", 20), ("X", 30), ("X", 40), right="X", problem="Which?\n(A) 1\n(B) 2\n(C) 3")
    assert run(Parallel(n=4, stop=rule), samples).time == 20
    assert run(Parallel(n=4, stop=rule), options).time == 30


def test_a_stop_rule_that_breaks_ends_the_replay_with_its_name() -> None:
    class Broken(StopRule):
        type: Literal["broken"] = "broken"

        def satisfied(self, progress: Progress) -> bool:  # noqa: ARG002
            raise ZeroDivisionError("by nought")

    strategy = Parallel(n=2).model_copy(update={"stop": Broken()})
    with pytest.raises(ReplayError, match="'broken' broke at test:1: ZeroDivisionError: by nought"):
        run(strategy)


SAMPLES = st.lists(st.tuples(st.sampled_from(["A", "B", "C", None]), st.integers(1, 50)), min_size=1, max_size=16)

SIZES = st.integers(1, 16)
PACES = st.one_of(
    st.fixed_dictionaries({"wave": SIZES | st.lists(SIZES, min_size=1, max_size=4)}),
    st.fixed_dictionaries({"in_flight": SIZES}),
)
"""When the next samples begin, as fields of a spec."""


@given(SAMPLES, st.randoms(use_true_random=False), PACES, st.none() | st.integers(1, 50))
def test_decided_gives_the_full_votes_answer_for_no_more_tokens_or_time(
    samples: list[tuple[str | None, int]], random: Random, pace: Pace, cap: int | None
) -> None:
    order = list(range(len(samples)))
    random.shuffle(order)
    full, stopped = (
        run(parallel(len(samples), pace, rule, cap), deck(*samples), tuple(order)) for rule in (NeverStop(), Decided())
    )
    assert stopped.cluster == full.cluster
    assert stopped.tokens <= full.tokens
    assert stopped.time <= full.time
    assert full.tokens == sum(tokens if cap is None else min(tokens, cap) for _, tokens in samples)


class Recorded:
    """Recorded samples as the engine's own loop asks for them."""

    expired = overspent = short_of_budget = False

    def __init__(self, flight: Flight) -> None:
        self.draw, self.ready, self._next = flight.draw, flight.ready, flight.next

    async def next(self) -> Candidate | None:
        return self._next()


class Placing:
    """The part of the engine's assessor that doesn't compare answers, as they are known."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy

    def compares(self, _candidate: Candidate) -> bool:
        return False

    async def place(self, candidate: Candidate, earlier: Sequence[Candidate]) -> Candidate:
        return replace(candidate, rejection=self._strategy.rejects(candidate, earlier))


RULES = [
    NeverStop(),
    Decided(),
    Race(),
    Finishers(count=3),
    Beta(confidence=0.8),
    Window(size=2),
    Certified(delta=0.45),
    AnyOf(rules=(Race(votes=3), Finishers(count=4))),
]
SCORES = st.sampled_from([None, 0.0, 0.25, 0.5, 1.0])


def scored(cards: Deck, scores: Sequence[float | None]) -> Deck:
    """Return the deck with these scores of a verifier, which weighted votes go by."""
    verdicts = [score if score is None else Verdict(status="pass", score=score) for score in scores]
    pairs = zip(cards.candidates, verdicts, strict=True)
    return replace(cards, candidates=tuple(replace(one, verdict=verdict) for one, verdict in pairs))


@st.composite
def judged_samples(draw: st.DrawFn) -> list[tuple[str | None, int, float | None]]:
    """Answers, lengths and scores; often all answers agree, which is what the more careful rules wait for."""
    answers = draw(st.sampled_from([["A"], ["A", "A", "A", "B"], ["A", "B", None]]))
    samples = st.tuples(st.sampled_from(answers), st.integers(1, 9), SCORES)
    return draw(st.lists(samples, min_size=6, max_size=12))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@given(
    judged_samples(),
    st.sampled_from([Majority(), Weighted(), Weighted(unscored=0.5)]),
    PACES,
    st.none() | st.integers(1, 9),
)
def test_a_replay_goes_as_the_engines_own_loop_goes(
    rule: StopRule,
    samples: list[tuple[str | None, int, float | None]],
    aggregator: Aggregator,
    pace: Pace,
    cap: int | None,
) -> None:
    strategy = parallel(len(samples), pace, rule, cap).model_copy(update={"aggregator": aggregator})
    cards = scored(deck(*(sample[:2] for sample in samples)), [sample[2] for sample in samples])
    order = tuple(range(len(samples)))
    replayed = run(strategy, cards, order)

    job = Job(
        run_id="run_1", model="m", messages=[], strategy=strategy, selected_by="body", arrived=0.0, deadline_s=1.0
    )
    flight = Flight(cards.candidates, order, cap)
    board = Board(job, flight.asked)
    gathering = Gathering(
        job=job,
        run=cast("Run", Recorded(flight)),
        board=board,
        assessor=cast("Assessor", Placing(strategy)),
        observer=Nobody(),
        deadline=0.0,
        out_of="deadline",
    )
    stopped_by = asyncio.run(gathering.gather())
    winner = strategy.aggregator.decide(board.pool).winner
    assert replayed == trial(winner.cluster, tokens=flight.tokens, time=flight.now, stopped_by=stopped_by)
