"""Answer `code`: the program of the reply."""

from __future__ import annotations

import ast
import re
import warnings
from typing import TYPE_CHECKING, Literal

from app.answers.base import Extractor
from app.answers.reading.fences import fenced_blocks
from app.candidates import Answer

if TYPE_CHECKING:
    from app.answers.reading.fences import Block
    from app.candidates import Question, Reply

MAX_PARSED = 10_000
"""Characters up to which Python is compared by its syntax tree: some ten milliseconds of parsing."""

_DEFINES = re.compile(
    r"^[ \t]*+(?:(?:export|pub|public|private|static|async)[ \t]++)*+"
    r"(?:(?:def|class|function|func|fn|fun|struct|interface|impl|enum|void|int)[ \t]++\w|template[ \t]*+<"
    r"|const[ \t]++\w++[ \t]*+=[ \t]*+(?:async[ \t]*+)?\()",
    re.MULTILINE,
)
_PYTHON = frozenset({"", "py", "python", "python3", "pycon"})
_NOT_CODE = frozenset(
    {"text", "txt", "plaintext", "output", "console", "markdown", "md", "log", "bash", "sh", "shell", "zsh"}
)
_STATEMENTS = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Import,
    ast.ImportFrom,
    ast.Assign,
    ast.AnnAssign,
)


class Code(Extractor):
    """The last fenced block that defines a function or a class, or else the last block.

    Models correct themselves downwards, so a later block counts for more; but after the program they like to show its
    use and its output, so a block that defines something counts for more than one that doesn't. Blocks tagged as
    text, output or a shell's lines count only where there is no other. A reply without a fence is code if all of it is
    a Python module that defines, imports or assigns something. Python that parses is compared without its comments and
    layout; other code without its layout.
    """

    type: Literal["code"] = "code"

    def extract(self, reply: Reply, question: Question) -> Answer | None:  # noqa: ARG002 - the reply says it all
        """Return the program; None where there is none."""
        block = _chosen(fenced_blocks(reply.text))
        if block is not None:
            return code_answer(block.code, python=block.language in _PYTHON)
        module = _parsed(reply.text)
        if module is None or not any(isinstance(node, _STATEMENTS) for node in module.body):
            return None
        return code_answer(reply.text.strip("\n"), python=True)


def code_answer(code: str, *, python: bool) -> Answer:
    """Return the answer that is this program."""
    key = _unparsed(code) if python else None
    return Answer(kind="code", text=code, key=" ".join(code.split()) if key is None else key)


def _chosen(blocks: list[Block]) -> Block | None:
    blocks = [block for block in blocks if block.code.strip()]
    programs = [block for block in blocks if block.language not in _NOT_CODE]
    defining = [block for block in programs if _DEFINES.search(block.code)]
    return next((group[-1] for group in (defining, programs, blocks) if group), None)


def _parsed(code: str) -> ast.Module | None:
    """Return the syntax tree; None for what isn't Python, or is too long or too deep to be parsed here."""
    if len(code) > MAX_PARSED:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the model wrote may deserve them, but the server's log doesn't
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last is what deep nesting gives
        return None


def _unparsed(code: str) -> str | None:
    module = _parsed(code)
    try:
        return None if module is None else ast.unparse(module)
    except RecursionError:
        return None
