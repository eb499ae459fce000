"""The engine: one job in, one outcome out. Reads top to bottom like the diagram in docs/architecture.md."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from app.aggregators.base import AggregatorTools
from app.answers.clusters import Clusters
from app.assessor import Assessor
from app.board import Board
from app.bodies import asked_alternatives, writing_fields
from app.conclusion import Ended, conclude
from app.diversity.measure import measure
from app.errors import BudgetTooSmallError
from app.gathering import BUDGET, DEADLINE, Gathering
from app.price import seconds_for
from app.purse import NONE, Purse
from app.requirements import check_calls, check_parts, has_needs, models_of, rooms
from app.run import Run
from app.sandbox.turns import Turns
from app.shortfall import shortfall
from app.side_calls import SideCalls
from app.stopwatch import Stopwatch
from app.verifiers.base import VerifierTools

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.admission.admission import Admission
    from app.admission.seat import Seat
    from app.answers.equivalence import Equivalence
    from app.candidates import Decision
    from app.diversity.embedding import Embedder
    from app.events import Observer
    from app.inquiry import Models
    from app.job import Job
    from app.offload import Offload
    from app.outcome import Outcome
    from app.price import Price
    from app.sandbox.base import Sandbox
    from app.webhooks.base import Webhooks
    from app.workers.client import Client
    from app.workers.pool import Pool


VERIFYING_ENDS_S = 0.25
"""Seconds before the end of a run, or at most a tenth of it, at which verifiers must have ended: what they could not
judge by then can still be answered with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Executes jobs. Holds what all runs share: the workers, the sandbox, the processes for heavy work, the prices.

    `max_calls` is how many calls of models a run may make at worst.
    """

    pool: Pool
    admission: Admission
    client: Client
    offload: Offload
    equivalence: Equivalence
    embedder: Embedder
    sandbox: Sandbox
    webhooks: Webhooks
    prices: Mapping[str, Price]
    max_calls: int

    async def check(self, job: Job) -> None:
        """Make sure that this server can run the job, as `execute` does before it draws anything.

        Whether the budget has room for a candidate is not looked at. Raises what `execute` raises.
        """
        self._check_extent(job)
        rooms(job, self.prices)
        await self._check_parts(job)

    async def _check_parts(self, job: Job) -> None:
        """Make sure that what the strategy's parts need is there; within the time that the job has."""
        if not has_needs(job.strategy):
            return
        deadline, upstream = _in_seconds(_time_left(job)), Stopwatch()
        purse = Purse(job.strategy.budget, price=None, candidate_tokens=None)
        models = self._side_calls(job, deadline, purse, upstream, Stopwatch(upstream))
        await check_parts(job.strategy, self._assessor(job, models, until=deadline).tools)

    def _check_extent(self, job: Job) -> None:
        self.pool.check(job.model)
        check_calls(job, self.max_calls)

    async def execute(self, job: Job, observer: Observer) -> Outcome:
        """Run the job to its answer, once it is its turn.

        Raises the errors of `app.errors`: among them `DeadlineExceededError` and `AllCandidatesFailedError` where
        too few candidates finished, `BudgetTooSmallError`, `InvalidStrategyError`, `ModelNotFoundError`,
        `NoWorkerError` and `OverloadedError`.
        """
        self._check_extent(job)
        purse = self._purse(job)
        await self._check_parts(job)
        async with self._seat(job) as seat:
            return await self._run(job, seat, purse, observer)

    def _seat(self, job: Job) -> Seat:
        """Return the job's place among those that draw candidates, which may have to be waited for."""
        return self.admission.seat(
            job.model,
            width=job.strategy.width,
            account=job.account,
            priority=job.priority,
            deadline=_in_seconds(_time_left(job)),
            measure=lambda: job.size,
        )

    async def _run(self, job: Job, seat: Seat, purse: Purse, observer: Observer) -> Outcome:
        """Draw, gather, decide, measure and conclude. Units of the seat go back as candidates end."""
        limit_s, out_of = self._limit(job)
        deadline, upstream = _in_seconds(limit_s), Stopwatch()
        models = self._side_calls(job, deadline, purse, upstream, busy := Stopwatch(upstream))
        assessor = self._assessor(job, models, until=deadline - min(VERIFYING_ENDS_S, limit_s / 10))
        async with Run(
            job,
            deadline=deadline,
            pool=self.pool,
            client=self.client,
            purse=purse,
            assess=assessor.examine,
            busy=busy,
            upstream=upstream,
            watcher=observer.generated if job.live else None,
            to_come=seat.shrink,
        ) as run:
            board = Board(job, run.asked)
            gathering = Gathering(
                job=job, run=run, board=board, assessor=assessor, observer=observer, deadline=deadline, out_of=out_of
            )
            stopped_by = await gathering.gather()
            cancelled = await run.stop()
            seat.shrink(0)
            purse.gathered()
            decision = await self._decide(job, board, run, assessor, deadline) if board.pool else None
        if decision is None:
            raise shortfall(board.back, wanted=job.strategy.min_candidates, stopped_by=stopped_by)
        await observer.decided(decision)
        undecided = assessor.clusters.undecided
        diversity = await measure(board.back, self.embedder, undecided_comparisons=undecided)
        ended = Ended(
            run=run,
            side_calls=models,
            board=board,
            cancelled=cancelled,
            stopped_by=stopped_by if cancelled or board.undrawn else None,
            queued_s=seat.waited_s,
        )
        return conclude(job, ended, decision, diversity, self.prices)

    @staticmethod
    async def _decide(job: Job, board: Board, run: Run, assessor: Assessor, deadline: float) -> Decision:
        """Return the aggregator's decision, made before the run is left, so that what it asks ends with the run."""
        if not job.strategy.aggregator.asks:
            return job.strategy.aggregator.decide(board.pool)
        tools = AggregatorTools(
            question=assessor.question,
            models=assessor.tools.models,
            examine=partial(assessor.take_written, deadline=deadline),
            next_index=len(run.asked),
            next_round=1 + max((ask.round for ask in run.asked), default=0),
            seed=job.seed or 0,
            fields=writing_fields(job.fields),
        )
        return await job.strategy.aggregator.choose(board.pool, tools)

    def _side_calls(self, job: Job, deadline: float, purse: Purse, upstream: Stopwatch, busy: Stopwatch) -> SideCalls:
        return SideCalls(
            model=job.model,
            deadline=deadline,
            pool=self.pool,
            client=self.client,
            purse=purse,
            prices=self.prices,
            upstream=upstream,
            busy=busy,
        )

    def _assessor(self, job: Job, models: Models, *, until: float) -> Assessor:
        question = job.question
        return Assessor(
            strategy=job.strategy,
            question=question,
            tools=VerifierTools(
                run_id=job.run_id,
                question=question,
                equivalence=self.equivalence,
                offload=self.offload,
                models=models,
                sandbox=Turns(self.sandbox),
                webhooks=self.webhooks,
                until=until,
            ),
            embedder=self.embedder,
            clusters=Clusters(self.equivalence),
            alternatives=asked_alternatives(job.fields),
        )

    def _limit(self, job: Job) -> tuple[float, str]:
        """Return in how many seconds the run must end, and what it is out of then: time, or money for the hour.

        The models that are paid by the hour may all be busy the whole time, but for that in the queue.
        """
        usd = job.strategy.budget.max_cost_usd
        paid_s = None if usd is None else seconds_for(usd, [self.prices.get(name) for name in models_of(job)])
        left = (_time_left(job), DEADLINE)
        return left if paid_s is None else min(left, (paid_s, BUDGET))

    def _purse(self, job: Job) -> Purse:
        """Return the purse for the job's budget. Raises where it can't be kept, or not even one candidate fits.

        Where one candidate doesn't fit beside what is kept free for the aggregator, nothing is kept free for that.
        """
        judging, closing = rooms(job, self.prices)
        prompt = job.prompt_tokens
        for kept_free in (closing, NONE):
            purse = Purse(
                job.strategy.budget,
                price=self.prices.get(job.model),
                candidate_tokens=job.max_tokens,
                judging=judging,
                closing=kept_free,
            )
            if purse.affords(prompt):
                return purse
        judged = f", and {judging.tokens} tokens for judging it" if judging.tokens else ""
        raise BudgetTooSmallError(
            f"the budget doesn't allow for a single candidate{judged}; raise it or lower max_tokens",
            param="strategy.budget",
        )


def _time_left(job: Job) -> float:
    """Return the seconds from now to the job's deadline."""
    return job.deadline_s - (perf_counter() - job.arrived)


def _in_seconds(seconds: float) -> float:
    """Return the event loop's time so many seconds from now."""
    return asyncio.get_running_loop().time() + seconds
