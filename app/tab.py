"""What the candidates of a run have cost so far, attempt by attempt, in the run's purse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from app.candidates import Fate, Usage, Waste

if TYPE_CHECKING:
    from app.bodies import Member
    from app.candidates import Candidate
    from app.drawing import Attempt
    from app.purse import Purse


class Tab:
    """Reserves room for each attempt at a candidate and puts down what it cost.

    `wasted` is what attempts have cost that no candidate came of.
    """

    def __init__(self, purse: Purse) -> None:
        self.wasted: list[Waste] = []
        self._purse = purse
        self._prompts: dict[tuple[object, ...], Usage] = {}
        self._reserved: dict[int, int] = {}

    @property
    def tokens_left(self) -> int | None:
        """How many tokens a candidate that is drawn now may have at most; None where nothing limits them."""
        return self._purse.tokens_left

    def reserve(self, member: Member) -> bool:
        """Set aside what a first attempt may cost; False where that doesn't fit.

        Its prompt is as long as a sibling's was, where there is one, else as guessed.
        """
        told = self._prompts.get(member.key)
        prompt = told.prompt if told else member.prompt_tokens
        if not self._purse.reserve(prompt):
            return False
        self._reserved[member.index] = prompt
        return True

    def reserve_again(self, member: Member) -> bool:
        """Set aside the same for an attempt beside the first; False where that doesn't fit."""
        return self._purse.reserve(self._reserved[member.index])

    def renew(self, attempt: Attempt, member: Member) -> bool:
        """Put down what an attempt that failed has cost, and set the same aside for the next.

        False where that doesn't fit; nothing is put down then.
        """
        usage = self.told(attempt.completion(member.index).spent(), member)
        if not self._purse.renew(self._reserved[member.index], usage):
            return False
        self._waste(Fate.FAILED, usage)
        return True

    def give_up(self, attempt: Attempt, member: Member, fate: Fate) -> None:
        """Put down what an attempt has cost that no candidate came of."""
        usage = self.told(attempt.completion(member.index).spent(), member)
        self._purse.release(self._reserved[member.index], usage)
        self._waste(fate, usage)

    def close(self, candidate: Candidate, member: Member) -> None:
        """Put down what the attempt has cost that the candidate came of."""
        self._purse.release(self._reserved[member.index], candidate.usage)
        if candidate.usage.prompt:
            self._prompts[member.key] = candidate.usage

    def told(self, usage: Usage, member: Member) -> Usage:
        """Return what a call that didn't come to its end has cost.

        Where the worker hadn't told the length of the prompt, and yet had read it, a sibling's count is its own; so it
        is with what came from the cache, which vLLM tells at the very end.
        """
        told = self._prompts.get(member.key)
        if told is None or not (usage.prompt or usage.completion):
            return usage
        return replace(usage, prompt=usage.prompt or told.prompt, cached=usage.cached or told.cached)

    def _waste(self, fate: Fate, usage: Usage) -> None:
        if usage != Usage():
            self.wasted.append(Waste(fate=fate, usage=usage))
