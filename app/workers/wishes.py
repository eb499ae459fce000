"""What an operator wants of the fleet, beside what the sources of workers say."""

from __future__ import annotations

from typing import Self

import msgspec

from app.workers.discovery.base import Announced  # noqa: TC001 - msgspec reads the annotations


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """The workers that were added, and which ones draw nothing new: `drained` has their marks (`Steward`).

    Of two that differ the one with the higher `version` is the later.
    """

    version: int = 0
    added: tuple[Announced, ...] = ()
    drained: frozenset[str] = frozenset()

    def adds(self, url: str) -> bool:
        """Whether the worker at this address is among those that were added."""
        return any(one.url == url for one in self.added)

    def adding(self, announced: Announced) -> Self:
        """Return them with one more worker."""
        return self._changed(added=(*self.added, announced))

    def removing(self, url: str) -> Self:
        """Return them without a worker that was added."""
        return self._changed(added=tuple(one for one in self.added if one.url != url))

    def draining(self, mark: str) -> Self:
        """Return them with one more worker that draws nothing new."""
        return self._changed(drained=self.drained | {mark})

    def resuming(self, mark: str) -> Self:
        """Return them with a worker that draws again."""
        return self._changed(drained=self.drained - {mark})

    def _changed(self, **fields: object) -> Self:
        return msgspec.structs.replace(self, version=self.version + 1, **fields)
