"""Aggregators: candidates and their verdicts in, one decision out; one file each."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from app.aggregators.base import Aggregator
from app.parts import named_union, variants

AGGREGATORS = variants(__name__, Aggregator)

if TYPE_CHECKING:
    AnyAggregator: TypeAlias = Aggregator
else:
    AnyAggregator = named_union(AGGREGATORS)
