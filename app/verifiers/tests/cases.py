"""The three kinds of tests that a request may bring along."""

from __future__ import annotations

import json
from functools import cached_property
from keyword import iskeyword
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, TypeAlias, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    Tag,
    model_serializer,
    model_validator,
)

from app.verifiers.tests.programs import TestProgram
from app.verifiers.tests.values import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_DATA_CHARACTERS = 262_144
"""The longest JSON of one test's arguments and expected value."""

MAX_STREAM_CHARACTERS = 1_048_576
"""The longest standard input, or expected standard output, of one test."""

MAX_PROGRAM_CHARACTERS = 65_536
"""The longest test program."""

_MAX_LABEL = 200


class _Case(BaseModel):
    """One test. It is written as it was given: a field that was left out means something else than one that is null."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_serializer(mode="wrap")
    def _as_given(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written = cast("dict[str, Any]", write(self))
        return {name: value for name, value in written.items() if name in self.model_fields_set}

    @property
    def expects(self) -> bool:
        """Whether there is something to pass; a test that expects nothing is only observed."""
        return True


class CallCase(_Case):
    """Calls the candidate's function and compares what it returns with `expected`; without that it is only observed."""

    kind: ClassVar[str] = "args"
    tag: ClassVar[str] = "a call"

    args: tuple[JsonValue, ...] = Field(default=(), max_length=256, description="The arguments by position.")
    kwargs: dict[str, JsonValue] = Field(default={}, max_length=256, description="The arguments by name.")
    expected: JsonValue = Field(
        default=None, description="The value to return; a list stands for a tuple or a set, too. Left out: any."
    )

    @model_validator(mode="after")
    def _is_a_call(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("an empty test says nothing: give `args`, `kwargs` or `expected`, a `program`, or `stdin`")
        if wrong := [name for name in self.kwargs if not name.isidentifier() or iskeyword(name)]:
            raise ValueError(f"{shortened(repr(wrong[0]), _MAX_LABEL)} can't be the name of an argument")
        length = len(json.dumps([self.args, self.kwargs, self.expected]))
        if length > MAX_DATA_CHARACTERS:
            raise ValueError(f"a test's values may have {MAX_DATA_CHARACTERS} characters as JSON; these have {length}")
        return self

    @property
    def expects(self) -> bool:
        """Whether a value is expected, which may be null."""
        return "expected" in self.model_fields_set

    def call(self, name: str) -> str:
        """Return the call as Python would write it, cut where that is long."""
        named = [f"{key}={value!r}" for key, value in self.kwargs.items()]
        return f"{name}({shortened(', '.join([*map(repr, self.args), *named]), _MAX_LABEL)})"


class ProgramCase(_Case):
    """Runs a test program behind the candidate's code; it is passed if the program comes to its end.

    A program that defines a function `check` gets it called with the function to test, as HumanEval has it, unless it
    calls it itself. One that does nothing but define functions `test_...` gets those called, as pytest has it. It is
    run as `__main__`.
    """

    kind: ClassVar[str] = "program"
    tag: ClassVar[str] = "a program"

    program: str = Field(
        min_length=1, max_length=MAX_PROGRAM_CHARACTERS, description="Python that fails by raising, such as an assert."
    )

    @model_validator(mode="after")
    def _can_fail(self) -> Self:
        if self._test.idle and not self.calls:
            raise ValueError(
                "this program only defines things, so that every candidate passes it: call what it defines, use assert "
                "at its top level, or name its functions check (called with the function to test) or test_..."
            )
        return self

    @property
    def calls(self) -> tuple[str, ...]:
        """The functions to call once the program has come to its end, as it doesn't itself."""
        return self._test.uncalled

    @property
    def needs_entry_point(self) -> bool:
        """Whether the function to test is to be given to `check`."""
        return "check" in self.calls

    @cached_property
    def _test(self) -> TestProgram:
        return TestProgram.read(self.program)


class StdinCase(_Case):
    """Runs the candidate's program with this standard input, and compares what it prints with `stdout`, if given."""

    kind: ClassVar[str] = "stdin"
    tag: ClassVar[str] = "a text to read"

    stdin: str = Field(default="", max_length=MAX_STREAM_CHARACTERS, description="What the program reads.")
    stdout: str = Field(
        default="",
        max_length=MAX_STREAM_CHARACTERS,
        description="What it must print; numbers count by value, white space at lines' ends not at all. Left out: any.",
    )

    @property
    def expects(self) -> bool:
        """Whether an output is expected, which may be empty."""
        return "stdout" in self.model_fields_set


def _kind(value: object) -> str:
    """Return the tag of the kind of test this is, by the fields that only one kind has.

    The tags are no names of fields, so that the path of a mistake doesn't take one for the other.
    """
    if isinstance(value, _Case):
        return cast("CallCase", value).tag
    fields = cast("Mapping[str, object]", value) if isinstance(value, dict) else dict[str, object]()
    if "program" in fields:
        return ProgramCase.tag
    return StdinCase.tag if "stdin" in fields or "stdout" in fields else CallCase.tag


AnyCase: TypeAlias = CallCase | ProgramCase | StdinCase

Case: TypeAlias = Annotated[
    Annotated[CallCase, Tag(CallCase.tag)]
    | Annotated[ProgramCase, Tag(ProgramCase.tag)]
    | Annotated[StdinCase, Tag(StdinCase.tag)],
    Discriminator(_kind),
]
