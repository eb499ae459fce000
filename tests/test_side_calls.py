from __future__ import annotations

import asyncio
import contextlib
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from app.budget import Budget
from app.candidates import Usage
from app.errors import InquiryError, ModelNotFoundError, WorkerUnreachableError
from app.inquiry import Inquiry
from app.price import Price
from app.purse import Purse
from app.side_calls import AT_ONCE, MAX_POSTED_BODY, SideCalls
from app.stopwatch import Stopwatch
from app.workers.balancing.least_outstanding import LeastOutstanding
from app.workers.client import HttpClient
from app.workers.pool import Pool
from app.workers.worker import Worker
from tests.scripted.actions import ErrorInStream, Garbage, HalfBody, NoFinish, Silence, Stall, Status
from tests.scripted.received import Ending
from tests.scripted.reply import Reply
from tests.scripted.scripts import always
from tests.scripted.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from tests.scripted.actions import Action
    from tests.scripted.received import Received

MESSAGES: list[dict[str, object]] = [{"role": "user", "content": "Which one?"}]
A_DOLLAR_A_TOKEN = Price(prompt=1_000_000.0, completion=1_000_000.0)
INQUIRY = Inquiry(messages=MESSAGES, max_tokens=10)
SLOW = Reply(texts=("word " * 600,), delay_per_chunk_s=0.01)
REFUSED = WorkerUnreachableError("no connection to the worker: connection refused")
THREE = Reply(texts=("The second one",))


@asynccontextmanager
async def calling(
    *upstreams: Upstream,
    max_tokens: int | None = None,
    max_usd: float | None = None,
    deadline_s: float = 20.0,
    idle_s: float = 5.0,
) -> AsyncGenerator[tuple[SideCalls, Purse, Pool]]:
    """Side calls of a run for `scripted`, over workers that are these upstreams."""
    async with AsyncExitStack() as stack:
        for upstream in upstreams:
            await stack.enter_async_context(upstream)
        client = await stack.enter_async_context(HttpClient(connect_s=2.0, idle_s=idle_s))
        workers = [Worker(id=f"w{i}", locate=lambda one=one: one.url) for i, one in enumerate(upstreams)]
        pool = Pool(workers, client, probe_s=60.0, policy=LeastOutstanding())
        await stack.enter_async_context(pool.watched())
        budget = Budget(max_completion_tokens=max_tokens, max_cost_usd=max_usd)
        purse = Purse(budget, price=None, candidate_tokens=None)
        calls = SideCalls(
            model="scripted",
            deadline=asyncio.get_running_loop().time() + deadline_s,
            pool=pool,
            client=client,
            purse=purse,
            prices={"scripted": A_DOLLAR_A_TOKEN},
            upstream=(upstream := Stopwatch()),
            busy=Stopwatch(upstream),
        )
        yield calls, purse, pool


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 30))  # pyright: ignore[reportArgumentType]


def test_an_answer_comes_with_its_worker_and_cost_and_is_booked() -> None:
    async def scenario() -> None:
        async with calling(upstream := Upstream(always(THREE))) as (calls, purse, _):
            said = await calls.ask(INQUIRY)
            assert (said.reply.text, said.finish_reason, said.worker) == ("The second one", "stop", "w0")
            assert said.usage == Usage(prompt=2, completion=3)
            assert said.latency_ms > 0
            (made,) = calls.made
            assert (made.model, made.usage, calls.calls) == ("scripted", said.usage, 1)
            assert made.began > 0 < made.seconds
            assert purse.tokens_left is None
            body = upstream.seen[0].body
            assert (body["messages"], body["max_tokens"], body["temperature"]) == (MESSAGES, 10, 0.0)

    run(scenario)


def test_what_becomes_a_candidate_is_booked_there_unless_it_did_not_come_to_an_end() -> None:
    async def scenario() -> None:
        written = Inquiry(messages=MESSAGES, becomes_candidate=True)
        async with calling(upstream := Upstream(always(THREE))) as (calls, _, _pool):
            await calls.ask(written)
            assert (calls.made, calls.calls) == ([], 1)
            upstream.script = always(HalfBody(reply=SLOW, after_chunks=4))
            with pytest.raises(InquiryError):
                await calls.ask(written)
            assert [made.usage.completion for made in calls.made] == [3]

    run(scenario)


