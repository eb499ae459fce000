from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from app.answers.boxed import Boxed
from app.answers.equivalence import Equivalence, UndecidedError, same_mathematics
from app.candidates import Answer, Question, Reply
from app.offload import Offload

if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTILE = "9^{9^{9^{9^9}}}"


def boxed(text: str) -> Answer:
    answer = Boxed().extract(Reply(text=rf"\boxed{{{text}}}"), Question(messages=[]))
    assert answer is not None
    return answer


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def equivalence(runner: asyncio.Runner) -> Iterator[Equivalence]:
    offload = Offload(preload=("math_verify", "app.answers.equivalence"))
    yield Equivalence(offload, timeout_s=20)
    runner.run(offload.close())


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("1/2", r"\frac{1}{2}", True),
        ("0.5", "0.50001", False),
        ("x+1", "1+x", True),
        ("x+1", "x+2", False),
        (r"\frac{\sqrt2}{2}", r"\frac{1}{\sqrt{2}}", True),
        ("(x+1)^2", "x^2+2x+1", True),
        (r"\sqrt{4}", "2", True),
        (r"\{1,2\}", r"\{2,1\}", True),
        ("[1,2)", "[1,2]", False),
        ("(1,2)", "(2,1)", False),
        (r"y=2x+1", "2x+1", True),
        (r"\frac{}", "x", False),
        ("no solution", "5", False),
    ],
)
def test_mathematics_is_compared_by_meaning_in_both_orders(
    runner: asyncio.Runner, equivalence: Equivalence, a: str, b: str, expected: object
) -> None:
    async def scenario() -> None:
        assert await equivalence.equivalent(boxed(a), boxed(b)) is expected
        assert await equivalence.equivalent(boxed(b), boxed(a)) is expected
        assert same_mathematics(boxed(a).key, boxed(b).key) is same_mathematics(boxed(b).key, boxed(a).key)

    runner.run(scenario())


def test_an_outcome_is_kept(runner: asyncio.Runner, equivalence: Equivalence) -> None:
    a, b = boxed("a+b"), boxed("b+a")
    assert equivalence.known(a, b) is None
    runner.run(equivalence.equivalent(a, b))
    assert equivalence.known(a, b) is equivalence.known(b, a) is True


answers = st.builds(
    Answer,
    kind=st.sampled_from(["math", "choice", "json", "tool_call", "code", "text"]),
    text=st.just(""),
    key=st.sampled_from(["1", "2", "1/2", "A", "x" * 3_000, "y" * 3_000]),
)


@settings(deadline=None)
@given(a=answers, b=answers)
def test_what_takes_no_work_is_reflexive_and_symmetric_and_never_mixes_kinds(a: Answer, b: Answer) -> None:
    equivalence = Equivalence(Offload())
    assert equivalence.known(a, a) is True
    assert equivalence.known(a, b) is equivalence.known(b, a)
    if a.kind != b.kind:
        assert equivalence.known(a, b) is False
    if a.kind != "math":
        assert equivalence.known(a, b) is ((a.kind, a.key) == (b.kind, b.key))


def test_plain_numbers_need_no_process() -> None:
    async def scenario() -> None:
        offload = Offload()
        await offload.close()
        equivalence = Equivalence(offload)
        assert await equivalence.equivalent(boxed("0.5"), boxed(r"\dfrac{1}{2}"))
        assert not await equivalence.equivalent(boxed("0.5"), boxed("1/3"))

    asyncio.run(scenario())


def test_hostile_mathematics_is_undecided_and_harms_no_later_comparison() -> None:
    async def scenario() -> None:
        async with Offload(max_workers=1) as offload:
            equivalence = Equivalence(offload, timeout_s=0.5)
            with structlog.testing.capture_logs() as logs:
                for other in ("x+1", "x+2", "x+1"):
                    with pytest.raises(UndecidedError, match="TimeoutError"):
                        await equivalence.equivalent(boxed(HOSTILE), boxed(other))
            assert [(entry["reason"], entry["log_level"]) for entry in logs] == [("TimeoutError", "warning")] * 3
            assert all(HOSTILE not in str(entry) for entry in logs)
            patient = Equivalence(offload, timeout_s=20)
            assert await patient.equivalent(boxed("x+1"), boxed("1+x"))

    asyncio.run(scenario())


def test_time_that_ran_out_for_one_caller_is_held_against_no_expression_of_the_next() -> None:
    async def scenario() -> None:
        async with Offload(max_workers=1) as offload:
            equivalence = Equivalence(offload, timeout_s=20)
            sum_, others = boxed("x+1"), [boxed(each) for each in ("1+x", "x+2", "x+3")]
            for other in others:
                with pytest.raises(UndecidedError):
                    await equivalence.equivalent(sum_, other, within_s=0.0001)
                assert equivalence.known(sum_, other) is None
            assert [await equivalence.equivalent(sum_, other) for other in others] == [True, False, False]
            assert [equivalence.known(sum_, other) for other in others] == [True, False, False]

    asyncio.run(scenario())


def test_waiting_for_a_process_is_part_of_the_callers_time() -> None:
    async def scenario() -> None:
        async with Offload(max_workers=1, preload=()) as offload, asyncio.TaskGroup() as group:
            job = group.create_task(offload.call(time.sleep, 60, timeout_s=60))
            await asyncio.sleep(0)  # in which it takes the only process
            with pytest.raises(UndecidedError, match="TimeoutError"):
                await Equivalence(offload).equivalent(boxed("x+1"), boxed("1+x"), within_s=0.05)
            job.cancel()

    asyncio.run(scenario())


def test_a_busy_pool_leaves_it_undecided() -> None:
    async def scenario() -> None:
        async with Offload(max_waiting=0) as offload:
            equivalence = Equivalence(offload)
            with pytest.raises(UndecidedError, match="OffloadBusyError"):
                await equivalence.equivalent(boxed("x+1"), boxed("1+x"))
            assert equivalence.known(boxed("x+1"), boxed("1+x")) is None

    asyncio.run(scenario())


def test_an_answer_that_is_too_long_is_undecided_without_any_process() -> None:
    async def scenario() -> None:
        with pytest.raises(UndecidedError, match="2000 characters"):
            await Equivalence(Offload(max_waiting=0)).equivalent(boxed("x+" * 1_500 + "x"), boxed("1"))

    asyncio.run(scenario())
