"""A question answered: the figures of the table, all of them out of the response's `quorum` object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ValidationError

from app.candidates import Fate
from app.errors import QuorumError

if TYPE_CHECKING:
    from app.demo.plan import Ask

MILLISECONDS = 1_000


class AccountError(QuorumError):
    """The response's `quorum` object lacks what it is documented to hold."""


class _Decision(BaseModel):
    winner: str
    votes: float
    of: float
    agreement: float
    accepted: bool


class _Diversity(BaseModel):
    distinct_answers: int
    mean_pairwise_similarity: float | None
    mean_copy_ratio: float


class _Tokens(BaseModel):
    by_fate: dict[str, int]


class _Cost(BaseModel):
    tokens: _Tokens


class _Timing(BaseModel):
    total_ms: float


class _Verdict(BaseModel):
    status: str
    score: float | None
    note: str | None


class _Candidate(BaseModel):
    id: str
    answer: str | None
    fate: str
    verdict: _Verdict | None


class Account(BaseModel):
    """What the demo reads of a `quorum` object."""

    decision: _Decision
    diversity: _Diversity
    cost: _Cost
    timing: _Timing
    candidates: list[_Candidate]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One request of the demo and the account of its run."""

    ask: Ask
    account: Account

    @classmethod
    def read(cls, ask: Ask, account: object) -> Self:
        """Return the answer with a checked account. Raises `AccountError`."""
        try:
            return cls(ask=ask, account=Account.model_validate(account))
        except ValidationError as error:
            fields = ", ".join(".".join(map(str, one["loc"])) for one in error.errors())
            raise AccountError(f"the quorum object is not the documented one: {fields}") from error

    @property
    def answer(self) -> str:
        """The winner's answer; in brackets where the verifier accepted none."""
        account = self.account
        answers = {candidate.id: candidate.answer for candidate in account.candidates}
        text = " ".join((answers.get(account.decision.winner) or "no answer").split())
        return text if account.decision.accepted else f"({text})"

    @property
    def agreement(self) -> str:
        """The winner's share of the votes, and the votes."""
        decision = self.account.decision
        return f"{decision.agreement:.2f} {decision.votes:g}/{decision.of:g}"

    @property
    def distinct(self) -> str:
        """How many different answers there were."""
        return str(self.account.diversity.distinct_answers)

    @property
    def similarity(self) -> str:
        """The mean similarity of pairs of candidates; a dash where there is no pair."""
        value = self.account.diversity.mean_pairwise_similarity
        return "-" if value is None else f"{value:.2f}"

    @property
    def copied(self) -> str:
        """The mean copy ratio."""
        return f"{self.copy_ratio:.2f}"

    @property
    def seconds(self) -> str:
        """How long the run took."""
        return f"{self.account.timing.total_ms / MILLISECONDS:.1f}"

    @property
    def solved(self) -> bool:
        """Whether the winner was accepted."""
        return self.account.decision.accepted

    @property
    def score(self) -> float:
        """The winner's score; 0 where it has none."""
        verdict = self._winner.verdict
        return (verdict.score if verdict else None) or 0.0

    @property
    def tests(self) -> str:
        """How many tests the winner passes, as the verifier notes it."""
        verdict = self._winner.verdict
        counts = (verdict.note or verdict.status).partition(";")[0] if verdict else "-"
        return counts.removeprefix("tests passed: ")

    @property
    def tries(self) -> int:
        """How many candidates were drawn to their end."""
        return sum(candidate.fate not in {Fate.CANCELLED, Fate.FAILED} for candidate in self.account.candidates)

    @property
    def copy_ratio(self) -> float:
        """The mean copy ratio."""
        return self.account.diversity.mean_copy_ratio

    @property
    def all_tokens(self) -> int:
        """The generated tokens of all fates."""
        return sum(self.account.cost.tokens.by_fate.values())

    @property
    def _winner(self) -> _Candidate:
        winner = self.account.decision.winner
        return next(candidate for candidate in self.account.candidates if candidate.id == winner)

    def tokens(self, fate: Fate) -> int:
        """Return the generated tokens of this fate."""
        return self.account.cost.tokens.by_fate.get(fate, 0)
