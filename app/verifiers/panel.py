"""All verifiers of a run, on one candidate: their verdicts become one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from app.answers.equivalence import UndecidedError
from app.candidates import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal, TypeAlias

    from app.candidates import Candidate
    from app.verifiers.base import Verifier, VerifierTools

    Status: TypeAlias = Literal["pass", "fail", "abstain", "error"]


async def judge_all(verifiers: Sequence[Verifier], candidate: Candidate, tools: VerifierTools) -> Verdict | None:
    """Return the verdict of all `verifiers` together, which work at the same time; None where there are none."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_judge(verifier, candidate, tools)) for verifier in verifiers]
    return combine([task.result() for task in tasks]) if tasks else None


def combine(verdicts: Sequence[Verdict]) -> Verdict:
    """Return one verdict for several, of which there must be one at least.

    One fail is a fail; else one error is an error, as what it would have said is unknown; else one pass is a pass;
    and only if all abstain is it an abstention. The score is the mean of those there are, the feedback every
    different line, in the order of the verifiers.
    """
    scores = [verdict.score for verdict in verdicts if verdict.score is not None]
    lines = dict.fromkeys(verdict.feedback for verdict in verdicts if verdict.feedback)
    return Verdict(
        status=_status({verdict.status for verdict in verdicts}),
        score=sum(scores) / len(scores) if scores else None,
        feedback="\n".join(lines) or None,
    )


def _status(found: set[Status]) -> Status:
    """Return the status that outweighs the others."""
    order: tuple[Status, ...] = ("fail", "error", "pass", "abstain")
    return next(status for status in order if status in found)


async def _judge(verifier: Verifier, candidate: Candidate, tools: VerifierTools) -> Verdict:
    """Return the verifier's verdict, or an `error` that says no more than how it broke."""
    try:
        return await verifier.verify(candidate, tools)
    except UndecidedError as error:
        reason = f"The verifier {verifier.name} could not decide: {error}."
    except TimeoutError:
        reason = f"The verifier {verifier.name} ran out of time."
    except Exception as error:  # noqa: BLE001 - a verifier that breaks is a verdict, and must not end the run
        reason = f"The verifier {verifier.name} broke ({type(error).__name__})."
    structlog.get_logger(__name__).warning("verifier_broke", candidate=candidate.id, reason=reason)
    return Verdict(status="error", feedback=reason)
