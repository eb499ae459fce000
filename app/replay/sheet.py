"""The results as a CSV file, in full precision."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from app.replay.figures import Estimate, Score
    from app.replay.playing import Plan

Cell = str | int | float | None


def write_sheet(file: Path, scores: Sequence[Score], *, baseline: str, problems: int, plan: Plan) -> None:
    """Write one line a policy; shares lie in 0..1. Raises `OSError`."""
    rows = [_row(score, baseline, problems, plan) for score in scores]
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _row(score: Score, baseline: str, problems: int, plan: Plan) -> dict[str, Cell]:
    return {
        "policy": score.policy.label,
        **_estimate("accuracy", score.accuracy),
        "tokens": score.tokens,
        "relative_tokens": score.relative_tokens,
        "relative_time": score.relative_time,
        "stopped": score.stopped,
        **_estimate("difference", score.difference),
        "baseline": baseline,
        "problems": problems,
        "different_problems": score.accuracy.clusters,
        "orders": plan.orders,
        "seed": plan.seed,
        "strategy": msgspec.json.encode(score.policy.strategy.spec).decode(),
    }


def _estimate(name: str, estimate: Estimate) -> dict[str, Cell]:
    half = estimate.half_width
    low, high = (None, None) if half is None else (estimate.mean - half, estimate.mean + half)
    return {name: estimate.mean, f"{name}_error": estimate.error, f"{name}_low": low, f"{name}_high": high}
