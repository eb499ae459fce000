from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from app.budget import Budget
from app.candidates import Usage
from app.errors import InquiryError, ModelNotFoundError
from app.inquiry import Inquiry
from app.price import Price
from app.purse import Purse
from app.side_calls import MAX_POSTED_BODY, SideCalls
from app.stopwatch import Stopwatch
from app.workers.client import AioHttpClient
from app.workers.pool import Pool
from app.workers.worker import Worker
from tests.scripted.actions import Garbage, HalfBody, NoFinish, Silence, Status
from tests.scripted.received import Ending
from tests.scripted.reply import Reply
from tests.scripted.scripts import always
from tests.scripted.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from tests.scripted.actions import Action

MESSAGES: list[dict[str, object]] = [{"role": "user", "content": "Which one?"}]
INQUIRY = Inquiry(messages=MESSAGES, max_tokens=10)
SLOW = Reply(texts=("word " * 600,), delay_per_chunk_s=0.01)
THREE = Reply(texts=("The second one",))


@asynccontextmanager
async def calling(
    *upstreams: Upstream, max_tokens: int | None = None, deadline_s: float = 20.0, idle_s: float = 5.0
) -> AsyncGenerator[tuple[SideCalls, Purse, Pool]]:
    """Side calls of a run for `scripted`, over workers that are these upstreams."""
    async with AsyncExitStack() as stack:
        for upstream in upstreams:
            await stack.enter_async_context(upstream)
        client = await stack.enter_async_context(AioHttpClient(connect_s=2.0, idle_s=idle_s))
        workers = [Worker(id=f"w{i}", locate=lambda one=one: one.url) for i, one in enumerate(upstreams)]
        pool = Pool(workers, client, probe_s=60.0)
        await stack.enter_async_context(pool.watched())
        purse = Purse(Budget(max_completion_tokens=max_tokens), price=None, candidate_tokens=None)
        calls = SideCalls(
            model="scripted",
            deadline=asyncio.get_running_loop().time() + deadline_s,
            pool=pool,
            client=client,
            purse=purse,
            prices={"scripted": Price(completion=1.0)},
            upstream=Stopwatch(),
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
            assert (len(calls.made), calls.calls, pool.workers[0].in_flight) == (1, 1, 0)

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
                await calls.post("scripted", "/score", {})
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
            assert pool.workers[0].in_flight == 0

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


def test_a_post_returns_the_document_and_books_what_it_says_of_its_cost() -> None:
    async def scenario() -> None:
        upstream = Upstream()
        async with calling(upstream) as (calls, _, _pool):
            upstream.routes["/score"] = Status(status=200, body=b'{"usage": {"prompt_tokens": 7}, "data": []}')
            assert b'"data"' in await calls.post("scripted", "/score", {"input": "x"})
            upstream.routes["/score"] = Status(status=500)
            with pytest.raises(InquiryError):
                await calls.post("scripted", "/score", {})
            upstream.routes["/score"] = Status(status=200, body=b"x" * (MAX_POSTED_BODY + 1))
            with pytest.raises(InquiryError, match="unreasonable length"):
                await calls.post("scripted", "/score", {})
            assert [made.usage for made in calls.made] == [Usage(prompt=7), Usage(), Usage()]

    run(scenario)
