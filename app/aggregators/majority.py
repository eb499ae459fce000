"""Aggregator `majority`: one candidate, one vote."""

from __future__ import annotations

from typing import Literal

from app.aggregators.voting import ByVote


class Majority(ByVote):
    """The answer that most candidates give: self-consistency (Wang et al., arXiv 2203.11171)."""

    type: Literal["majority"] = "majority"
