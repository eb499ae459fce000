from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest

from app.aggregators.consistency import Consistency
from app.candidates import Candidate, Reply
from tests.tools import ScriptedModels, aggregator_tools

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Decision
    from app.inquiry import Inquiry


def pool_of(*clusters: int | None) -> list[Candidate]:
    return [
        Candidate(index=i, finish_reason="stop", cluster=cluster, reply=Reply(text=f"answer {'abcdefgh'[i]}"))
        for i, cluster in enumerate(clusters)
    ]


def picks(text: str) -> ScriptedModels:
    """A model that picks the response that says `text`."""

    def says(inquiry: Inquiry) -> str:
        found = re.search(rf"<response_(\d+)_\w+>\n{text}\n", str(inquiry.messages[0]["content"]))
        assert found
        return f"They agree.\nChoice: {found[1]}"

    return ScriptedModels(says)


def chosen(models: ScriptedModels, pool: Sequence[Candidate], seed: int = 0, **params: int) -> Decision:
    return asyncio.run(Consistency.model_validate(params).choose(pool, aggregator_tools(models, seed=seed)))


def test_the_response_that_the_model_picks_wins_with_the_votes_of_its_cluster() -> None:
    decision = chosen(picks("answer c"), pool_of(0, 0, 1, 0))
    assert (decision.winner.id, decision.votes, decision.of, decision.margin) == ("c2", 1, 4, -2)
    assert (decision.tied, decision.fallback, decision.aggregator) == (False, None, "consistency")
    assert [one.id for one in decision.ranking] == ["c2", "c0", "c1", "c3"]


def test_candidates_are_shuffled_by_the_seed() -> None:
    def order(seed: int) -> list[str]:
        models = ScriptedModels(lambda _: "Choice: 1")
        chosen(models, pool_of(0, 1, 2, 3, 4, 5), seed)
        return re.findall(r"answer \w", str(models.asked[0].messages))

    assert order(1) == order(1)
    assert len({tuple(order(seed)) for seed in range(5)}) > 1


def test_what_all_agree_on_needs_no_choice() -> None:
    models = picks("answer a")
    assert chosen(models, pool_of(0, 0, 0)).winner.id == "c0"
    assert not models.asked
    chosen(models, pool_of(None, None))
    assert models.asked


@pytest.mark.parametrize("reply", ["Choice: 7", 'Hm.\n{"a":' + "[" * 1_500 + "}"])
def test_a_choice_that_cannot_be_read_leaves_it_to_the_vote(reply: str) -> None:
    decision = chosen(ScriptedModels(lambda _: reply), pool_of(0, 1, 1))
    assert decision.winner.id == "c1"
    assert decision.fallback == "consistency: the model's choice could not be read; the vote decided"


def test_no_more_are_shown_than_may_be() -> None:
    models = ScriptedModels(lambda _: "Choice: 2")
    chosen(models, pool_of(0, 1, 2, 3, 4), max_shown=2)
    text = str(models.asked[0].messages)
    assert "<response_2" in text
    assert "<response_3" not in text
