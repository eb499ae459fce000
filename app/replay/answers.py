"""The answers of a recording: of its samples, and the one that is right.

A sample's recorded `answer` goes before what its `text` says, null too, in a replay and at a replay worker: whoever
recorded it knew more than the text shows, as that it was cut off in a thinking whose beginning stood in the prompt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from app.answers.auto import Auto
from app.answers.reading.braces import last_box
from app.candidates import Question, Reply
from app.replay.errors import RecordingError
from app.workers.thinking import split_thinking

if TYPE_CHECKING:
    from app.candidates import Answer
    from app.replay.recording import Problem, Recorded, Sample

SHOWN = 60
"""Characters of an answer that a message repeats."""

_AUTO = Auto()


def question_of(problem: Problem) -> Question:
    """Return the question as it is asked."""
    return Question(messages=[{"role": "user", "content": problem.problem}])


async def answer_of(sample: Sample, question: Question) -> Answer | None:
    """Return the sample's answer: the recorded one, or what its text gives where the recording leaves that open."""
    if sample.answer is UNSET:
        return await _AUTO.find(_reply(sample), question)
    return _boxed(sample.given, question)


def is_said(sample: Sample, question: Question) -> bool:
    """Whether whoever reads the sample's text finds the sample's answer in it, or none where it has none."""
    if sample.text is None or sample.answer is UNSET:
        return sample.text is not None
    return _meaning(_AUTO.extract(_reply(sample), question)) == _meaning(_boxed(sample.given, question))


def right_answer(recorded: Recorded, question: Question) -> Answer:
    """Return the answer that is right. Raises `RecordingError` where it can't be read."""
    text = str(recorded.problem.answer).strip()
    answer = _boxed(text, question)
    if answer is None or not answer.key or last_box(_box(text)) != text:
        raise RecordingError(
            f"{recorded.place}: the `answer` that is right, {text[:SHOWN]!r}, can't be read as an answer: it needs "
            "something to compare, and as many opening as closing braces"
        )
    return answer


def _reply(sample: Sample) -> Reply:
    thinking, text = split_thinking(sample.text or "")
    return Reply(text=text, thinking=thinking)


def _meaning(answer: Answer | None) -> tuple[str, str] | None:
    return None if answer is None else (answer.kind, answer.key)


def _boxed(text: str | None, question: Question) -> Answer | None:
    """Return the answer of a sample that ends in a box around `text`; None where there is none."""
    return None if text is None else _AUTO.extract(Reply(text=_box(text)), question)


def _box(text: str) -> str:
    return rf"\boxed{{{text}}}"
