from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.aggregators.tournament import Tournament
from app.candidates import Candidate, Reply
from app.errors import InquiryError
from tests.tools import ScriptedModels, aggregator_tools

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.candidates import Decision
    from app.inquiry import Inquiry

ALL_DIFFERENT = range(9)


def pool_of(*clusters: int | None) -> list[Candidate]:
    return [
        Candidate(index=i, finish_reason="stop", cluster=cluster, reply=Reply(text=f"answer {i}"))
        for i, cluster in enumerate(clusters)
    ]


def shown(inquiry: Inquiry) -> tuple[int, int]:
    """Return which candidates an inquiry compares, A first."""
    found = re.findall(r"<response_[AB]_\w+>\nanswer (\d+)\n", str(inquiry.messages[0]["content"]))
    return int(found[0]), int(found[1])


def judge(better: Callable[[int], float]) -> ScriptedModels:
    """A model that prefers the candidate for which `better` is greater."""

    def says(inquiry: Inquiry) -> str:
        one, other = shown(inquiry)
        verdict = "A" if better(one) > better(other) else "B" if better(one) < better(other) else "tie"
        return f"Well.\nVerdict: {verdict}"

    return ScriptedModels(says)


def chosen(models: ScriptedModels, pool: Sequence[Candidate], **params: object) -> Decision:
    return asyncio.run(Tournament.model_validate(params).choose(pool, aggregator_tools(models)))


@given(st.permutations(range(8)))
def test_the_best_of_eight_wins_in_three_rounds_of_both_orders(strength: list[int]) -> None:
    models = judge(lambda index: strength[index])
    decision = chosen(models, pool_of(*range(8)))
    assert decision.winner.index == strength.index(7)
    assert (decision.tied, decision.fallback) == (False, None)
    assert len(models.asked) == 3 * 4 * 2
    assert sorted(map(shown, models.asked)) == sorted((b, a) for a, b in map(shown, models.asked))


def test_one_of_each_answer_takes_part_those_with_most_votes_first() -> None:
    models = judge(lambda index: index)
    decision = chosen(models, pool_of(0, 1, 2, 2, 1, 2), entrants=2)
    assert {index for inquiry in models.asked for index in shown(inquiry)} == {1, 2}
    assert (decision.winner.id, decision.votes, decision.of, decision.margin) == ("c2", 3, 6, 1)
    assert [one.id for one in decision.ranking[:3]] == ["c2", "c1", "c0"]


def test_candidates_without_an_answer_take_part_where_nobody_has_one() -> None:
    assert chosen(judge(lambda index: index), pool_of(None, None, None)).winner.id == "c2"


def test_a_judge_that_only_favours_a_place_makes_draws_and_votes_decide_them() -> None:
    decision = chosen(ScriptedModels(lambda _: "Verdict: A"), pool_of(0, 1, 1))
    assert (decision.winner.id, decision.tied, decision.fallback) == ("c1", True, None)
    decision = chosen(ScriptedModels(lambda _: "Verdict: A"), pool_of(0, 1))
    assert (decision.winner.id, decision.tied) == ("c0", True)


def test_what_cannot_be_read_is_a_draw() -> None:
    def says(inquiry: Inquiry) -> str:
        one, other = shown(inquiry)
        return f"Verdict: {'A' if one > other else 'B'}" if {one, other} == {2, 3} else "Who knows?"

    decision = chosen(ScriptedModels(says), pool_of(0, 1, 2, 3), rounds=1)
    assert [one.id for one in decision.ranking] == ["c3", "c0", "c1", "c2"]
    assert (decision.tied, decision.fallback) == (False, None)


@pytest.mark.parametrize("reply", ["Who knows?", 'Hm.\n{"a":' + "[" * 1_500 + "}"])
@pytest.mark.parametrize("params", [{}, {"max_calls": 2}])
def test_where_nothing_can_be_read_the_vote_decides(reply: str, params: dict[str, object]) -> None:
    decision = chosen(ScriptedModels(lambda _: reply), pool_of(0, 0, 1, 1, 1, 2), **params)
    assert decision.winner.id == "c2"
    assert decision.fallback == "tournament: no verdict could be read; the vote decided"


