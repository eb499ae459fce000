"""Stop rule `verified`: stop at the first pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from app.stopping.base import StopRule
from app.stopping.terms import Misfit

if TYPE_CHECKING:
    from app.stopping.base import Judge, Progress
    from app.stopping.terms import Terms


class Verified(StopRule):
    """Ends a run with the first candidate that the verifiers pass: where a pass means right, more samples add nothing.

    Assumes verifiers that are never wrong when they pass. The aggregator still decides over what is in, and what a
    verifier abstains from is in, too: with verifiers that may abstain, take `best_of`, or `weighted` by score.
    """

    type: Literal["verified"] = "verified"

    def begin(self) -> Judge:
        """Return a judge that waits for a pass; after one, the run may end."""
        passed = False

        def judge(progress: Progress) -> str | None:
            nonlocal passed
            verdict = progress.latest.verdict
            passed |= progress.voter is not None and verdict is not None and verdict.status == "pass"
            return self.name if passed else None

        return judge

    def misfit(self, terms: Terms) -> Misfit | None:
        """Return that nothing verifies, or nothing passes."""
        if not terms.verified:
            return Misfit(message="verified ends a run with the first pass of a verifier: add one to `verifiers`")
        if not terms.passable:
            return Misfit(
                message="verified ends a run with the first pass of a verifier, and none of `verifiers` ever passes: "
                "give `reward_model` or `weighted` a `pass_at`, `tests` an expected value, or add another verifier"
            )
        return None