@pytest.mark.parametrize(
    "fault", [Status(status=500), Status(status=400, message="too long"), Garbage(), NoFinish(), Silence()], ids=repr
)
def test_whatever_is_wrong_with_the_worker_is_an_inquiry_without_answer(fault: Action) -> None:
    async def scenario() -> None:
        async with calling(Upstream(always(fault)), idle_s=0.2) as (calls, _, pool):
            with pytest.raises(InquiryError):
                await calls.ask(INQUIRY)
            assert (len(calls.made), calls.calls, pool.workers[0].load.in_flight) == (1, 1, 0)

    run(scenario)


def test_a_worker_that_cannot_be_reached_is_replaced_once() -> None:
    async def scenario() -> None:
        gone, there = Upstream(always(THREE)), Upstream(always(THREE))
        async with calling(gone, there) as (calls, _, pool):
            await gone.stop()
            assert (await calls.ask(INQUIRY)).worker == "w1"
            assert calls.calls == 2
            assert [worker.up for worker in pool.workers] == [False, True]
            await there.stop()
            with pytest.raises(InquiryError):
                await calls.ask(INQUIRY)

    run(scenario)


def test_the_budget_is_asked_first_and_pays_for_what_came() -> None:
    async def scenario() -> None:
        async with calling(upstream := Upstream(always(THREE)), max_tokens=12) as (calls, purse, _):
            await calls.ask(INQUIRY)
            assert purse.tokens_left == 9
            with pytest.raises(InquiryError, match="budget has no room"):
                await calls.ask(INQUIRY)
            assert len(upstream.seen) == calls.calls == 1

    run(scenario)


def test_the_deadline_ends_a_call_on_the_worker_and_after_it_none_begins() -> None:
    async def scenario() -> None:
        long = Inquiry(messages=MESSAGES, max_tokens=90)
        async with calling(upstream := Upstream(always(SLOW)), deadline_s=0.3, max_tokens=1_000) as (calls, purse, _):
            with pytest.raises(InquiryError, match="time is up"):
                await calls.ask(long)
            await upstream.wait_until(lambda one: one.in_flight == 0)
            with pytest.raises(InquiryError, match="time is up"):
                await calls.ask(long)
            with pytest.raises(InquiryError, match="time is up"):
                await calls.post("scripted", "/score", {}, prompt_tokens=9)
            assert len(upstream.seen) == calls.calls == 1
            assert purse.tokens_left == 1_000 - calls.made[0].usage.completion

    run(scenario)


def test_cancellation_stops_the_worker_and_what_came_is_booked() -> None:
    async def scenario() -> None:
        async with calling(upstream := Upstream(always(SLOW)), max_tokens=1_000) as (calls, purse, pool):
            asking = asyncio.create_task(calls.ask(Inquiry(messages=MESSAGES, max_tokens=600)))
            await upstream.wait_until(lambda one: bool(one.seen) and one.seen[0].sent_tokens > 2)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await upstream.wait_until(lambda one: one.in_flight == 0)
            assert upstream.seen[0].ending == Ending.CLIENT_CLOSED
            (made,) = calls.made
            assert 0 <= made.usage.completion <= upstream.seen[0].sent_tokens
            assert purse.tokens_left == 1_000 - made.usage.completion
            assert pool.workers[0].load.in_flight == 0

    run(scenario)


def test_only_models_that_are_served_can_be_asked() -> None:
    async def scenario() -> None:
        async with calling(Upstream(always(THREE), models=("scripted", "judge"))) as (calls, _, _pool):
            calls.check(None)
            calls.check("judge")
            with pytest.raises(ModelNotFoundError):
                calls.check("nobody")
            with pytest.raises(InquiryError, match="nobody"):
                await calls.ask(Inquiry(messages=MESSAGES, model="nobody"))
            await calls.ask(Inquiry(messages=MESSAGES, model="judge"))
            assert [made.model for made in calls.made if made.usage.completion] == ["judge"]

    run(scenario)


