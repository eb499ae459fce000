"""Labels of a plot's points, where they hide neither each other nor the points."""

# What matplotlib's own types leave open:
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

Point = tuple[float, float]

FONT_SIZE = 7
DISTANCES = (5, 12, 20, 30, 42, 56, 72)
"""Points (1/72 inch) between a point and its label, nearer ones first."""

SIDES = ((1, 0.6), (1, -1.2), (-1, 0.6), (-1, -1.2))


def put_labels(axes: Axes, points: Sequence[Point], labels: Sequence[str]) -> None:
    """Write a label near each point, with a line to it; one that finds no free place is written over others.

    The figure must have been drawn, so that its scales are known.
    """
    taken = [_around(axes, point) for point in points]
    for point, label in zip(points, labels, strict=True):
        taken.append(_put(axes, point, label, taken))


def _put(axes: Axes, point: Point, label: str, taken: Sequence[Bbox]) -> Bbox:
    """Write one label, and return the room that it takes."""
    inside = axes.get_window_extent()
    for distance in DISTANCES:
        for right, up in SIDES:
            written = _annotate(axes, point, label, (right * distance, up * distance))
            room = _room(written)
            if not any(room.overlaps(other) for other in taken) and inside.x0 < room.x0 and room.x1 < inside.x1:
                return room
            written.remove()
    return _room(_annotate(axes, point, label, (DISTANCES[0], DISTANCES[0])))


def _annotate(axes: Axes, point: Point, label: str, offset: tuple[float, float]) -> Annotation:
    return axes.annotate(
        label,
        point,
        xytext=offset,
        textcoords="offset points",
        fontsize=FONT_SIZE,
        horizontalalignment="left" if offset[0] > 0 else "right",
        parse_math=False,
        arrowprops={"arrowstyle": "-", "linewidth": 0.4, "color": "0.5", "shrinkA": 0, "shrinkB": 2},
    )


def _room(written: Annotation) -> Bbox:
    """Return the room that the words take, in pixels, without the line to the point."""
    from matplotlib.text import Text  # noqa: PLC0415 - optional, and slow to import

    written.get_window_extent()  # which puts the words into their place
    return Text.get_window_extent(written)


def _around(axes: Axes, point: Point) -> Bbox:
    """Return the room that a point takes, in pixels."""
    from matplotlib.transforms import Bbox  # noqa: PLC0415 - optional, and slow to import

    x, y = axes.transData.transform(point)
    return Bbox.from_extents(x - 4, y - 4, x + 4, y + 4)
