from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from app.board import Board
from app.budget import Budget
from app.candidates import Ask, Candidate, Failure, Fate, Usage, Verdict
from app.conclusion import Ended, conclude
from app.diversity.measure import Diversity
from app.job import Job
from app.price import Price
from app.purse import Purse
from app.run import Run
from app.side_calls import SideCalls
from app.stopping.base import StopRule
from app.stopwatch import Stopwatch
from app.strategies.parallel import Parallel
from app.strategies.single import Single
from app.workers.pool import Pool

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    from app.outcome import Outcome
    from app.stopping.base import Progress
    from app.strategies.base import Strategy

NOTHING = Diversity(
    distinct_answers=0,
    answer_entropy=None,
    mean_pairwise_similarity=None,
    vendi_score=None,
    distinct_2=None,
    mean_copy_ratio=0.0,
)


class Unused:
    """A client that nobody uses: the runs of this module are over."""

    @asynccontextmanager
    async def stream(self, url: str, body: bytes) -> AsyncGenerator[AsyncIterator[bytes]]:
        raise NotImplementedError(url, body)
        yield  # makes it a generator

    async def fetch(self, url: str, *, timeout_s: float) -> bytes:
        raise NotImplementedError


def concluded(
    back: Sequence[Candidate],
    *,
    strategy: Strategy | None = None,
    cancelled: Sequence[Candidate] = (),
    stopped_by: str | None = None,
    asked: int | None = None,
    answers: int = 1,
    price: Price | None = None,
    written: Candidate | None = None,
) -> Outcome:
    """Return the outcome of a run that ended with these candidates."""

    async def scenario() -> Outcome:
        now = perf_counter()
        job = Job(
            run_id="run_1",
            model="m",
            messages=[],
            strategy=strategy or Parallel(n=4),
            selected_by="body",
            arrived=now - 2.0,
            deadline_s=9.0,
            answers=answers,
        )
        board = Board(job, [Ask(chain=i) for i in range(job.strategy.draws if asked is None else asked)])
        for candidate in back:
            board.add(candidate)
        decision = job.strategy.aggregator.decide(board.pool)
        if written:
            decision = replace(decision, ranking=(written, *decision.ranking), synthesized=written)
        purse = Purse(Budget(), price=None, candidate_tokens=None)
        pool, client, upstream = Pool([], Unused(), probe_s=1.0), Unused(), Stopwatch()
        run = Run(
            job, deadline=0.0, pool=pool, client=client, purse=purse, assess=as_it_is, busy=upstream, upstream=upstream
        )
        side_calls = SideCalls(
            model="m", deadline=0.0, pool=pool, client=client, purse=purse, prices={}, upstream=upstream, busy=upstream
        )
        run.pursuit.calls = 3
        run.first_back = now - 1.0 if back else None
        ended = Ended(
            run=run, side_calls=side_calls, board=board, cancelled=cancelled, stopped_by=stopped_by, queued_s=0.5
        )
        return conclude(job, ended, decision, NOTHING, {"m": price} if price else {})

    return asyncio.run(scenario())


async def as_it_is(candidate: Candidate, ask: Ask) -> Candidate:  # noqa: ARG001 - an assessment that finds nothing out
    return candidate


def vote(index: int, cluster: int | None = 0, **fields: Verdict | str) -> Candidate:
    verdict, rejection = fields.get("verdict"), fields.get("rejection")
    return Candidate(
        index=index,
        finish_reason="stop",
        cluster=cluster,
        usage=Usage(completion=10),
        verdict=verdict if isinstance(verdict, Verdict) else None,
        rejection=rejection if isinstance(rejection, str) else None,
    )


def test_every_candidate_has_its_fate_in_the_order_of_asking() -> None:
    failed = Candidate(index=3, failure=Failure(message="gone"))
    cancelled = [Candidate(index=2, usage=Usage(completion=4))]
    back = [vote(4), failed, vote(1), vote(0, 1, rejection="wrong")]
    outcome = concluded(back, strategy=Parallel(n=5), cancelled=cancelled)
    assert [(one.id, one.fate) for one in outcome.candidates] == [
        ("c0", Fate.REJECTED),
        ("c1", Fate.SELECTED),
        ("c2", Fate.CANCELLED),
        ("c3", Fate.FAILED),
        ("c4", Fate.COUNTED),
    ]
    assert outcome.cost.usage.completion == sum(outcome.cost.completion_by_fate.values()) == 34


def test_all_answers_that_go_back_are_selected() -> None:
    outcome = concluded([vote(0), vote(1), vote(2, 1)], answers=2)
    assert [one.id for one in outcome.answers] == ["c0", "c2"]
    assert [one.fate for one in outcome.candidates] == [Fate.SELECTED, Fate.COUNTED, Fate.SELECTED]


def test_an_answer_that_nothing_accepted_says_so() -> None:
    outcome = concluded([vote(0, rejection="wrong")])
    assert (outcome.accepted, outcome.candidates[0].fate) == (False, Fate.SELECTED)
    assert outcome.fallback is not None
    accepted = concluded([vote(0)])
    assert (accepted.accepted, accepted.fallback) == (True, None)


def test_a_written_answer_that_is_accepted_is_no_fallback_though_no_drawn_candidate_was() -> None:
    outcome = concluded([vote(0, rejection="wrong")], written=replace(vote(1), synthesized=True))
    assert (outcome.accepted, outcome.fallback) == (True, None)


def test_a_single_sample_that_failed_verification_is_returned_and_not_accepted() -> None:
    outcome = concluded([vote(0, verdict=Verdict(status="fail", score=0.0))], strategy=Single())
    assert (outcome.accepted, outcome.fallback) == (False, None)
    assert concluded([vote(0, verdict=Verdict(status="abstain"))], strategy=Single()).accepted


def test_only_a_run_that_was_stopped_has_saved_anything() -> None:
    assert concluded([vote(0)], asked=1).cost.saved_estimate == 0
    assert concluded([vote(0)], asked=1, stopped_by="decided").cost.saved_estimate == 30


def test_the_account_holds_the_calls_and_the_money() -> None:
    outcome = concluded([vote(0)], price=Price(completion=100_000.0))
    assert (outcome.cost.calls, outcome.cost.usd) == (3, 1.0)
    assert concluded([vote(0)]).cost.usd is None


def test_times_are_counted_from_the_arrival_in_milliseconds() -> None:
    timing = concluded([vote(0)]).timing
    assert timing.first_candidate_ms is not None
    assert abs(timing.queue_ms - 500.0) < 1e-6
    assert abs(timing.first_candidate_ms - 1_000.0) < 1e-6
    assert timing.total_ms >= 2_000.0
    assert timing.gateway_ms == timing.total_ms - timing.queue_ms


def test_a_stop_rule_that_broke_is_in_the_outcome() -> None:
    class Broken(StopRule):
        type: Literal["broken"] = "broken"

        def satisfied(self, progress: Progress) -> bool:
            raise ValueError(progress.latest.id)

    strategy = Parallel(n=2).model_copy(update={"stop": Broken()})
    outcome = concluded([vote(0), vote(1)], strategy=strategy)
    assert (outcome.stop_failure, outcome.broken_rules) == ("ValueError: c0", ["broken"])
    outcome = concluded([vote(0), vote(1)])
    assert (outcome.stop_failure, outcome.broken_rules) == (None, [])
