"""Stop rule `none`: draw everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from app.stopping.base import StopRule

if TYPE_CHECKING:
    from app.stopping.base import Progress


class NeverStop(StopRule):
    """Never ends a run early: for measurements, and for teams that want every candidate."""

    type: Literal["none"] = "none"

    def satisfied(self, progress: Progress) -> bool:  # noqa: ARG002
        """Return False, always."""
        return False
