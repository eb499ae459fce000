"""Aggregator `tournament`: answers meet in pairs, and the one that wins most matches is chosen."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from msgspec.structs import replace
from pydantic import Field

from app.aggregators.asking import Asking, led_by
from app.errors import InquiryError
from app.judging.exhibits import conversation
from app.judging.pairwise import compare, comparison_prompt
from app.judging.swiss import Standings, default_rounds
from app.side_by_side import side_by_side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.aggregators.base import AggregatorTools
    from app.candidates import Candidate, Decision
    from app.inquiry import Expense

CALLS_A_MATCH = 2
MAX_RUBRIC_CHARACTERS = 10_000


class Tournament(Asking):
    """A Swiss tournament of different answers, each match judged by a model in both orders (arXiv 2306.05685).

    The `entrants` are one candidate of each cluster, those with the most votes. In each of `rounds` (by default the
    base-2 logarithm of the entrants, rounded up) neighbours in the standings meet who haven't met before. Who is better
    in both orders wins; anything else, also a verdict that can't be read, is a draw. Equal points go by votes, then to
    the candidate asked for first, and are reported as `tied`. Where `max_calls`, the budget, time or a worker ends it
    early, the standings decide, and `fallback` says so; without any verdict that could be read the vote does.
    """

    example: ClassVar[dict[str, object]] = {"entrants": 4}

    type: Literal["tournament"] = "tournament"
    max_tokens: int = Field(strict=True, default=256, ge=1, le=32_768, description="Of each of the judge's answers.")
    rubric: str | None = Field(
        default=None, min_length=1, max_length=MAX_RUBRIC_CHARACTERS, description="What counts; by default correctness."
    )
    entrants: int = Field(strict=True, default=8, ge=2, le=64, description="Most answers that take part.")
    rounds: int | None = Field(
        strict=True, default=None, ge=1, le=63, description="Rounds; by default just enough to tell one winner."
    )
    max_calls: int = Field(strict=True, default=64, ge=2, le=4_096, description="Most calls; a match takes two.")

    def expenses(self, prompt_tokens: int, candidate_tokens: int, draws: int) -> Sequence[Expense]:
        """Return the cost of as many matches as there can be."""
        calls = self._most_calls(min(draws, self.entrants))
        frame = comparison_prompt("", "", "", rubric=self.rubric)
        expense = self.expense(
            frame,
            self.max_tokens,
            calls=calls,
            prompt=prompt_tokens,
            responses=CALLS_A_MATCH,
            each=candidate_tokens,
        )
        return [expense] if calls else ()

    async def consult(self, pool: Sequence[Candidate], tools: AggregatorTools) -> Decision:
        """Return the decision for the winner of the tournament, else the vote's."""
        tally = self.count(pool)
        ranking, _ = self.order(pool, tally)
        players = (ranking[: len(tally.votes)] or ranking)[: self.entrants]
        if len(players) == 1:
            return self.decide(pool)
        standings = Standings(len(players))
        ended = await self._play(standings, self.shown(players), tools)
        if not standings.played:
            return self.voted(pool, f"no match could be played: {ended}")
        if not standings.told:
            return self.voted(pool, "no verdict could be read")
        best = standings.order()
        decision = self.decision(
            led_by([players[player] for player in best], ranking),
            tally,
            tied=standings.points[best[0]] == standings.points[best[1]],
        )
        early = f"{self.name}: ended after {standings.played} matches: {ended}; the standings so far decided"
        return replace(decision, fallback=early) if ended else decision

    async def _play(self, standings: Standings, responses: Sequence[str], tools: AggregatorTools) -> str | None:
        """Play the rounds; return what ended them early, or None."""
        question, matches_left = conversation(tools.question), self.max_calls // CALLS_A_MATCH

        async def match(one: int, other: int) -> float | InquiryError | None:
            try:
                comparison = await compare(
                    question,
                    responses[one],
                    responses[other],
                    rubric=self.rubric,
                    ask=lambda messages: tools.models.ask(self.inquiry(messages, self.max_tokens)),
                )
            except InquiryError as error:
                return error
            return comparison.points

        for _ in range(self._rounds(len(responses))):
            if not matches_left:
                return f"max_calls is {self.max_calls}"
            pairs = standings.pairs()
            playing = pairs[:matches_left]
            results = list(zip(playing, await side_by_side(partial(match, *pair) for pair in playing), strict=True))
            standings.take([(pair, points) for pair, points in results if not isinstance(points, InquiryError)])
            failed = next((points for _, points in results if isinstance(points, InquiryError)), None)
            if failed:
                return failed.message
            if len(pairs) > matches_left:
                return f"max_calls is {self.max_calls}"
            matches_left -= len(pairs)
        return None

    def _rounds(self, players: int) -> int:
        """Return how many rounds are played: no more than there are opponents."""
        return min(self.rounds or default_rounds(players), players - 1)

    def _most_calls(self, players: int) -> int:
        matches = self._rounds(players) * (players // 2) if players > 1 else 0
        return CALLS_A_MATCH * min(matches, self.max_calls // CALLS_A_MATCH)
