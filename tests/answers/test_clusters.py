from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.answers.boxed import Boxed
from app.answers.clusters import MAX_COMPARISONS, Clusters
from app.answers.equivalence import Equivalence
from app.candidates import Answer, Question, Reply
from app.offload import Offload

HOSTILE = "9^{9^{9^{9^9}}}"


def boxed(text: str) -> Answer:
    answer = Boxed().extract(Reply(text=rf"\boxed{{{text}}}"), Question(messages=[]))
    assert answer is not None
    return answer


def text(key: str) -> Answer:
    return Answer(kind="text", text=key, key=key)


async def numbers(equivalence: Equivalence, answers: list[Answer]) -> list[int]:
    clusters = Clusters(equivalence)
    found = [await clusters.assign(answer) for answer in answers]
    assert len(clusters) == len(set(found))
    return found


def test_answers_that_mean_the_same_share_a_number_in_order_of_appearance() -> None:
    async def scenario() -> None:
        async with Offload() as offload:
            written = ["1/2", "0.5", r"\frac{1}{2}", "x+1", "1+x", "x+2", "0.50", "x+1", r"\frac{2}{4}"]
            found = await numbers(Equivalence(offload, timeout_s=20), [boxed(each) for each in written])
            assert found == [0, 0, 0, 1, 1, 2, 0, 1, 0]

    asyncio.run(scenario())


def test_numbers_cluster_however_they_are_written_without_any_process() -> None:
    async def scenario() -> None:
        equivalence = Equivalence(Offload(max_waiting=0))
        written = ["1000", "1,000", r"1{,}000", "10^3", "1e3", "$1000$", "1000.0", "2000/2", r"\frac{1000}{1}", "1001"]
        assert await numbers(equivalence, [boxed(each) for each in written]) == [0] * 9 + [1]

    asyncio.run(scenario())


def test_kinds_do_not_mix() -> None:
    async def scenario() -> None:
        equivalence = Equivalence(Offload(max_waiting=0))
        assert await numbers(equivalence, [text("42"), boxed("42"), text("42")]) == [0, 1, 0]

    asyncio.run(scenario())


def test_answers_assigned_at_once_are_one_cluster_if_they_are_equivalent() -> None:
    async def scenario() -> None:
        async with Offload() as offload:
            clusters = Clusters(Equivalence(offload, timeout_s=20))
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(clusters.assign(boxed(each))) for each in ("x+1", "1+x", "x+1")]
            assert [task.result() for task in tasks] == [0, 0, 0]

    asyncio.run(scenario())


def test_another_run_profits_from_the_comparisons_of_the_first() -> None:
    async def scenario() -> None:
        async with Offload() as offload:
            equivalence = Equivalence(offload, timeout_s=20)
            answers = [boxed("x+1"), boxed("1+x")]
            assert await numbers(equivalence, answers) == [0, 0]
            await offload.close()
            assert await numbers(equivalence, answers) == [0, 0]

    asyncio.run(scenario())


class Counting(Equivalence):
    """Counts the comparisons that need work, and finds all of them different."""

    def __init__(self) -> None:
        super().__init__(Offload(max_waiting=0))
        self.count = 0

    async def equivalent(self, a: Answer, b: Answer, *, within_s: float | None = None) -> bool:  # noqa: ARG002 - as is
        assert self.known(a, b) is None
        self.count += 1
        return False


def test_one_answer_causes_a_bounded_number_of_comparisons() -> None:
    async def scenario() -> None:
        equivalence = Counting()
        clusters = Clusters(equivalence)
        for number in range(40):
            assert await clusters.assign(boxed(f"x+{number}")) == number
        before = equivalence.count
        assert await clusters.assign(boxed("y")) == 40
        assert equivalence.count - before == MAX_COMPARISONS

    asyncio.run(scenario())


def test_comparisons_beyond_the_bound_count_as_undecided() -> None:
    async def scenario() -> None:
        clusters = Clusters(Counting())
        for number in range(MAX_COMPARISONS + 1):
            await clusters.assign(boxed(f"x+{number}"))
        assert clusters.undecided == 0
        await clusters.assign(boxed("y"))
        assert clusters.undecided == 1
        await clusters.assign(boxed("y"))
        assert clusters.undecided == 1

    asyncio.run(scenario())


