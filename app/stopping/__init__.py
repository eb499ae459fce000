"""Stop rules: may the run end before all candidates are drawn? One file each."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from app.parts import complete, named_union, type_name, variants
from app.stopping.base import StopRule

STOP_RULES = variants(__name__, StopRule)

if TYPE_CHECKING:
    AnySingleRule: TypeAlias = StopRule
    AnyStopRule: TypeAlias = StopRule
else:
    AnySingleRule = named_union(tuple(rule for rule in STOP_RULES if type_name(rule) not in {"any_of", "none"}))
    AnyStopRule = named_union(STOP_RULES)

complete(__name__, AnySingleRule=AnySingleRule)
