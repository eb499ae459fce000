"""A chaos run's figures as a Markdown table, and what to make of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.report import table
from tests.chaos.judging import Fate

if TYPE_CHECKING:
    from tests.chaos.figures import Figures, Row

HEADER = (
    *("phase", "requests", "right", "errors", "wrong", "lost", "duplicates", "left"),
    *("p50 ms", "p99 ms", "retries", "hedges", "ejections", "tokens after cancel"),
)


def markdown(figures: Figures) -> str:
    """Return the table, the first things that went wrong, and the verdict."""
    notes = "".join(f"- {note}\n" for note in figures.notes)
    return f"{table(HEADER, map(_cells, figures.rows))}\n\n{notes}{verdict(figures)}\n"


def verdict(figures: Figures) -> str:
    """Return what the run showed, in a sentence."""
    sent = sum(row.fates.total() for row in figures.rows)
    left, tokens = figures.total(Fate.LEFT), sum(row.unwanted.tokens for row in figures.rows)
    bad = ", ".join(f"{figures.total(fate)} {fate.value}" for fate in (Fate.LOST, Fate.WRONG, Fate.DUPLICATE))
    return (
        f"{'Passed' if figures.passed else 'FAILED'}: of {sent} requests {figures.total(Fate.RIGHT)} were answered "
        f"right, {figures.total(Fate.ERROR)} with a documented error, {left} were left by their clients; {bad}. "
        f"Tokens generated more than 1 s after the client had left: {tokens}, of which {figures.beyond} beyond one "
        f"streamed piece a candidate. Workers in service at the end: {figures.rows[-1].after.serving}."
    )


def _cells(row: Row) -> tuple[str, ...]:
    fates = row.fates
    errors = ", ".join(f"{count} `{code}`" for code, count in sorted(row.errors.items()))
    return (
        *(row.name, str(fates.total()), str(fates[Fate.RIGHT]), errors or "0"),
        *(str(fates[fate]) for fate in (Fate.WRONG, Fate.LOST, Fate.DUPLICATE, Fate.LEFT)),
        *(f"{row.latency_s(share) * 1_000:.0f}" for share in (0.5, 0.99)),
        str(row.after.retries - row.before.retries),
        str(row.after.hedges - row.before.hedges),
        str(row.after.ejections - row.before.ejections),
        str(row.unwanted.tokens),
    )
