from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.admission.line import AGING_S
from app.admission.priority import Priority
from app.errors import DeadlineExceededError, NoWorkerError, OverloadedError, UnavailableError
from tests.admission.house import House, Workers, settle

CAPACITY = 8
MODELS = st.sampled_from(["m", "other"])

COME = st.tuples(st.just("come"), st.integers(1, 12), st.integers(0, 3), st.sampled_from(Priority), MODELS)
ACT = st.tuples(st.sampled_from(["go", "cancel", "shrink", "vanish"]), st.integers(0, 1_000))
STEPS = st.lists(COME | ACT, max_size=40)


async def act(house: House, step: tuple[object, ...]) -> None:
    """Do one step: a guest comes, or one of those there goes, is cancelled, shrinks, or goes just as it is let in."""
    match step:
        case ("come", int(width), int(account), Priority() as priority, str(model)):
            await house.come(width, account, priority, model)
        case (str(what), int(number)) if house.guests:
            guest = house.guests[number % len(house.guests)]
            if what == "go" and guest.inside:
                await house.go(guest)
            elif what == "cancel":
                await house.cancel(guest)
            elif what == "shrink":
                guest.seat.shrink(guest.seat.held // 2)
                await settle()
            elif what == "vanish" and (waiting := [one for one in house.guests if house.waits(one)]):
                for inside in house.inside:  # units come back, and whom they go to is cancelled in the same moment
                    inside.seat.shrink(0)
                await house.cancel(waiting[0])
        case _:
            pass


def check(house: House) -> None:
    """No model is oversubscribed but by one that is alone, and whoever shrank nothing holds all or nothing."""
    for model, capacity in house.workers.units.items():
        held = [guest.seat.held for guest in house.guests if guest.seat.gate.model == model and guest.inside]
        assert sum(held) <= capacity or len(held) == 1
    for guest in house.guests:
        assert 0 <= guest.seat.held <= guest.width


@settings(max_examples=150, deadline=None)
@given(STEPS, st.sampled_from([None, 5, 10]))
def test_units_are_never_oversubscribed_or_lost_and_everybody_who_stays_is_let_in(
    steps: list[tuple[object, ...]], limit: int | None
) -> None:
    async def scenario() -> None:
        workers = Workers({"m": CAPACITY, "other": CAPACITY}, whole=12)
        async with House(workers, max_in_flight=limit) as house:
            for step in steps:
                await act(house, step)
                check(house)
            while house.inside:
                await house.go(house.inside[0])
                check(house)
            assert not [guest for guest in house.guests if house.waits(guest)]
            assert house.held == 0
            late = await house.come(CAPACITY)
            assert late.inside

    asyncio.run(scenario())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=20))
def test_a_request_holds_all_its_units_or_none(widths: list[int]) -> None:
    async def scenario() -> None:
        async with House(Workers({"m": CAPACITY})) as house:
            for width in widths:
                await house.come(width)
            while house.inside:
                assert all(guest.seat.held in {0, guest.width} for guest in house.guests)
                await house.go(house.inside[0])

    asyncio.run(scenario())


def test_where_there_is_room_no_other_task_gets_a_turn() -> None:
    async def scenario() -> None:
        house = House(Workers({"m": 1}))
        seat = house.admission.seat("m", width=1, deadline=0.0)
        with pytest.raises(StopIteration):  # it comes to its end without suspending
            seat.__aenter__().send(None)
        assert (seat.held, seat.waited_s) == (1, 0.0)
        await seat.__aexit__()
        assert house.notes.waits == [("m", "normal", 0.0)]

    asyncio.run(scenario())


def test_a_wide_request_is_not_overtaken_by_narrow_ones_that_would_fit() -> None:
    async def scenario() -> None:
        async with House(Workers({"m": 4})) as house:
            first = [await house.come(), await house.come()]
            wide = await house.come(4)
            narrow = [await house.come(account=account) for account in range(1, 6)]
            assert not any(guest.inside for guest in narrow)
            for guest in first:
                await house.go(guest)
            assert wide.inside
            await house.go(wide)
            assert sum(guest.inside for guest in narrow) == 4

    asyncio.run(scenario())


