"""The engine: one job in, one outcome out. Reads top to bottom like the diagram in docs/architecture.md."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from app.answers.clusters import Clusters
from app.assessor import Assessor
from app.board import Board
from app.candidates import Ask
from app.conclusion import Ended, conclude
from app.diversity.measure import measure
from app.errors import BudgetTooSmallError, InvalidRequestError
from app.gathering import BUDGET, DEADLINE, Gathering
from app.purse import Purse
from app.run import Run
from app.shortfall import shortfall
from app.verifiers.base import VerifierTools

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.answers.equivalence import Equivalence
    from app.diversity.embedding import Embedder
    from app.events import Observer
    from app.job import Job
    from app.offload import Offload
    from app.outcome import Outcome
    from app.price import Price
    from app.sandbox.base import Sandbox
    from app.workers.client import Client
    from app.workers.pool import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Executes jobs. Holds what all runs share: workers, processes for heavy work, the sandbox, and prices."""

    pool: Pool
    client: Client
    offload: Offload
    equivalence: Equivalence
    embedder: Embedder
    prices: Mapping[str, Price]
    sandbox: Sandbox

    async def execute(self, job: Job, observer: Observer) -> Outcome:
        """Run the job to its answer.

        Raises the errors of `app.errors`: among them `DeadlineExceededError` and `AllCandidatesFailedError` where
        too few candidates finished, `BudgetTooSmallError`, `ModelNotFoundError` and `NoWorkerError`.
        """
        self.pool.pick(job.model)
        purse = self._purse(job)
        limit_s, out_of = self._limit(job)
        deadline = asyncio.get_running_loop().time() + limit_s - (perf_counter() - job.arrived)
        assessor = self._assessor(job)
        begun = perf_counter()
        async with Run(
            job,
            deadline=deadline,
            pool=self.pool,
            client=self.client,
            purse=purse,
            assess=assessor.examine,
            watcher=observer.generated if job.live else None,
        ) as run:
            board = Board(job, run.asked)
            gathering = Gathering(
                job=job, run=run, board=board, assessor=assessor, observer=observer, deadline=deadline, out_of=out_of
            )
            stopped_by = await gathering.gather()
            cancelled = await run.stop()
        decision = board.decide()
        if decision is None:
            raise shortfall(board.back, wanted=job.strategy.min_candidates, stopped_by=stopped_by)
        await observer.decided(decision)
        undecided = assessor.clusters.undecided
        diversity = await measure(board.back, self.embedder, undecided_comparisons=undecided)
        cut_short = cancelled or board.undrawn
        ended = Ended(
            run=run, board=board, cancelled=cancelled, stopped_by=stopped_by if cut_short else None, begun=begun
        )
        return conclude(job, ended, decision, diversity, self.prices.get(job.model))

    def _assessor(self, job: Job) -> Assessor:
        question = job.question
        return Assessor(
            strategy=job.strategy,
            question=question,
            tools=VerifierTools(equivalence=self.equivalence, offload=self.offload, question=question),
            embedder=self.embedder,
            clusters=Clusters(self.equivalence),
        )

    def _limit(self, job: Job) -> tuple[float, str]:
        """Return after how many seconds the run must end, and what it is out of then: time, or money for the hour."""
        price, usd = self.prices.get(job.model), job.strategy.budget.max_cost_usd
        paid_s = price.seconds_for(usd) if price and usd is not None else None
        return (job.deadline_s, DEADLINE) if paid_s is None else min((job.deadline_s, DEADLINE), (paid_s, BUDGET))

    def _purse(self, job: Job) -> Purse:
        """Return the purse for the job's budget. Raises where it can't be kept, or not even one candidate fits."""
        budget, price = job.strategy.budget, self.prices.get(job.model)
        if budget.max_cost_usd is not None and price is None:
            raise InvalidRequestError(
                f"max_cost_usd can't be kept: the server knows no price of model {job.model!r}; leave it out",
                param="strategy.budget.max_cost_usd",
            )
        purse = Purse(budget, price=price, candidate_tokens=job.max_tokens)
        if not purse.affords(job.strategy.context.prompt_tokens(job.messages, Ask(), job.fields)):
            raise BudgetTooSmallError(
                "the budget doesn't allow for a single candidate; raise it or lower max_tokens", param="strategy.budget"
            )
        return purse