LONG = "x+" * 1_500 + "x"


@pytest.mark.parametrize(("a", "b"), [("x+1", "1+x"), (LONG, "x")])
def test_answers_that_cannot_be_compared_are_apart_and_count_as_undecided(a: str, b: str) -> None:
    async def scenario() -> None:
        clusters = Clusters(Equivalence(Offload(max_waiting=0)))
        assert [await clusters.assign(boxed(each)) for each in (a, b, "1", "2", a)] == [0, 1, 2, 3, 0]
        assert clusters.undecided == 1 + 2 * 2

    asyncio.run(scenario())


def test_answers_that_their_keys_tell_apart_are_never_undecided() -> None:
    async def scenario() -> None:
        clusters = Clusters(Equivalence(Offload(max_waiting=0)))
        for answer in (boxed("1"), boxed("2"), text("x+1"), text("1+x"), text(LONG)):
            await clusters.assign(answer)
        assert clusters.undecided == 0

    asyncio.run(scenario())


def test_a_run_whose_allowance_is_used_up_goes_by_keys_and_says_so() -> None:
    async def scenario() -> None:
        async with Offload(max_workers=1) as offload:
            equivalence = Equivalence(offload, timeout_s=20)
            spent = Clusters(equivalence, allowance_s=0.05)
            assert [await spent.assign(boxed(each)) for each in (HOSTILE, "x+1", "1+x", "x+1")] == [0, 1, 2, 1]
            assert spent.undecided == 3
            another = Clusters(equivalence, allowance_s=60)
            assert [await another.assign(boxed(each)) for each in ("x+1", "1+x")] == [0, 0]
            assert another.undecided == 0

    asyncio.run(scenario())


class Held(Equivalence):
    """Compares nothing before it is let go, and then by math-verify."""

    def __init__(self, offload: Offload) -> None:
        super().__init__(offload, timeout_s=20)
        self.asked = asyncio.Event()
        self.free = asyncio.Event()

    async def equivalent(self, a: Answer, b: Answer, *, within_s: float | None = None) -> bool:
        self.asked.set()
        await self.free.wait()
        return await super().equivalent(a, b, within_s=within_s)


def test_an_assignment_that_is_cancelled_is_as_if_it_had_never_been() -> None:
    async def scenario() -> None:
        async with Offload(max_workers=1) as offload:
            equivalence = Held(offload)
            clusters = Clusters(equivalence, allowance_s=60)
            assert await clusters.assign(boxed("x+1")) == 0
            cut = asyncio.create_task(clusters.assign(boxed("1+x")))
            await equivalence.asked.wait()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await clusters.assign(boxed("x+2"))  # which waits for its turn
            cut.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cut
            assert (len(clusters), clusters.undecided) == (1, 0)
            equivalence.free.set()
            assert [await clusters.assign(boxed(each)) for each in ("x+2", "1+x", "2+x")] == [1, 0, 1]
            assert (len(clusters), clusters.undecided) == (2, 0)

    asyncio.run(scenario())


def test_a_deadline_in_the_midst_of_a_comparison_leaves_the_clusters_usable() -> None:
    async def scenario() -> None:
        async with Offload(max_workers=2) as offload:
            clusters = Clusters(Equivalence(offload, timeout_s=20), allowance_s=60)
            assert await clusters.assign(boxed("x+1")) == 0
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await clusters.assign(boxed(HOSTILE))
            assert await clusters.assign(boxed("1+x")) == 0
            assert (len(clusters), clusters.undecided) == (1, 0)

    asyncio.run(scenario())


@given(keys=st.lists(st.sampled_from("abc")))
@settings(max_examples=50, deadline=None)
def test_clusters_are_the_distinct_keys_where_nothing_else_is_equivalent(keys: list[str]) -> None:
    async def scenario() -> None:
        distinct = list(dict.fromkeys(keys))
        found = await numbers(Equivalence(Offload(max_waiting=0)), [text(key) for key in keys])
        assert found == [distinct.index(key) for key in keys]

    asyncio.run(scenario())
