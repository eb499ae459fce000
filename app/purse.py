"""The budget of a run while it is being spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.candidates import Usage

UNLIMITED = float("inf")


class Purse:
    """Keeps a run within its tokens and its money.

    Where the length of a candidate is bounded (`candidate_tokens`), room for the longest possible one is reserved
    before it is drawn, so that the budget is never exceeded and what was started can end. Where it isn't, candidates
    are drawn as long as anything is left, none with a longer limit than that, and `empty` tells when together they
    have used up more than there was.
    """

    def __init__(
        self,
        *,
        max_tokens: int | None,
        max_usd: float | None,
        candidate_tokens: int | None,
        usd_a_prompt: float = 0.0,
        usd_a_token: float = 0.0,
    ) -> None:
        self._max_tokens = UNLIMITED if max_tokens is None else max_tokens
        self._max_usd = UNLIMITED if max_usd is None else max_usd
        self._candidate_tokens = candidate_tokens
        self._usd_a_prompt = usd_a_prompt
        self._usd_a_token = usd_a_token
        self._started = 0
        self._arrived = 0
        self._done_tokens = 0
        self._reserved = 0

    @property
    def limited(self) -> bool:
        """Whether there is any limit at all."""
        return min(self._max_tokens, self._max_usd) != UNLIMITED

    @property
    def empty(self) -> bool:
        """Whether what is under way must end: more has arrived than the budget allows, and nothing else bounds it.

        A candidate that takes the last token there is has come to its own limit, and its end is only a chunk away.
        """
        if self._candidate_tokens is not None:
            return False
        return self._arrived > self._max_tokens or self._usd(self._arrived, self._started) > self._max_usd

    @property
    def tokens_left(self) -> int | None:
        """How many tokens the next candidate may have at most; None where tokens aren't limited."""
        limits = [self._max_tokens - self._arrived]
        if self._usd_a_token:
            spent = self._usd(self._arrived, self._started + 1)
            limits.append((self._max_usd - spent) / self._usd_a_token)
        left = min(limits)
        return None if left == UNLIMITED else int(left)

    @property
    def affords_one(self) -> bool:
        """Whether one more candidate fits, be it as long as it may."""
        tokens = self._committed() + (1 if self._candidate_tokens is None else self._candidate_tokens)
        return tokens <= self._max_tokens and self._usd(tokens, self._started + 1) <= self._max_usd

    def reserve(self) -> bool:
        """Set aside what one more candidate may cost; False where that doesn't fit."""
        if not self.affords_one:
            return False
        self._reserved += 1
        self._started += 1
        return True

    def spend(self, tokens: int) -> None:
        """Note that `tokens` more have arrived."""
        self._arrived += tokens

    def release(self, usage: Usage) -> None:
        """Give back what a candidate that has ended with `usage` didn't use."""
        self._reserved -= 1
        self._done_tokens += usage.completion

    def _committed(self) -> int:
        """Tokens that are spent or may still come."""
        if self._candidate_tokens is None:
            return self._arrived
        return self._done_tokens + self._reserved * self._candidate_tokens

    def _usd(self, tokens: int, prompts: int) -> float:
        return tokens * self._usd_a_token + prompts * self._usd_a_prompt
