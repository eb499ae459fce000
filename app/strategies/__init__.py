"""Strategies: what to ask next, given what has happened; one file each."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from app.parts import named_union, variants
from app.strategies.base import Strategy

STRATEGIES = variants(__name__, Strategy)

if TYPE_CHECKING:
    AnyStrategy: TypeAlias = Strategy
else:
    AnyStrategy = named_union(STRATEGIES)
