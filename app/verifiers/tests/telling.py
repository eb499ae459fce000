"""The verdict on a candidate's tests: its score, what a model may learn, and what its caller does.

What a model is told depends on nothing that it must not learn. Under `hidden_feedback: none` the status itself would
give hidden tests away as soon as the public ones pass, so a model learns it only where a public test decides it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from app.candidates import Verdict
from app.verifiers.tests.values import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from app.verifiers.tests.outcomes import Outcome

HiddenFeedback: TypeAlias = Literal["none", "count", "detail"]

MAX_TOLD = 3
"""How many failed tests a model is told of."""

_MAX_STORY = 1_000


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a candidate's public and hidden tests, in the order of the request."""

    public: Sequence[Outcome]
    hidden: Sequence[Outcome]

    @property
    def every(self) -> list[Outcome]:
        """All of them."""
        return [*self.public, *self.hidden]


def verdict_on(results: Results, hidden_feedback: HiddenFeedback) -> Verdict:
    """Return the verdict: a pass where all that is expected came; the score is the share of tests passed.

    A test that is broken itself makes it an error; tests that expect nothing count for nothing, and where there are no
    others the verdict abstains.
    """
    outputs = tuple(outcome.output for outcome in results.every)
    broken = [outcome.story for outcome in results.every if outcome.status == "broken"]
    if broken:
        reason = f"{_counted(len(broken), 'test')} can't be run. {broken[0][:_MAX_STORY]}"
        return Verdict(status="error", feedback=reason, note=reason, outputs=outputs)
    judged = _judged(results.every)
    if not judged:
        return Verdict(status="abstain", outputs=outputs)
    passed = len(judged) - len(_failed(judged))
    return Verdict(
        status="pass" if passed == len(judged) else "fail",
        score=passed / len(judged),
        feedback=_feedback(results, hidden_feedback),
        note=_note(results),
        told=bool(_failed(results.public) or hidden_feedback != "none" or not _judged(results.hidden)),
        outputs=outputs,
        passed=(passed, len(judged)),
    )


def _judged(outcomes: Iterable[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.status in {"passed", "failed"}]


def _failed(outcomes: Iterable[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.status == "failed"]


def _feedback(results: Results, hidden_feedback: HiddenFeedback) -> str | None:
    """Return what a model may read: failed public tests in detail, hidden ones as far as `hidden_feedback` lets it."""
    lines = _details(results.public, "test")
    if hidden_feedback == "count" and _failed(results.hidden):
        lines.append(f"{_share(results.hidden, 'hidden test')} failed.")
    if hidden_feedback == "detail":
        lines += _details(results.hidden, "hidden test")
    return "\n".join(lines) or None


def _details(outcomes: Sequence[Outcome], noun: str) -> list[str]:
    """Return how many failed, and what was wrong in the first few, each once."""
    failed = _failed(outcomes)
    if not failed:
        return []
    stories = list(dict.fromkeys(shortened(outcome.story, _MAX_STORY) for outcome in failed))
    return [f"{_share(outcomes, noun)} failed:", *(f"- {story}" for story in stories[:MAX_TOLD])]


def _note(results: Results) -> str:
    """Return what the caller reads: how many passed of each kind, and the first hidden test that failed."""
    parts = [
        f"{name} {len(judged) - len(_failed(judged))}/{len(judged)}"
        for name, outcomes in (("public", results.public), ("hidden", results.hidden))
        if (judged := _judged(outcomes))
    ]
    failed = _failed(results.hidden)
    first = f"; first hidden test that failed: {shortened(failed[0].story, _MAX_STORY)}" if failed else ""
    return f"tests passed: {', '.join(parts)}{first}"


def _share(outcomes: Sequence[Outcome], noun: str) -> str:
    return f"{len(_failed(outcomes))} of {_counted(len(_judged(outcomes)), noun)}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
