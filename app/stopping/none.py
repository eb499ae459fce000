"""Stop rule `none`: draw everything."""

from __future__ import annotations

from typing import ClassVar, Literal

from app.stopping.base import StopRule


class NeverStop(StopRule):
    """Never ends a run early: for measurements, and for teams that want every candidate."""

    type: Literal["none"] = "none"

    changes_answer: ClassVar[bool] = False
