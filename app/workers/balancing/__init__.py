"""Balancing: which of the workers that serve a model draws the next candidates. One file a policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from app.workers.balancing.least_outstanding import LeastOutstanding
from app.workers.balancing.prefix_hash import PrefixHash
from app.workers.balancing.round_robin import RoundRobin
from app.workers.balancing.two_choices import TwoChoices

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.workers.balancing.base import Policy

PolicyName: TypeAlias = Literal["two_choices", "least_outstanding", "round_robin", "prefix_hash"]

POLICIES: Mapping[PolicyName, Callable[[], Policy]] = {
    "two_choices": TwoChoices,
    "least_outstanding": LeastOutstanding,
    "round_robin": RoundRobin,
    "prefix_hash": PrefixHash,
}
"""Makers of policies by the names that the setting `balancing` takes."""
