"""Stop rules: may the run end before all candidates are drawn? One file each."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from app.parts import named_union, variants
from app.stopping.base import StopRule

STOP_RULES = variants(__name__, StopRule)

if TYPE_CHECKING:
    AnyStopRule: TypeAlias = StopRule
else:
    AnyStopRule = named_union(STOP_RULES)