def test_one_that_is_wider_than_all_there_is_runs_alone() -> None:
    async def scenario() -> None:
        async with House(Workers({"m": 4})) as house:
            narrow = await house.come()
            wide = await house.come(64)
            assert house.waits(wide)
            await house.go(narrow)
            assert wide.seat.held == 64
            after = await house.come()
            assert house.waits(after)
            wide.seat.shrink(3)
            await settle()
            assert after.inside

    asyncio.run(scenario())


def test_a_key_that_sends_wide_ones_does_not_starve_one_that_sends_singles() -> None:
    async def scenario() -> None:
        async with House(Workers({"m": 64})) as house:
            wide = [await house.come(64, account=0) for _ in range(5)]
            single = [await house.come(1, account=1) for _ in range(64)]
            await house.go(wide[0])
            assert wide[1].inside
            await house.go(wide[1])
            assert all(guest.inside for guest in single)

    asyncio.run(scenario())


def test_a_low_one_moves_up_while_it_waits() -> None:
    async def scenario() -> None:
        async with House(Workers({"m": 1})) as house:
            first = await house.come()
            low = await house.come(account=1, priority=Priority.LOW)
            house.time = 2 * AGING_S
            house.admission.look()
            house.time = 3 * AGING_S
            high = await house.come(account=2, priority=Priority.HIGH)
            await house.go(first)
            assert (low.inside, high.inside) == (True, False)

    asyncio.run(scenario())


def test_units_that_new_workers_bring_are_handed_out_and_those_of_lost_ones_are_not() -> None:
    async def scenario() -> None:
        async with House(Workers({"m": 1})) as house:
            first, second, third = [await house.come() for _ in range(3)]
            house.workers.units["m"] = 2
            house.admission.look()
            await settle()
            assert (first.inside, second.inside, third.inside) == (True, True, False)
            house.workers.units["m"] = 1
            house.admission.look()
            await house.go(first)
            assert house.waits(third)
            await house.go(second)
            assert third.inside

    asyncio.run(scenario())


def test_beyond_the_bound_nobody_waits_and_is_told_when_to_come_again() -> None:
    async def scenario() -> None:
        async with House(Workers({"m": 4}), max_waiting=2) as house:
            for _ in range(10):  # four units come back every second
                guest = await house.come(4)
                house.time += 1.0
                await house.go(guest)
            await house.come(4)
            waiting = [await house.come(20), await house.come(16)]
            turned_away = await house.come(4)
            assert isinstance(turned_away.error, OverloadedError)
            assert turned_away.error.status == 503
            assert turned_away.error.retry_after_s == pytest.approx((20 + 16 + 4) / 4, abs=1)
            assert all(house.waits(guest) for guest in waiting)
            assert (house.notes.turned_away, house.notes.waiting["m"]) == (1, 2)

    asyncio.run(scenario())


def test_what_waits_for_all_models_together_is_bounded_in_bytes() -> None:
    async def scenario() -> None:
        async with House(Workers({"m": 1, "other": 1}), max_waiting_bytes=100) as house:
            first, _ = await house.come(size=1_000), await house.come(model="other")
            waiting = [await house.come(size=60), await house.come(model="other", size=40)]
            for model in ("m", "other"):
                error = (await house.come(model=model, size=1)).error
                assert isinstance(error, OverloadedError)
                assert error.retry_after_s
            assert all(house.waits(guest) for guest in waiting)
            assert house.notes.turned_away == 2
            await house.go(first)
            assert waiting[0].inside
            assert house.waits(await house.come(size=60))
            await house.cancel(waiting[1])
            assert house.waits(await house.come(model="other", size=40))

    asyncio.run(scenario())


def test_one_that_is_larger_than_all_that_may_wait_is_told_what_to_change() -> None:
    async def scenario() -> None:
        async with House(Workers({"m": 1}), max_waiting_bytes=100) as house:
            await house.come()
            error = (await house.come(size=101)).error
            assert isinstance(error, OverloadedError)
            assert error.message == (
                "the request, of 101 bytes, can't wait, as at most 100 may; "
                "send a smaller one, or raise admission.max_waiting_bytes"
            )
            assert house.waits(await house.come(size=60))
            refused = (await house.come(size=60)).error
            assert isinstance(refused, OverloadedError)
            assert "try again in" in refused.message

    asyncio.run(scenario())


