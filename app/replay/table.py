"""The results as a table on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.replay.figures import Estimate, Score

HEADINGS = ("accuracy %", "tokens", "/ base", "time", "early %", "difference")

LEGEND = (
    "accuracy, difference: with half of the 95% interval (Student's t, clustered by problem, whose recordings in "
    "several files are one cluster); difference: in points, from the baseline ({baseline}), recording by recording; "
    "tokens: generated, a run; / base: tokens over the baseline's; time: the critical path over the mean length of a "
    "sample; early: runs that a stop rule ended before all were drawn."
)


def table(scores: Sequence[Score]) -> Table:
    """Return one line a policy."""
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    drawn.add_column("policy", overflow="fold")
    for heading in HEADINGS:
        drawn.add_column(heading, justify="right", no_wrap=True)
    for score in scores:
        drawn.add_row(*map(Text, (score.policy.label, *_cells(score))))
    return drawn


def _cells(score: Score) -> tuple[str, ...]:
    return (
        points(score.accuracy),
        f"{score.tokens:,.0f}",
        f"{score.relative_tokens:.3f}",
        f"{score.relative_time:.2f}",
        f"{100 * score.stopped:.0f}",
        points(score.difference, sign="+"),
    )


def points(estimate: Estimate, sign: str = "") -> str:
    """Return a share in percent with half of its 95% interval, where that is known."""
    half = estimate.half_width
    return f"{100 * estimate.mean:{sign}.1f} ± " + ("?" if half is None else f"{100 * half:.1f}")
