"""What a strategy looks at when it decides what to ask next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Ask, Candidate


class History(msgspec.Struct, frozen=True, kw_only=True):
    """All that was asked so far, in order, and all that came back, in the order of asking; failures included."""

    asked: Sequence[Ask] = ()
    done: Sequence[Candidate] = ()

    @property
    def waiting(self) -> int:
        """How many candidates are asked for and not back yet."""
        return len(self.asked) - len(self.done)

    @property
    def finished(self) -> tuple[Candidate, ...]:
        """The candidates that came to an end and can be shown to later rounds."""
        return tuple(candidate for candidate in self.done if candidate.finished)