def test_only_calls_of_the_requests_own_model_keep_it_busy() -> None:
    async def scenario() -> None:
        async with calling(Upstream(always(THREE), models=("scripted", "judge"))) as (calls, _, _pool):
            await calls.ask(Inquiry(messages=MESSAGES, model="judge"))
            before = calls.upstream.seconds
            assert (before > 0.0, calls.busy.seconds) == (True, 0.0)
            await calls.ask(INQUIRY)
            assert 0.0 < calls.busy.seconds < calls.upstream.seconds

    run(scenario)


def test_of_many_calls_only_so_many_are_under_way_at_once() -> None:
    async def scenario() -> None:
        most = 0

        def slowly(_: Received) -> Action:
            nonlocal most
            most = max(most, upstream.in_flight)
            return Reply(texts=("Yes",), delay_per_chunk_s=0.05)

        async with calling(upstream := Upstream(slowly)) as (calls, _, _pool), asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE + 40):
                group.create_task(calls.ask(INQUIRY))
        assert (calls.calls, most <= AT_ONCE) == (AT_ONCE + 40, True)

    run(scenario)


def test_a_post_returns_the_document_and_books_what_it_says_of_its_cost() -> None:
    async def scenario() -> None:
        upstream = Upstream()
        async with calling(upstream) as (calls, _, _pool):
            upstream.routes["/score"] = Status(status=200, body=b'{"usage": {"prompt_tokens": 7}, "data": []}')
            assert b'"data"' in await calls.post("scripted", "/score", {"input": "x"}, prompt_tokens=9)
            upstream.routes["/score"] = Status(status=500)
            with pytest.raises(InquiryError):
                await calls.post("scripted", "/score", {}, prompt_tokens=9)
            upstream.routes["/score"] = Status(status=200, body=b"x" * (MAX_POSTED_BODY + 1))
            with pytest.raises(InquiryError, match="unreasonable length"):
                await calls.post("scripted", "/score", {}, prompt_tokens=9)
            assert [made.usage for made in calls.made] == [Usage(prompt=7), Usage(), Usage()]

    run(scenario)


def left(purse: Purse, most: int = 1_000) -> int:
    """How many dollars there are to be set aside."""
    return next(usd for usd in range(most, -1, -1) if purse.set_aside(usd, 0, A_DOLLAR_A_TOKEN))


def test_a_post_is_paid_from_the_budget_and_refused_where_there_is_no_room() -> None:
    async def scenario() -> None:
        async with calling(upstream := Upstream(), max_usd=20.0) as (calls, purse, _):
            upstream.routes["/score"] = Status(status=200, body=b'{"usage": {"prompt_tokens": 7}}')
            await calls.post("scripted", "/score", {}, prompt_tokens=15)
            with pytest.raises(InquiryError, match="budget has no room"):
                await calls.post("scripted", "/score", {}, prompt_tokens=14)
            assert (calls.calls, len(upstream.asked)) == (1, 1)
            assert left(purse) == 13

    run(scenario)


@pytest.mark.parametrize("answer", [Status(status=200, body=b"{}"), Status(status=500)], ids=repr)
def test_a_prompt_that_was_not_counted_costs_what_was_guessed(answer: Status) -> None:
    async def scenario() -> None:
        async with calling(upstream := Upstream(), max_usd=20.0) as (calls, purse, _):
            upstream.routes["/score"] = answer
            with contextlib.suppress(InquiryError):
                await calls.post("scripted", "/score", {}, prompt_tokens=15)
            assert [made.usage for made in calls.made] == [Usage()]
            assert left(purse) == 5

    run(scenario)


def test_a_call_that_reached_no_worker_costs_nothing() -> None:
    async def scenario() -> None:
        async with calling(upstream := Upstream(), max_usd=20.0) as (calls, purse, _):
            await upstream.stop()
            with pytest.raises(InquiryError):
                await calls.post("scripted", "/score", {}, prompt_tokens=15)
            assert left(purse) == 20

    run(scenario)


