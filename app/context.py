"""What later rounds get to see of earlier ones, and how it is put into the conversation.

Rounds extend the caller's conversation and never rewrite it: system prompt, earlier turns, tools and tool results
stay where they are, so that a worker's prefix cache serves every round. Only the beginning of an answer, where
the conversation ends in one, is gone on with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.candidates import content_parts
from app.padding import FRAME_TOKENS, pad
from app.tokens import TEMPLATE_TOKENS, prompt_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.candidates import Ask, Candidate, Message, Verdict

PREVIOUS = "{previous}"
FEEDBACK = "{feedback}"

IMPROVE = (
    "Solve the problem once more from the beginning. Keep what was right, correct what was wrong, or take another "
    "approach, and give a complete solution with its final answer."
)
AVOID = (
    "That was not accepted. Find a genuinely different solution: repeat neither the approach nor the answer that "
    "was given before. Give a complete solution with its final answer."
)
ANOTHER = (
    "That solution is good. Now find a genuinely different one: repeat neither the approach nor the answer that was "
    "given before. Give a complete solution with its final answer."
)
LISTING = "These are earlier attempts at this problem:\n\n" + PREVIOUS + "\n\n"


class Context(BaseModel):
    """What a round that follows others is shown of them.

    `history`: `transcript` replays each earlier solution as a turn of the assistant, answered by a user's turn that
    asks for another; `solutions` lists the earlier solutions in one user's turn, `answers` only their final answers.
    `max_previous` keeps the latest so many. `feedback` tells the model what the verifiers found: nothing, the
    verdict, or the verdict with the verifier's own words. `template` replaces the text of the turn that asks for
    another solution. `pad_tokens` puts irrelevant text of that length before the question, under any strategy: the
    control that tells the cost of a longer context from the cost of what stands in it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    history: Literal["answers", "solutions", "transcript"] = "transcript"
    keep_thinking: bool = Field(default=False, strict=True)
    max_previous: int | None = Field(strict=True, default=None, ge=1)
    feedback: Literal["none", "verdict", "detail"] = "verdict"
    template: str | None = Field(default=None, max_length=20_000)
    pad_tokens: int = Field(strict=True, default=0, ge=0, le=1_000_000)

    @model_validator(mode="after")
    def _template_has_its_placeholder(self) -> Self:
        wanted = FEEDBACK if self.history == "transcript" else PREVIOUS
        if self.template is not None and wanted not in self.template:
            raise ValueError(f"with history {self.history!r} the template must contain the placeholder {wanted}")
        return self

    def conversation(self, messages: Sequence[Message], ask: Ask) -> list[Message]:
        """Return the messages to send for `ask`: the caller's own, padded, and extended by what the round is shown."""
        return self._extended(pad(messages, self.pad_tokens) if self.pad_tokens else messages, ask)

    def prompt_tokens(self, messages: Sequence[Message], ask: Ask, fields: Mapping[str, object] | None = None) -> int:
        """Return an upper guess at the prompt's tokens: `conversation`, what of `fields` is in it, and the template.

        The padding is reckoned and not written.
        """
        padding = self.pad_tokens + FRAME_TOKENS if self.pad_tokens else 0
        return TEMPLATE_TOKENS + padding + prompt_tokens(self._extended(messages, ask), fields)

    def _extended(self, base: Sequence[Message], ask: Ask) -> list[Message]:
        """Return `base` with what the round is shown behind it."""
        seen = self.seen(ask)
        if not seen:
            return list(base)
        if self.history == "transcript":
            return _continued(base, [turn for one in seen for turn in self._turns(one, avoid=ask.avoid)])
        listing = "\n\n".join(self._listed(number, candidate) for number, candidate in enumerate(seen, 1))
        template = self.template or LISTING + _instruction(seen[-1], avoid=ask.avoid)
        return append_text(base, template.replace(FEEDBACK, "").replace(PREVIOUS, listing))

    def seen(self, ask: Ask) -> tuple[Candidate, ...]:
        """Return the earlier candidates that the model is shown: the latest `max_previous` of those that it may be."""
        return ask.shown[-self.max_previous :] if self.max_previous else ask.shown

    def shown_texts(self, ask: Ask) -> list[str]:
        """Return the earlier solutions that stand in the context of `ask`, as far as it could copy from them."""
        show = answer_text if self.history == "answers" else self._solution
        return [show(candidate) for candidate in self.seen(ask)]

    def _turns(self, candidate: Candidate, *, avoid: bool) -> tuple[Message, Message]:
        feedback, instruction = self._feedback(candidate.verdict), _instruction(candidate, avoid=avoid)
        asking = (self.template or f"{FEEDBACK} {instruction}").replace(FEEDBACK, feedback).strip()
        return (
            {"role": "assistant", "content": self._solution(candidate)},
            {"role": "user", "content": asking or instruction},
        )

    def _listed(self, number: int, candidate: Candidate) -> str:
        body = answer_text(candidate) if self.history == "answers" else self._solution(candidate)
        return f"Attempt {number}:\n{body}\n{self._feedback(candidate.verdict)}".rstrip()

    def _solution(self, candidate: Candidate) -> str:
        reply = candidate.reply
        calls = [f"{call.name}({call.arguments})" for call in reply.tool_calls]
        body = "\n".join([part for part in (reply.text, *calls) if part]) or "(no text)"
        return f"<think>\n{reply.thinking}\n</think>\n\n{body}" if self.keep_thinking and reply.thinking else body

    def _feedback(self, verdict: Verdict | None) -> str:
        if verdict is None or self.feedback == "none" or not verdict.told or verdict.status not in {"pass", "fail"}:
            return ""
        judged = "A check found this solution " + ("correct." if verdict.status == "pass" else "wrong.")
        detail = verdict.feedback if self.feedback == "detail" else None
        return f"{judged} {detail}" if detail else judged


def _instruction(candidate: Candidate, *, avoid: bool) -> str:
    """Return what is asked for after a candidate."""
    if not avoid:
        return IMPROVE
    return ANOTHER if candidate.accepted else AVOID


def answer_text(candidate: Candidate) -> str:
    """Return the candidate's final answer as people are shown it."""
    return candidate.answer.text if candidate.answer else "(no final answer)"


def _continued(base: Sequence[Message], turns: Sequence[Message]) -> list[Message]:
    """Return `base` with `turns` behind it, of which the first is the assistant's.

    Where `base` ends in the beginning of an answer, the first turn goes on with it, so that the roles alternate.
    """
    last, first = base[-1], turns[0]
    if last.get("role") != "assistant" or last.get("tool_calls"):
        return [*base, *turns]
    return [*base[:-1], _with_text_behind(last, str(first["content"])), *turns[1:]]


def append_text(messages: Sequence[Message], text: str) -> list[Message]:
    """Return the conversation with `text` said by the user at its end.

    Where the user spoke last, the text joins that turn: many chat templates refuse two user turns in a row.
    """
    *head, last = messages
    if last.get("role") != "user":
        return [*messages, {"role": "user", "content": text}]
    return [*head, _with_text_behind(last, text, between="\n\n")]


def _with_text_behind(message: Message, text: str, *, between: str = "") -> Message:
    content = message.get("content")
    parts = content_parts(content)
    joined = f"{content or ''}{between}{text}" if parts is None else [*parts, {"type": "text", "text": text}]
    return {**message, "content": joined}
