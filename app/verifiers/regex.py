"""The verifier `regex`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, field_validator

from app.patterns import compiled
from app.verifiers.base import PASS, Verifier, failed

if TYPE_CHECKING:
    from app.candidates import Candidate, Verdict
    from app.verifiers.base import VerifierTools

_INLINE_STEPS = 1_000_000
"""Characters times instructions of the pattern, the worst case of a search, that take a few milliseconds."""

_TIME_LIMIT_S = 2.0


class RegexVerifier(Verifier):
    """Passes a candidate in whose text `pattern` is found, anywhere unless `pattern` is anchored.

    The syntax is that of RE2, which has no look-around and no back-references and searches in linear time.
    """

    example: ClassVar[dict[str, object]] = {"pattern": r"\b12\b"}

    type: Literal["regex"] = "regex"
    pattern: str = Field(min_length=1, max_length=4_096, description="A regular expression in RE2's syntax.")
    flags: str = Field(
        default="",
        pattern="^[ims]*$",
        max_length=3,
        description="`i` ignores case, `m` lets ^ and $ match at lines, `s` lets . match a line's end.",
    )

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        """Refuse what RE2 can't read."""
        compiled(pattern)
        return pattern

    async def verify(self, candidate: Candidate, tools: VerifierTools) -> Verdict:
        """Return whether the pattern is found in the candidate's text."""
        pattern, text = self._full_pattern(), candidate.reply.text
        if len(text) * compiled(pattern).programsize <= _INLINE_STEPS:
            found = is_found(pattern, text)
        else:
            found = await tools.offload.call(is_found, pattern, text, timeout_s=_TIME_LIMIT_S)
        return PASS if found else failed("The text does not have the form that was asked for.")

    def _full_pattern(self) -> str:
        """Return the pattern with its flags."""
        return f"(?{self.flags}){self.pattern}" if self.flags else self.pattern


def is_found(pattern: str, text: str) -> bool:
    """Whether `pattern` is found in `text`."""
    return compiled(pattern).search(text.encode(errors="replace")) is not None