@given(st.lists(st.integers(1, 4), min_size=2, max_size=9), st.integers(1, 8), st.integers(2, 80))
def test_when_all_matches_are_drawn_the_votes_winner_wins(votes: list[int], rounds: int, max_calls: int) -> None:
    pool = pool_of(*(cluster for cluster, count in enumerate(votes) for _ in range(count)))
    params = {"entrants": 9, "rounds": rounds, "max_calls": max_calls}
    decision = chosen(ScriptedModels(lambda _: "Verdict: tie"), pool, **params)
    assert decision.winner == Tournament().decide(pool).winner


def test_who_has_not_played_does_not_win_by_that() -> None:
    pool = pool_of(*[0] * 10, *[1] * 5, 2)
    assert chosen(judge(lambda _: 0), pool, max_calls=2).winner.id == "c0"
    assert chosen(judge(lambda index: index), pool, max_calls=2).winner.id == "c10"


@pytest.mark.parametrize(("max_calls", "asked"), [(2, 2), (3, 2), (4, 4), (6, 6), (7, 6), (8, 8)])
def test_the_cap_on_calls_ends_it_and_the_standings_so_far_decide(max_calls: int, asked: int) -> None:
    models = judge(lambda index: index)
    decision = chosen(models, pool_of(0, 1, 2, 3), max_calls=max_calls)
    assert len(models.asked) == asked
    assert (decision.fallback is None) == (asked == 8)
    assert decision.fallback is None or f"max_calls is {max_calls}; the standings" in decision.fallback
    assert decision.winner.id == ("c1" if asked < 6 else "c3")


def test_without_any_match_the_vote_decides() -> None:
    decision = chosen(ScriptedModels(lambda _: InquiryError("no worker")), pool_of(0, 1, 1))
    assert decision.winner.id == "c1"
    assert decision.fallback == "tournament: no match could be played: no worker; the vote decided"


def test_a_budget_that_runs_out_halfway_leaves_it_to_the_standings() -> None:
    left = iter(range(4))

    def says(inquiry: Inquiry) -> str | Exception:
        if next(left, None) is None:
            return InquiryError("the budget has no room for it")
        return f"Verdict: {'A' if shown(inquiry)[0] > shown(inquiry)[1] else 'B'}"

    decision = chosen(ScriptedModels(says), pool_of(0, 1, 2, 3))
    assert decision.winner.id == "c1"
    assert decision.tied
    assert decision.fallback == (
        "tournament: ended after 2 matches: the budget has no room for it; the standings so far decided"
    )


def test_as_many_rounds_are_played_as_are_wanted_and_no_pair_meets_twice() -> None:
    models = judge(lambda index: index)
    chosen(models, pool_of(0, 1, 2, 3), rounds=9)
    pairs = [frozenset(shown(inquiry)) for inquiry in models.asked]
    assert len(pairs) == 12
    assert len(set(pairs)) == 6


def test_the_matches_of_a_round_are_played_at_the_same_time() -> None:
    class Meeting(ScriptedModels):
        barrier = asyncio.Barrier(8)

        async def ask(self, inquiry: Inquiry):  # noqa: ANN202 - as above
            async with asyncio.timeout(5):
                await self.barrier.wait()
            return await super().ask(inquiry)

    assert chosen(Meeting(lambda _: "Verdict: tie"), pool_of(*range(8)), rounds=1).fallback is None


def test_the_judge_goes_by_the_rubric() -> None:
    models = judge(lambda index: index)
    chosen(models, pool_of(0, 1), rubric="Which is kinder?", model="judge")
    assert all("Which is kinder?" in str(inquiry.messages) for inquiry in models.asked)
    assert {inquiry.model for inquiry in models.asked} == {"judge"}
