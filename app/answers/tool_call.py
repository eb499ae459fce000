"""Answer `tool_call`: the tools that the reply calls."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

from app.answers.base import Extractor
from app.answers.reading.documents import NotJsonError, canonical
from app.candidates import Answer

if TYPE_CHECKING:
    from app.candidates import Question, Reply, ToolCall


class ToolCalls(Extractor):
    """The calls of tools in their order: names and arguments count, ids don't.

    Arguments are compared as JSON, whatever the order of their keys; none is `{}`. Calls whose arguments are not JSON,
    as those of a reply that was cut short, can't be carried out and are no answer.
    """

    type: Literal["tool_call"] = "tool_call"

    def extract(self, reply: Reply, question: Question) -> Answer | None:  # noqa: ARG002 - the reply says it all
        """Return the calls; None where no tool is called, or not as it can be."""
        if not reply.tool_calls:
            return None
        shown = "\n".join(f"{call.name}({call.arguments.strip()})" for call in reply.tool_calls)
        try:
            return Answer(kind="tool_call", text=shown, key=f"[{','.join(_key(call) for call in reply.tool_calls)}]")
        except NotJsonError:
            return None


def _key(call: ToolCall) -> str:
    """Return `["name",arguments]`. Raises `NotJsonError`."""
    return f"[{json.dumps(call.name)},{canonical(call.arguments.strip() or '{}')}]"
