"""The budget of a run while it is being spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from app.candidates import Usage
from app.price import Price

if TYPE_CHECKING:
    from app.budget import Budget

UNLIMITED = float("inf")
FREE = Price()


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """Part of a budget: completion tokens, and US dollars."""

    tokens: int = 0
    usd: float = 0.0


NONE = Room()


class Purse:
    """Keeps a run within its tokens and its money.

    Where the length of a candidate is bounded (`candidate_tokens`), room for the longest possible one is reserved
    before it is drawn, so that the budget is never exceeded and what was started can end. Where it isn't, candidates
    are drawn as long as anything is left, none with a longer limit than that, and `overdrawn` tells when together
    they have used up more than there was. Prompts are reckoned by a guess until the worker has counted them.

    With each candidate goes room for judging it, `judging`, which none takes up, however long it gets. What is asked
    beside the candidates is `set_aside` and then settled; a candidate's own judges find the room that was reserved for
    them. `closing` is kept free for what the aggregator asks, until everything has `gathered`.
    """

    def __init__(
        self,
        budget: Budget,
        *,
        price: Price | None,
        candidate_tokens: int | None,
        judging: Room = NONE,
        closing: Room = NONE,
    ) -> None:
        self._max_tokens = UNLIMITED if budget.max_completion_tokens is None else budget.max_completion_tokens
        self._max_usd = UNLIMITED if budget.max_cost_usd is None else budget.max_cost_usd
        self._price = price or FREE
        self._candidate_tokens = candidate_tokens
        self._judging = judging
        self._closing = closing
        self._aside_tokens = 0
        self._aside_usd = 0.0
        self._asking_tokens = 0
        self._asking_usd = 0.0
        self._held = 0
        self._held_prompts = 0
        self._arrived = 0
        self._done: Usage = Usage()

    @property
    def overdrawn(self) -> bool:
        """Whether what is under way must end: more has arrived than the budget allows, and nothing else bounds it.

        A candidate that takes the last token there is has come to its own limit, and its end is only a chunk away.
        """
        if self._candidate_tokens is not None:
            return False
        kept = self._for_judges
        if self._arrived > self._room - kept.tokens:
            return True
        return not self._payable(self._arrived, usd=self._closing.usd + kept.usd)

    @property
    def tokens_left(self) -> int | None:
        """How many tokens a candidate that is drawn now may have at most; None where nothing limits them."""
        kept = self._for_judges
        limits = [self._room - kept.tokens - self._arrived]
        if self._max_usd != UNLIMITED and (usd_a_token := self._price.of(Usage(completion=1))):
            limits.append((self._max_usd - self._closing.usd - kept.usd - self._usd(self._arrived)) / usd_a_token)
        left = min(limits)
        return None if left == UNLIMITED else int(left)

    def affords(self, prompt_tokens: int) -> bool:
        """Whether one more candidate with such a prompt fits, be it as long as it may, and the judging of it, too."""
        tokens = self._committed + (1 if self._candidate_tokens is None else self._candidate_tokens)
        judged = self._held + 1
        if tokens + judged * self._judging.tokens > self._room:
            return False
        return self._payable(tokens, prompt_tokens, judged * self._judging.usd + self._closing.usd)

    def reserve(self, prompt_tokens: int) -> bool:
        """Set aside what one more candidate may cost; False where that doesn't fit."""
        if not self.affords(prompt_tokens):
            return False
        self._held += 1
        self._held_prompts += prompt_tokens
        return True

    def spend(self, tokens: int) -> None:
        """Note that `tokens` more have arrived."""
        self._arrived += tokens

    def release(self, prompt_tokens: int, usage: Usage) -> None:
        """Put down what a candidate that has ended really cost, in place of what was set aside for it.

        A prompt that the worker didn't count keeps the guess: it may have been read all the same.
        """
        self._held -= 1
        self._held_prompts -= prompt_tokens
        self._done += usage if usage.prompt else replace(usage, prompt=prompt_tokens)

    def renew(self, prompt_tokens: int, usage: Usage) -> bool:
        """Put down what a candidate has cost in vain and set the same aside again; False where that doesn't fit.

        Nothing is changed then.
        """
        before = self._held, self._held_prompts, self._done
        self.release(prompt_tokens, usage)
        if self.reserve(prompt_tokens):
            return True
        self._held, self._held_prompts, self._done = before
        return False

    def set_aside(self, prompt_tokens: int, tokens: int, price: Price | None) -> bool:
        """Set aside what a call beside the candidates may cost by its model's `price`; False where that doesn't fit."""
        usd = (price or FREE).of(Usage(prompt=prompt_tokens, completion=tokens))
        if self._committed + tokens > self._room or not self._payable(self._committed, usd=usd + self._closing.usd):
            return False
        self._aside_tokens += tokens
        self._aside_usd += usd
        self._asking_tokens += tokens
        self._asking_usd += usd
        return True

    def settle(self, prompt_tokens: int, tokens: int, usage: Usage | None, price: Price | None) -> None:
        """Put down what such a call really cost, in place of what was set aside for it.

        A prompt that the worker didn't count keeps the guess here, too; without `usage`, no worker was reached.
        """
        set_aside = Usage(prompt=prompt_tokens, completion=tokens)
        spent = Usage() if usage is None else usage if usage.prompt else replace(usage, prompt=prompt_tokens)
        usd = (price or FREE).of(set_aside)
        self._aside_tokens += spent.completion - tokens
        self._aside_usd += (price or FREE).of(spent) - usd
        self._asking_tokens -= tokens
        self._asking_usd -= usd

    def gathered(self) -> None:
        """Note that no more candidates are drawn: what was kept free for the end is there to be spent now."""
        self._closing = NONE

    @property
    def _for_judges(self) -> Room:
        """What candidates that are drawn leave free for their judges, less what is set aside for one at work."""
        return Room(
            tokens=max(0, self._held * self._judging.tokens - self._asking_tokens),
            usd=max(0.0, self._held * self._judging.usd - self._asking_usd),
        )

    @property
    def _room(self) -> float:
        """Completion tokens that candidates, and what is asked from now on, may have together."""
        return self._max_tokens - self._aside_tokens - self._closing.tokens

    @property
    def _committed(self) -> int:
        """Tokens that are spent or may still come."""
        if self._candidate_tokens is None:
            return self._arrived
        return self._done.completion + self._held * self._candidate_tokens

    def _payable(self, completion: int, prompt_tokens: int = 0, usd: float = 0.0) -> bool:
        """Whether the money is enough for so many completion tokens, and a prompt and so many US dollars more."""
        return self._max_usd == UNLIMITED or self._usd(completion, prompt_tokens) + usd <= self._max_usd

    def _usd(self, completion: int, prompt_tokens: int = 0) -> float:
        """Return what so many completion tokens cost, with all prompts so far and one more, and what was set aside."""
        prompts = self._done.prompt + self._held_prompts + prompt_tokens
        drawn = self._price.of(Usage(prompt=prompts, cached=self._done.cached, completion=completion))
        return drawn + self._aside_usd
