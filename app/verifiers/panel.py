"""All verifiers of a run, on one candidate: their verdicts become one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from app.answers.equivalence import UndecidedError
from app.candidates import Verdict
from app.errors import QuorumError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Literal, TypeAlias

    from app.candidates import Candidate
    from app.verifiers.base import Verifier, VerifierTools

    Status: TypeAlias = Literal["pass", "fail", "abstain", "error"]


LOGGED = 200
"""Characters of an error's reason that are logged, as it may hold a worker's own words."""


async def judge_all(verifiers: Sequence[Verifier], candidate: Candidate, tools: VerifierTools) -> Verdict | None:
    """Return the verdict of all `verifiers` together; None where there are none."""
    return combine(await verdicts_of(verifiers, candidate, tools)) if verifiers else None


async def verdicts_of(verifiers: Sequence[Verifier], candidate: Candidate, tools: VerifierTools) -> list[Verdict]:
    """Return the verdict of each of `verifiers`, which work at the same time; one that breaks gives an `error`."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_judge(verifier, candidate, tools)) for verifier in verifiers]
    return [task.result() for task in tasks]


def combine(verdicts: Sequence[Verdict]) -> Verdict:
    """Return one verdict for several, of which there must be one at least, where all have to pass.

    One fail is a fail; else one error is an error, as what it would have said is unknown; else one pass is a pass;
    and only if all abstain is it an abstention. The score is the mean of those there are.
    """
    scores = [verdict.score for verdict in verdicts if verdict.score is not None]
    status = _status({verdict.status for verdict in verdicts})
    return joined(verdicts, status=status, score=sum(scores) / len(scores) if scores else None)


def joined(verdicts: Sequence[Verdict], *, status: Status, score: float | None) -> Verdict:
    """Return the verdict that `verdicts` come to: the feedback of those of its status, the notes and outputs of all.

    A model may be told of a fail if it may be told of one that failed, and of anything else if it may of all.
    """
    told = [verdict.told for verdict in verdicts if status != "fail" or verdict.status == "fail"]
    return Verdict(
        status=status,
        score=score,
        feedback=_lines(verdict.feedback for verdict in verdicts if verdict.status == status),
        note=_lines(verdict.note for verdict in verdicts),
        told=any(told) if status == "fail" else all(told),
        outputs=tuple(output for verdict in verdicts for output in verdict.outputs),
        passed=(sum(verdict.passed[0] for verdict in verdicts), sum(verdict.passed[1] for verdict in verdicts)),
    )


def _lines(texts: Iterable[str | None]) -> str | None:
    return "\n".join(dict.fromkeys(text for text in texts if text)) or None


def _status(found: set[Status]) -> Status:
    """Return the status that outweighs the others."""
    order: tuple[Status, ...] = ("fail", "error", "pass", "abstain")
    return next(status for status in order if status in found)


async def _judge(verifier: Verifier, candidate: Candidate, tools: VerifierTools) -> Verdict:
    """Return the verifier's verdict, or an `error` that says how it broke, in Quorum's own words only."""
    try:
        async with asyncio.timeout_at(tools.until):
            return await verifier.verify(candidate, tools)
    except UndecidedError as error:
        reason = f"The verifier {verifier.name} could not decide: {error}."
    except TimeoutError:
        reason = f"The verifier {verifier.name} ran out of time."
    except QuorumError as error:
        reason = f"The verifier {verifier.name} could not decide: {error.message}."
    except Exception as error:  # noqa: BLE001 - a verifier that breaks is a verdict, and must not end the run
        reason = f"The verifier {verifier.name} broke ({type(error).__name__})."
    structlog.get_logger(__name__).warning("verifier_broke", candidate=candidate.id, reason=reason[:LOGGED])
    return Verdict(status="error", feedback=reason, note=reason)
