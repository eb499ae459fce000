"""What holds for all aggregators that ask a model."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from app.aggregators.asking import led_by
from app.aggregators.consistency import Consistency
from app.aggregators.majority import Majority
from app.aggregators.synthesis import Synthesis
from app.aggregators.tournament import Tournament
from app.candidates import Candidate, Reply
from app.errors import InquiryError, ModelNotFoundError, NoWorkerError
from app.tally import Tally
from app.tokens import TEMPLATE_TOKENS, prompt_tokens
from tests.tools import ScriptedModels, aggregator_tools

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.aggregators.asking import Asking
    from app.candidates import Decision
    from app.inquiry import Inquiry, Said

ASKING: list[Asking] = [Consistency(), Synthesis(), Tournament()]
every = pytest.mark.parametrize("aggregator", ASKING, ids=lambda one: one.name)
CLUSTERS = st.lists(st.none() | st.integers(0, 3), min_size=1, max_size=9)


def pool_of(*clusters: int | None, text: str = "text") -> list[Candidate]:
    return [
        Candidate(index=i, finish_reason="stop", cluster=cluster, reply=Reply(text=f"{text} {i}"))
        for i, cluster in enumerate(clusters)
    ]


def chosen(aggregator: Asking, pool: Sequence[Candidate], models: ScriptedModels | None = None) -> Decision:
    return asyncio.run(aggregator.choose(pool, aggregator_tools(models)))


@every
@given(clusters=CLUSTERS)
def test_by_itself_it_is_the_plain_vote(aggregator: Asking, clusters: list[int | None]) -> None:
    pool = pool_of(*clusters)
    assert aggregator.decide(pool).ranking == Majority().decide(pool).ranking


@every
@given(clusters=CLUSTERS)
def test_where_the_model_gives_no_answer_the_vote_decides_and_says_why(
    aggregator: Asking, clusters: list[int | None]
) -> None:
    pool = pool_of(*clusters)
    models = ScriptedModels(lambda _: InquiryError("the budget has no room for it"))
    decision = chosen(aggregator, pool, models)
    assert decision.ranking == Majority().decide(pool).ranking
    assert (decision.fallback is not None) == bool(models.asked)
    assert decision.fallback is None or re.search("budget has no room.*; the vote decided", decision.fallback)
    assert decision.synthesized is None


class Unreadable(ScriptedModels):
    """A model whose answer breaks whoever reads it."""

    async def ask(self, inquiry: Inquiry) -> Said:
        await super().ask(inquiry)
        raise KeyError("sk-secret")


@every
def test_an_answer_that_breaks_its_reader_leaves_it_to_the_vote(aggregator: Asking) -> None:
    pool = pool_of(0, 1, 1)
    with capture_logs() as logs:
        decision = chosen(aggregator, pool, Unreadable(lambda _: "Choice: 1"))
    assert decision.ranking == Majority().decide(pool).ranking
    assert decision.fallback == f"{aggregator.name}: it broke (KeyError); the vote decided"
    assert [entry["event"] for entry in logs] == ["aggregator_broke"]
    assert "sk-secret" not in str(logs)


@every
def test_an_error_of_quorums_own_is_no_broken_reader(aggregator: Asking) -> None:
    with pytest.raises(NoWorkerError):
        chosen(aggregator, pool_of(0, 1, 1), ScriptedModels(lambda _: NoWorkerError("nobody")))


@every
def test_one_candidate_is_the_answer_and_nobody_is_asked(aggregator: Asking) -> None:
    models = ScriptedModels(lambda _: "Choice: 1\nVerdict: A")
    for pool in (pool_of(0), pool_of(None)):
        decision = chosen(aggregator, pool, models)
        assert (decision.winner, decision.fallback, models.asked) == (pool[0], None, [])


@every
def test_nothing_is_settled_while_anything_is_to_come(aggregator: Asking) -> None:
    assert not aggregator.settled(pool_of(0, 0), Tally(), [2])
    assert aggregator.settled(pool_of(0, 0), Tally(), [])


@every
def test_the_model_has_to_be_there(aggregator: Asking) -> None:
    asyncio.run(aggregator.check(ScriptedModels()))
    with pytest.raises(ModelNotFoundError):
        asyncio.run(aggregator.model_copy(update={"model": "nobody"}).check(ScriptedModels()))


@every
@given(clusters=st.lists(st.integers(0, 9), min_size=1, max_size=12), length=st.sampled_from([1, 50, 3_000]))
def test_no_choice_costs_more_than_it_was_said_to(aggregator: Asking, clusters: list[int], length: int) -> None:
    asked: list[Inquiry] = []

    def note(inquiry: Inquiry) -> str:
        asked.append(inquiry)
        return "Choice: 1\nVerdict: A"

    tools = aggregator_tools(ScriptedModels(note))
    asyncio.run(aggregator.choose(pool_of(*clusters, text="token " * length), tools))
    expenses = aggregator.expenses(TEMPLATE_TOKENS + prompt_tokens(tools.question.messages), length + 2, len(clusters))
    assert sum(expense.calls for expense in expenses) >= len(asked)
    assert sum(expense.usage.completion for expense in expenses) >= sum(one.max_tokens for one in asked)
    assert sum(expense.usage.prompt for expense in expenses) >= sum(
        TEMPLATE_TOKENS + prompt_tokens(one.messages) for one in asked
    )


@every
@given(clusters=st.lists(st.integers(0, 3), min_size=2, max_size=8), data=st.data())
def test_the_order_of_arrival_changes_nothing(aggregator: Asking, clusters: list[int], data: st.DataObject) -> None:
    pool = pool_of(*clusters)
    arriving = data.draw(st.permutations(pool))

    def says(inquiry: Inquiry) -> str:
        return f"Choice: 1\nVerdict: {'AB'[hash(str(inquiry.messages)) % 2]}"

    assert chosen(aggregator, arriving, ScriptedModels(says)) == chosen(aggregator, pool, ScriptedModels(says))


@every
def test_candidates_are_shown_without_their_names(aggregator: Asking) -> None:
    models = ScriptedModels(lambda _: "Choice: 1\nVerdict: A")
    chosen(aggregator, pool_of(0, 1, 2), models)
    text = " ".join(str(inquiry.messages) for inquiry in models.asked)
    assert "text 0" in text
    assert not re.search(r"\bc[0-2]\b", text)


@given(CLUSTERS, st.data())
def test_a_ranking_has_everybody_once_and_different_answers_first(
    clusters: list[int | None], data: st.DataObject
) -> None:
    ranking = list(Majority().decide(pool_of(*clusters)).ranking)
    leader = data.draw(st.sampled_from(ranking))
    led = led_by([leader], ranking)
    assert led[0] == leader
    assert sorted(one.index for one in led) == list(range(len(clusters)))
    different = {leader.cluster, *clusters} - {None}
    head = led[: len(different) + (leader.cluster is None)]
    assert len({one.cluster for one in head}) == len(head)
