"""What the demo shows while it works: a live line on a terminal, one plain line a run elsewhere."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Generator

    from rich.console import Console

    from app.demo.answered import Answered
    from app.demo.plan import Ask

ANSWER_CHARACTERS = 24


class Reporter(Protocol):
    """Is told of the runs, one after the other."""

    def begins(self, ask: Ask) -> None:
        """Show that a run begins."""
        ...

    def tells(self, progress: dict[str, object]) -> None:
        """Show a candidate of the run that has come back."""
        ...

    def answered(self, row: Answered) -> None:
        """Show the end of a run."""
        ...

    def failed(self, problem: str) -> None:
        """Show why a run has no end."""
        ...


@contextmanager
def reporter(console: Console, runs: int) -> Generator[Reporter]:
    """Yield the reporter that suits the console; a live line is gone when the context ends."""
    if not console.is_terminal:
        yield PlainLines(console, runs)
        return
    columns = (SpinnerColumn(), MofNCompleteColumn(), BarColumn(bar_width=20), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as progress:
        yield LiveLine(progress, runs)


class LiveLine:
    """One line that changes: how many runs are done, and what the present one has got back."""

    def __init__(self, progress: Progress, runs: int) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=runs)
        self._name = ""

    def begins(self, ask: Ask) -> None:
        """Show the run's name."""
        self._name = f"{ask.question.title}, {ask.way.name}"
        self._progress.update(self._task, description=self._name)

    def tells(self, progress: dict[str, object]) -> None:
        """Show how many candidates are back, and the latest answer."""
        answer = shortened(str(progress["answer"] or "no answer"), ANSWER_CHARACTERS)
        told = f"{self._name}: {progress['back']} of at most {progress['of_at_most']}, {answer!r} {progress['state']}"
        self._progress.update(self._task, description=told.replace("[", r"\["))

    def answered(self, row: Answered) -> None:
        """Count the run."""
        del row
        self._progress.advance(self._task)

    def failed(self, problem: str) -> None:
        """Count the run and leave its problem on the screen."""
        self._progress.console.print(Text(problem, style="red"))
        self._progress.advance(self._task)


class PlainLines:
    """A line a run, for logs."""

    def __init__(self, console: Console, runs: int) -> None:
        self._console = console
        self._runs = runs
        self._done = 0

    def begins(self, ask: Ask) -> None:
        """Say nothing yet."""

    def tells(self, progress: dict[str, object]) -> None:
        """Say nothing yet."""

    def answered(self, row: Answered) -> None:
        """Print the run's answer and time."""
        ask, answer = row.ask, shortened(row.answer, ANSWER_CHARACTERS)
        self._line(f"{ask.question.title:8} {ask.way.name:12} {answer:{ANSWER_CHARACTERS}} {row.seconds:>5} s")

    def failed(self, problem: str) -> None:
        """Print the run's problem."""
        self._line(problem)

    def _line(self, text: str) -> None:
        self._done += 1
        self._console.print(Text(f"{self._done:2} of {self._runs}  {text}"), soft_wrap=True)


def shortened(text: str, length: int) -> str:
    """Return the text in one line, cut to `length` characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1]}…"
