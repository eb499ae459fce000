from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from app.answers.boxed import Boxed
from app.answers.clusters import MAX_COMPARISONS, Clusters
from app.answers.equivalence import Equivalence
from app.candidates import Answer, Question, Reply
from app.offload import Offload


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

    async def equivalent(self, a: Answer, b: Answer) -> bool:
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


@given(keys=st.lists(st.sampled_from("abc")))
@settings(max_examples=50, deadline=None)
def test_clusters_are_the_distinct_keys_where_nothing_else_is_equivalent(keys: list[str]) -> None:
    async def scenario() -> None:
        distinct = list(dict.fromkeys(keys))
        found = await numbers(Equivalence(Offload(max_waiting=0)), [text(key) for key in keys])
        assert found == [distinct.index(key) for key in keys]

    asyncio.run(scenario())
