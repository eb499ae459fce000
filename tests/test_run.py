from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from app.budget import Budget
from app.candidates import Ask, Candidate
from app.job import Job
from app.purse import Purse
from app.run import Run
from app.stopwatch import Stopwatch
from app.strategies.parallel import Parallel
from app.workers import watch
from app.workers.client import HttpClient
from app.workers.pool import Pool
from app.workers.worker import Worker
from tests.scripted.actions import Stall
from tests.scripted.reply import Reply
from tests.scripted.scripts import always
from tests.scripted.upstream import Upstream

if TYPE_CHECKING:
    import pytest

SLOW = Reply(texts=("word " * 600,), delay_per_chunk_s=0.01)
SHORT = Reply(texts=("word",), delay_first_s=0.05)
JOB = Job(
    run_id="run_1",
    model="scripted",
    messages=[{"role": "user", "content": "Q?"}],
    strategy=Parallel(n=2),
    selected_by="body",
    arrived=0.0,
    deadline_s=20.0,
    fields={"max_tokens": 400},
)


async def as_it_is(candidate: Candidate, ask: Ask) -> Candidate:  # noqa: ARG001 - an assessment that finds nothing out
    return candidate


def started(pool: Pool, client: HttpClient, purse: Purse | None = None) -> Run:
    """Return a run of the job, to be entered."""
    return Run(
        JOB,
        deadline=asyncio.get_running_loop().time() + 20.0,
        pool=pool,
        client=client,
        purse=purse or Purse(Budget(), price=None, candidate_tokens=None),
        assess=as_it_is,
        busy=Stopwatch(),
        upstream=Stopwatch(),
    )


def test_what_was_reserved_for_cancelled_candidates_is_there_for_others() -> None:
    async def scenario() -> None:
        async with Upstream(always(SLOW)) as upstream, HttpClient(connect_s=2.0, idle_s=5.0) as client:
            pool = Pool([Worker(id="w0", locate=lambda: upstream.url)], client, probe_s=60.0)
            purse = Purse(Budget(max_completion_tokens=1_000), price=None, candidate_tokens=400)
            async with pool.watched(), started(pool, client, purse) as run:
                run.draw([Ask(), Ask(chain=1)])
                await upstream.wait_until(lambda one: sum(request.sent_tokens > 1 for request in one.seen) == 2)
                assert not purse.set_aside(1, 201, None)
                cut = await run.stop()
                spent = sum(candidate.usage.completion for candidate in cut)
                assert purse.set_aside(1, 1_000 - spent, None)
                assert not purse.set_aside(1, 1, None)

    asyncio.run(scenario())


def test_chains_that_are_drawn_together_go_back_each_to_its_own_worker() -> None:
    async def scenario() -> None:
        async with (
            Upstream(always(SHORT)) as one,
            Upstream(always(SHORT)) as other,
            HttpClient(connect_s=2.0, idle_s=5.0) as client,
        ):
            workers = [  # each of which takes one of the first round
                Worker(id="w0", locate=lambda: one.url, max_in_flight=1),
                Worker(id="w1", locate=lambda: other.url, max_in_flight=1),
            ]
            pool = Pool(workers, client, probe_s=60.0)
            async with pool.watched(), started(pool, client) as run:
                homes: list[dict[int, str | None]] = []
                for number in range(2):
                    run.draw([Ask(round=number), Ask(round=number, chain=1)])
                    drawn = [await run.next(), await run.next()]
                    homes.append({one.chain: one.worker for one in drawn if one})
                    for worker in workers:
                        worker.max_in_flight = 8
        assert set(homes[0].values()) == {"w0", "w1"}
        assert homes[1] == homes[0]

    asyncio.run(scenario())


def test_a_round_that_begins_while_the_only_worker_is_away_is_drawn_when_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "DOWN_EVERY_S", 0.02)

    async def scenario() -> None:
        async with Upstream(always(SHORT)) as upstream, HttpClient(connect_s=2.0, idle_s=5.0) as client:
            worker = Worker(id="w0", locate=lambda: upstream.url)
            pool = Pool([worker], client, probe_s=60.0)
            async with pool.watched(), started(pool, client) as run:
                run.draw([Ask()])
                await run.next()
                await upstream.stop()
                assert await pool.is_down(worker)
                run.draw([Ask(round=1), Ask(round=1, chain=1)])
                await asyncio.sleep(0.1)
                await upstream.start()
                drawn = [await run.next(), await run.next()]
            assert [one.finish_reason for one in drawn if one] == ["stop", "stop"]
            assert pool.retries.taken == 0

    asyncio.run(scenario())


def test_a_run_that_is_stopped_while_its_candidates_wait_draws_no_more_and_has_back_what_was_reserved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "DOWN_EVERY_S", 0.02)

    async def scenario() -> None:
        begun = Stall(reply=SLOW, after_chunks=5)
        async with Upstream(always(begun)) as upstream, HttpClient(connect_s=2.0, idle_s=60.0) as client:
            worker = Worker(id="w0", locate=lambda: upstream.url)
            pool = Pool([worker], client, probe_s=60.0)
            purse = Purse(Budget(max_completion_tokens=1_000), price=None, candidate_tokens=400)
            async with pool.watched(), started(pool, client, purse) as run:
                run.draw([Ask(), Ask(chain=1)])
                await upstream.wait_until(lambda one: sum(request.sent_tokens == 4 for request in one.seen) == 2)
                await asyncio.sleep(0.3)
                await upstream.stop()
                assert await pool.is_down(worker)
                await asyncio.sleep(0.3)
                cut = await run.stop()
                assert [(one.usage.completion, one.failure) for one in cut] == [(4, None)] * 2
                assert worker.load.in_flight == worker.load.outstanding == 0
                assert purse.set_aside(1, 1_000 - 8, None)
                assert not purse.set_aside(1, 1, None)
                await upstream.start()
                assert await pool.comeback(JOB.model) is worker
                await asyncio.sleep(0.3)
            assert len(upstream.seen) == 2

    asyncio.run(scenario())
