"""Tells a streaming client of a run: progress, the answer once it is certain, the account at the end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from app.api import render

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.api.intake import Intake
    from app.api.line import Line
    from app.candidates import Candidate, Decision
    from app.outcome import Outcome
    from app.workers.wire import RawChoice

Json = dict[str, object]


class Teller:
    """An observer of one run that speaks OpenAI's chunks.

    Progress goes out as comments or, where the client asked for it, as chunks with an empty delta and a `quorum`
    field. The finish reasons are held back until the account is complete: the last chunk bears `usage` and `quorum`,
    and it has a choice unless the client asked for OpenAI's separate usage chunk, since many clients look at
    `choices[0]` of every chunk.
    """

    def __init__(self, intake: Intake, line: Line) -> None:
        self._job = intake.job
        self._options = intake.options
        self._line = line
        self._head: Json = {
            "id": render.completion_id(intake.job),
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": intake.job.model,
        }

    async def came_back(self, candidate: Candidate, *, back: int, draws: int) -> None:
        """Report a candidate; nothing where the client reads along anyway.

        A failure alone doesn't begin the response: where all fail, the client is to get a status.
        """
        if self._job.live or (candidate.failure and not self._line.open):
            return
        told = render.progress(candidate, back=back, draws=draws)
        if self._options.include_quorum:
            await self._line.event(self._chunk(_choice(0, {}), quorum={"progress": told}))
        else:
            await self._line.comment(f"{candidate.id} {told['state']}, {back} of at most {draws}")

    async def generated(self, choices: Sequence[RawChoice]) -> None:
        """Hand on what a worker has just generated."""
        chunks = (_choice(one.index, one.delta, one.logprobs) for one in choices)
        await self._line.event(*(self._chunk(chunk) for chunk in chunks))

    async def decided(self, decision: Decision) -> None:
        """Send the answers, unless they were seen while they came into being."""
        if self._job.live:
            return
        for index, candidate in enumerate(decision.ranking[: self._job.answers]):
            delta = render.message(candidate)
            if "tool_calls" in delta:
                delta["tool_calls"] = [
                    {"index": place, **call} for place, call in enumerate(render.tool_calls(candidate))
                ]
            await self._line.event(self._chunk(_choice(index, delta, render.logprobs(candidate))))

    async def finish(self, outcome: Outcome) -> None:
        """Send the finish reasons, the usage and the account, and end the stream."""
        account: Json = {"usage": render.usage(outcome.cost.usage), "quorum": render.account(outcome)}
        reasons = [(_place(outcome, index, one), one.finish_reason) for index, one in enumerate(outcome.answers)]
        chunks = [self._chunk({**_choice(index, {}), "finish_reason": reason}) for index, reason in reasons]
        if self._options.include_usage:
            chunks.append({**self._head, "choices": [], **account})
        else:
            chunks[-1] |= account
        await self._line.close(*chunks)

    def _chunk(self, choice: Json, **more: object) -> Json:
        return {**self._head, "choices": [choice], **more}


def _place(outcome: Outcome, index: int, candidate: Candidate) -> int:
    """Return the number of the choice under which a candidate was sent."""
    return candidate.index if outcome.job.live else index


def _choice(index: int, delta: object, logprobs: object = None) -> Json:
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": None}