ENDED = [HalfBody(reply=THREE, after_chunks=5), Stall(reply=THREE, after_chunks=5)]


@pytest.mark.parametrize("fault", ENDED, ids=repr)
@pytest.mark.parametrize("deadline_s", [0.5, 20.0])
def test_an_answer_that_has_ended_counts_whatever_becomes_of_its_stream(fault: Action, deadline_s: float) -> None:
    async def scenario() -> None:
        async with calling(Upstream(always(fault)), deadline_s=deadline_s, idle_s=1.0) as (calls, _, _pool):
            said = await calls.ask(Inquiry(messages=MESSAGES, becomes_candidate=True))
            assert (said.reply.text, said.finish_reason, said.usage.completion) == ("The second one", "stop", 3)
            assert calls.made == []

    run(scenario)


def test_what_has_ended_and_is_cancelled_all_the_same_is_booked() -> None:
    async def scenario() -> None:
        async with calling(upstream := Upstream(always(Stall(reply=THREE, after_chunks=5)))) as (calls, _, _pool):
            asking = asyncio.create_task(calls.ask(Inquiry(messages=MESSAGES, becomes_candidate=True)))
            await upstream.wait_until(lambda one: bool(one.seen) and one.seen[0].sent_tokens == 3)
            await asyncio.sleep(0.1)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert [made.usage.completion for made in calls.made] == [3]

    run(scenario)


def test_a_worker_that_fails_before_the_first_token_is_replaced_once() -> None:
    async def scenario() -> None:
        ill, well = Upstream(always(Status(status=500, message="broken"))), Upstream(always(THREE))
        ill.routes["/score"], well.routes["/score"] = Status(status=503), Status(status=200, body=b"{}")
        async with calling(ill, well) as (calls, _, pool):
            assert (await calls.ask(INQUIRY)).worker == "w1"
            well.script = always(Status(status=500, message="broken, too"))
            with pytest.raises(InquiryError, match="broken, too"):
                await calls.ask(INQUIRY)
            assert await calls.post("scripted", "/score", {}, prompt_tokens=9) == b"{}"
            assert calls.calls == 6
            assert [worker.up for worker in pool.workers] == [True, True]

    run(scenario)


@pytest.mark.parametrize(
    "fault", [Status(status=400, message="too long"), ErrorInStream(reply=THREE, after_chunks=3)], ids=repr
)
def test_what_another_worker_would_not_do_better_or_has_begun_is_not_asked_again(fault: Action) -> None:
    async def scenario() -> None:
        faulty, well = Upstream(always(fault)), Upstream(always(THREE))
        async with calling(faulty, well) as (calls, _, _pool):
            with pytest.raises(InquiryError):
                await calls.ask(INQUIRY)
            assert calls.calls == 1

    run(scenario)


def test_a_call_of_a_worker_that_goes_out_of_service_before_the_first_token_is_made_elsewhere() -> None:
    async def scenario() -> None:
        async with calling(frozen := Upstream(always(Silence())), Upstream(always(THREE)), idle_s=60.0) as (
            calls,
            _,
            pool,
        ):
            asking = asyncio.create_task(calls.ask(INQUIRY))
            while not frozen.seen:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
            pool.lost(pool.workers[0], REFUSED)
            assert (await asking).worker == "w1"
            assert pool.retries.taken == 1

    run(scenario)


def test_where_nothing_else_serves_the_model_the_first_error_stands() -> None:
    async def scenario() -> None:
        async with calling(upstream := Upstream(always(Status(status=500, message="broken")))) as (calls, _, _pool):
            with pytest.raises(InquiryError, match="broken"):
                await calls.ask(INQUIRY)
            await upstream.stop()
            with pytest.raises(InquiryError, match="no connection to the worker"):
                await calls.ask(INQUIRY)
            assert calls.calls == 2

    run(scenario)