def test_a_request_that_need_not_wait_is_not_measured() -> None:
    async def scenario() -> None:
        house = House(Workers({"m": 1}), max_waiting_bytes=0)
        async with house.admission.seat("m", width=1, deadline=0.0, measure=lambda: 1 // 0) as seat:
            assert seat.held == 1

    asyncio.run(scenario())


@pytest.mark.parametrize(("second", "told"), [(0.001, 1), (1_000.0, 120)])
def test_what_a_client_is_told_to_wait_is_within_reason(second: float, told: int) -> None:
    async def scenario() -> None:
        async with House(Workers({"m": 1}), max_waiting=0) as house:
            guest = await house.come()
            house.time += second
            await house.go(guest)
            await house.come()
            error = (await house.come(2)).error
            assert isinstance(error, OverloadedError)
            assert error.retry_after_s == told

    asyncio.run(scenario())


def test_a_wait_ends_with_the_deadline_or_the_longest_wait_whichever_is_first() -> None:
    async def scenario() -> None:
        async with House(Workers({"m": 1}), max_wait_s=30.0) as house:
            await house.come()
            now = asyncio.get_running_loop().time()
            with pytest.raises(DeadlineExceededError, match="in the queue"):
                async with house.admission.seat("m", width=1, deadline=now + 0.01):
                    pass
            assert house.notes.waiting["m"] == 0
        async with House(Workers({"m": 1}), max_wait_s=0.01) as house:
            await house.come()
            with pytest.raises(OverloadedError, match="as long as it may"):
                async with house.admission.seat("m", width=1, deadline=now + 30.0):
                    pass
            assert (house.notes.waiting["m"], house.notes.turned_away) == (0, 1)

    asyncio.run(scenario())


def test_those_behind_one_that_gives_up_are_let_in_where_they_fit() -> None:
    async def scenario() -> None:
        async with House(Workers({"m": 4})) as house:
            await house.come(2)
            wide = await house.come(4)
            narrow = await house.come(2)
            await house.cancel(wide)
            assert narrow.inside

    asyncio.run(scenario())


def test_without_any_worker_those_that_wait_are_kept_for_a_moment_only() -> None:
    async def scenario() -> None:
        async with House(Workers({"m": 1}), no_worker_wait_s=5.0) as house:
            await house.come()
            early = await house.come()
            house.workers.units["m"] = 0
            house.admission.look()
            house.time = 4.0
            house.admission.look()
            late = await house.come()
            assert house.waits(early)
            house.time = 5.0
            house.admission.look()
            await settle()
            assert isinstance(early.error, NoWorkerError)
            assert house.waits(late)
            house.workers.units["m"] = 2
            house.admission.look()
            await settle()
            assert late.inside

    asyncio.run(scenario())


def test_units_that_come_back_as_their_worker_goes_let_nobody_in() -> None:
    async def scenario() -> None:
        async with House(Workers({"m": 2}), no_worker_wait_s=5.0) as house:
            first = await house.come(2)
            waiting = await house.come(2)
            house.workers.units["m"] = 0
            await house.go(first)
            assert house.waits(waiting)
            house.workers.units["m"] = 2
            house.admission.look()
            await settle()
            assert waiting.inside

    asyncio.run(scenario())


def test_a_server_that_ends_turns_away_those_that_wait_and_those_that_would() -> None:
    async def scenario() -> None:
        async with House(Workers({"m": 1})) as house:
            inside, waiting = await house.come(), await house.come()
            house.admission.close()
            await settle()
            assert inside.inside
            assert isinstance(waiting.error, UnavailableError)
            assert isinstance((await house.come()).error, UnavailableError)

    asyncio.run(scenario())


def test_capacity_is_looked_at_again_by_itself() -> None:
    async def scenario() -> None:
        async with House(Workers({"m": 1})) as house:
            await house.come()
            waiting = await house.come()
            house.workers.units["m"] = 2
            assert waiting.seat.turn is not None
            assert await waiting.seat.turn is None
            assert waiting.inside

    asyncio.run(scenario())
