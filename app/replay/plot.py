"""The results as a plot: accuracy against tokens."""

# What matplotlib's own types leave open:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from app.replay.errors import PlotError
from app.replay.labels import put_labels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from app.replay.figures import Score

FORMATS = (".png", ".svg")
TITLE = "95% intervals by problem: blue of the difference from {baseline}, grey of the accuracy itself"


def check_plot(file: Path) -> None:
    """Raise `PlotError` where `write_plot` can't write this file."""
    if file.suffix.lower() not in FORMATS:
        raise PlotError(f"--plot writes {' or '.join(FORMATS)} files; {file} is neither")
    if find_spec("matplotlib") is None:
        raise PlotError("--plot needs matplotlib: run make install, or pip install 'quorum[plot]'")


def write_plot(file: Path, scores: Sequence[Score], *, baseline: str) -> None:
    """Draw the policies with their 95% intervals. Raises `OSError`."""
    from matplotlib import rc_context  # noqa: PLC0415 - optional, and slow to import
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter  # noqa: PLC0415

    figure = Figure(figsize=(9, 6))
    figure.subplots_adjust(left=0.07, right=0.98, bottom=0.09, top=0.94)
    axes = figure.subplots()
    points = [(score.tokens, 100 * score.accuracy.mean) for score in scores]
    for (x, y), score in zip(points, scores, strict=True):
        own, paired = (100 * (one.half_width or 0.0) for one in (score.accuracy, score.difference))
        axes.errorbar(x, y, yerr=own, fmt="none", ecolor="0.88", capsize=3)
        axes.errorbar(x, y, yerr=paired, fmt="o", color="C0", ecolor="C0", capsize=2, markersize=4, elinewidth=0.8)
    axes.set(xscale="log", xlabel="tokens generated a problem", ylabel="accuracy, %")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_title(TITLE.format(baseline=baseline), size=9, parse_math=False)
    axes.grid(alpha=0.3)
    axes.margins(x=0.12)
    figure.draw_without_rendering()
    put_labels(axes, points, [score.policy.label for score in scores])
    with rc_context({"svg.hashsalt": "quorum"}):
        figure.savefig(file, dpi=150, metadata={"Date": None} if file.suffix.lower() == ".svg" else None)
