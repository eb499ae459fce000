from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from app.aggregators.synthesis import Synthesis
from app.candidates import Candidate, Reply, Usage
from app.errors import InquiryError
from tests.tools import ScriptedModels, aggregator_tools

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Decision
    from app.inquiry import Inquiry, Said


class Cut(ScriptedModels):
    """A model whose answers are cut off."""

    async def ask(self, inquiry: Inquiry) -> Said:
        return replace(await super().ask(inquiry), finish_reason="length")


def pool_of(*clusters: int | None) -> list[Candidate]:
    return [
        Candidate(index=i, finish_reason="stop", cluster=cluster, reply=Reply(text=f"draft {i}"))
        for i, cluster in enumerate(clusters)
    ]


def chosen(
    models: ScriptedModels,
    pool: Sequence[Candidate],
    *,
    cluster: int | None = 7,
    rejection: str | None = None,
    synthesis: Synthesis | None = None,
) -> Decision:
    async def examine(candidate: Candidate) -> Candidate:
        await asyncio.sleep(0)
        return replace(candidate, cluster=cluster, rejection=rejection)

    return asyncio.run((synthesis or Synthesis()).choose(pool, aggregator_tools(models, examine=examine)))


def test_what_the_model_writes_wins_and_is_a_candidate_like_the_others() -> None:
    models = ScriptedModels(lambda _: "It is 42.", names=("big",))
    decision = chosen(models, pool_of(0, 0, 1), synthesis=Synthesis(model="big", max_tokens=77, temperature=0.5))
    written = decision.winner
    assert written == decision.synthesized
    assert (written.id, written.round, written.model, written.synthesized) == ("c9", 1, "big", True)
    assert (written.reply.text, written.usage, written.worker) == ("It is 42.", Usage(prompt=10, completion=3), "w0")
    (asked,) = models.asked
    assert (asked.model, asked.max_tokens, asked.temperature, asked.becomes_candidate) == ("big", 77, 0.5, True)
    assert [one.id for one in decision.ranking] == ["c9", "c0", "c2", "c1"]


@pytest.mark.parametrize(("cluster", "votes", "margin"), [(0, 2, 1), (1, 1, -1), (7, 0, -2), (None, 0, -2)])
def test_its_votes_are_those_of_the_drawn_candidates_that_give_the_same_answer(
    cluster: int | None, votes: int, margin: int
) -> None:
    decision = chosen(ScriptedModels(lambda _: "It is 42."), pool_of(0, 0, 1), cluster=cluster)
    assert (decision.votes, decision.of, decision.margin, decision.tied) == (votes, 3, margin, False)


def test_different_answers_come_before_the_first_repeats() -> None:
    decision = chosen(ScriptedModels(lambda _: "It is 42."), pool_of(0, 0, 1), cluster=0)
    assert [one.id for one in decision.ranking] == ["c9", "c2", "c0", "c1"]


@pytest.mark.parametrize(
    ("models", "rejection", "why", "listed"),
    [
        (ScriptedModels(lambda _: InquiryError("no worker")), None, "no answer was written: no worker", False),
        (ScriptedModels(lambda _: "  "), None, "it is empty", True),
        (Cut(lambda _: "It is"), None, "max_tokens cut it off", True),
        (ScriptedModels(lambda _: "It is 41."), "failed verification", "failed verification", True),
    ],
)
def test_what_does_not_count_leaves_it_to_the_vote_and_stays_listed(
    models: ScriptedModels, rejection: str | None, why: str, *, listed: bool
) -> None:
    decision = chosen(models, pool_of(0, 1, 1), rejection=rejection)
    assert decision.winner.id == "c1"
    assert decision.fallback is not None
    assert why in decision.fallback
    assert (decision.synthesized is not None) == listed
    assert decision.synthesized is None or decision.synthesized.rejection


def test_what_is_nested_too_deeply_to_be_read_is_an_answer_like_another() -> None:
    text = 'Hm.\n{"a":' + "[" * 1_500 + "}"
    assert chosen(ScriptedModels(lambda _: text), pool_of(0, 1, 1), cluster=None).winner.reply.text == text


def test_different_answers_are_shown_first_where_not_all_can_be() -> None:
    models = ScriptedModels(lambda _: "It is 42.")
    chosen(models, pool_of(0, 0, 0, 1), synthesis=Synthesis(max_shown=2))
    text = str(models.asked[0].messages)
    assert "draft 0" in text
    assert "draft 3" in text
    assert "draft 1" not in text
