"""The demo's last page: the questions, the table, what to look at in it, and what to try next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from app.candidates import Fate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from app.demo.answered import Answered
    from app.demo.plan import Question, Way

NUMBERS = ("agree", "dist", "sim", "copy")
FATES = {
    Fate.SELECTED: "sel",
    Fate.COUNTED: "cnt",
    Fate.REJECTED: "rej",
    Fate.CANCELLED: "can",
    Fate.FAILED: "fail",
    Fate.VERIFIER: "ver",
}
RARE = (Fate.FAILED, Fate.VERIFIER)
"""Fates that get a column only where there are tokens of them."""

LEGEND = (
    "agree: the winner's share of the votes, and the votes; dist: distinct answers; sim: mean similarity of two "
    "candidates; copy: mean share of a candidate that was copied from earlier ones; sel, cnt, rej, can: generated "
    "tokens by fate: selected, counted (voted, not chosen), rejected, cancelled; s: seconds."
)


def page(rows: Sequence[Answered], ways: Sequence[Way]) -> Sequence[RenderableType]:
    """Return what stands at the end: the table, what its columns are, and what to look at."""
    return ("", results(rows), "", LEGEND, "", hints(ways))


def asked(questions: Sequence[Question]) -> RenderableType:
    """Return the questions in full, each with the answer known to be right."""
    grid = Table.grid(padding=(0, 2))
    for question in questions:
        text = f"{' '.join(question.text.split())} [{question.known}]"
        grid.add_row(Text(question.title, style="bold"), Text(text))
    return grid


def results(rows: Sequence[Answered]) -> Table:
    """Return one line for every run, the questions set apart."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0, show_edge=False, expand=True)
    fates = [fate for fate in FATES if fate not in RARE or any(row.tokens(fate) for row in rows)]
    table.add_column("question", no_wrap=True, min_width=8)
    table.add_column("strategy", no_wrap=True, min_width=12)
    table.add_column("answer", no_wrap=True, overflow="ellipsis", ratio=1)
    for heading in (*NUMBERS, *(FATES[fate] for fate in fates), "s"):
        table.add_column(heading, justify="right", no_wrap=True)
    for place, row in enumerate(rows):
        begins = place == 0 or rows[place - 1].ask.question != row.ask.question
        if begins and place:
            table.add_section()
        title = row.ask.question.title if begins else ""
        figures = (row.agreement, row.distinct, row.similarity, row.copied)
        tokens = [str(row.tokens(fate)) for fate in fates]
        table.add_row(*map(Text, (title, row.ask.way.name, row.answer, *figures, *tokens, row.seconds)))
    return table


def hints(ways: Sequence[Way]) -> RenderableType:
    """Return one line a strategy of what to look at."""
    grid = Table.grid(padding=(0, 2))
    for way in ways:
        grid.add_row(Text(way.name, style="bold"), Text(way.hint))
    return Group(Text("What to look at", style="bold"), grid)


def next_step(model: str) -> str:
    """Return a command to go on with."""
    return (
        "Try next: `make serve` in another terminal, then\n"
        'curl -s http://127.0.0.1:8000/v1/chat/completions -d \'{"strategy": "parallel-8",\n'
        f'  "model": "{model}", "messages": [{{"role": "user", "content": "What is 6 + 7?"}}], "max_tokens": 60}}\''
    )
