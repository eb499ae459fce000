from __future__ import annotations

import asyncio
import threading

import pytest

from app.answers.base import Extractor
from app.candidates import Answer, Question, Reply, ToolCall

SHORT, LONG = "x" * 1_000, "x" * 100_000


class Where(Extractor):
    """Answers with the name of the thread that it is asked in."""

    def extract(self, reply: Reply, question: Question) -> Answer | None:  # noqa: ARG002 - the interface
        return Answer(kind="text", text=threading.current_thread().name, key="")


def calling(arguments: str) -> Reply:
    return Reply(tool_calls=(ToolCall(id="1", name="f", arguments=arguments),))


@pytest.mark.parametrize(
    ("reply", "is_here"),
    [(Reply(text=SHORT), True), (calling(SHORT), True), (Reply(text=LONG), False), (calling(LONG), False)],
)
def test_only_a_long_reply_is_read_beside_the_event_loop(reply: Reply, is_here: object) -> None:
    answer = asyncio.run(Where().find(reply, Question(messages=[])))
    assert answer is not None
    assert (answer.text == threading.current_thread().name) is is_here
