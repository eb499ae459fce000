"""The last page of `quorum demo --programs`: every task under every strategy, and the strategies side by side."""

from __future__ import annotations

from statistics import mean
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from app.demo.table import hints

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from app.demo.answered import Answered
    from app.demo.plan import Way

LEGEND = (
    "tests: what the program returned passes; tries: programs that were written to their end; sim: mean similarity of "
    "two of them; copy: mean share that was copied from earlier ones; tokens: all that were generated; s: seconds."
)
NO_PROOF = (
    "Six small tasks and one seed show how it works and prove nothing: judge strategies on your own model and tasks."
)


def page(rows: Sequence[Answered], ways: Sequence[Way]) -> Sequence[RenderableType]:
    """Return what stands at the end: the tasks one by one, and then the sums of each strategy."""
    return ("", by_task(rows), "", totals(rows, ways), "", LEGEND, "", hints(ways), "", NO_PROOF)


def by_task(rows: Sequence[Answered]) -> Table:
    """Return one line for every run, the tasks set apart."""
    table = _table("task", "strategy", "tests", right=("tries", "sim", "copy", "tokens", "s"))
    for place, row in enumerate(rows):
        begins = place == 0 or rows[place - 1].ask.question != row.ask.question
        if begins and place:
            table.add_section()
        title = row.ask.question.title if begins else ""
        figures = (str(row.tries), row.similarity, row.copied, str(row.all_tokens), row.seconds)
        table.add_row(*map(Text, (title, row.ask.way.name, row.tests, *figures)))
    return table


def totals(rows: Sequence[Answered], ways: Sequence[Way]) -> Table:
    """Return one line for every strategy, over all its tasks."""
    table = _table("strategy", right=("solved", "mean score", "tries", "copy", "tokens", "s"))
    for way in ways:
        own = [row for row in rows if row.ask.way == way]
        if not own:
            continue
        figures = (
            f"{sum(row.solved for row in own)} of {len(own)}",
            f"{mean(row.score for row in own):.2f}",
            str(sum(row.tries for row in own)),
            f"{mean(row.copy_ratio for row in own):.2f}",
            str(sum(row.all_tokens for row in own)),
            f"{sum(float(row.seconds) for row in own):.1f}",
        )
        table.add_row(*map(Text, (way.name, *figures)))
    return table


def _table(*left: str, right: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
    for heading in left:
        table.add_column(heading, no_wrap=True)
    for heading in right:
        table.add_column(heading, justify="right", no_wrap=True)
    return table
