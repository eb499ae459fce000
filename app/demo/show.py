"""Runs the demo: the server in this process, the questions over HTTP, the progress and the page at the end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx2
import uvloop
from rich.console import Console

from app.demo import programs, side_by_side, table
from app.demo.asking import Asker, served_model
from app.demo.interrupt import Interrupt
from app.demo.plan import QUESTIONS, WAYS, asks
from app.demo.progress import reporter
from app.errors import QuorumError
from app.main import create_app
from app.server import serving
from app.settings.settings import Settings
from app.telemetry.logs import configure_logging

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from rich.console import RenderableType

    from app.demo.answered import Answered
    from app.demo.plan import Ask, Question, Way
    from app.demo.progress import Reporter

    Page: TypeAlias = Callable[[Sequence[Answered], Sequence[Way]], Sequence[RenderableType]]

PLAIN_WIDTH = 100
"""Columns where standard output is no terminal."""

TIMEOUT_S = 60.0
"""Seconds of silence; the server says at least every ten that it is alive."""


def run_demo(
    *,
    questions: Sequence[Question] = QUESTIONS,
    ways: Sequence[Way] = WAYS,
    page: Page = table.page,
    settings: Settings | None = None,
) -> int:
    """Ask every question under every strategy and print the `page`; returns 0 if every run came to a full account.

    Without `settings`, the server runs with the defaults, whatever the configuration says: the demo is the same
    everywhere. Raises KeyboardInterrupt on SIGINT or SIGTERM, once the server and its model have ended.
    """
    configure_logging("error")
    console = Console()
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    demo = Demo(console, questions, ways, page)
    interrupt = Interrupt()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(demo.run(settings or Settings.model_construct(), interrupt))
    except* RuntimeError as group:
        demo.fail(f"The demo failed: {group.exceptions[0]}")
    if interrupt.came:
        raise KeyboardInterrupt
    return 1 if demo.problems else 0


def run_programs_demo() -> int:
    """Let the model write small functions that are held against tests, under every strategy; returns as `run_demo`."""
    return run_demo(questions=programs.TASKS, ways=programs.WAYS, page=side_by_side.page)


class Demo:
    """One showing of the demo. `problems` says of each run that failed which it was, and why."""

    def __init__(self, console: Console, questions: Sequence[Question], ways: Sequence[Way], page: Page) -> None:
        self.problems: list[str] = []
        self._console = console
        self._questions = questions
        self._ways = ways
        self._page = page
        self._rows: list[Answered] = []

    async def run(self, settings: Settings, interrupt: Interrupt) -> None:
        """Serve, ask, and print."""
        self._console.print("Quorum demo: starting the server and its embedded model ...")
        with interrupt.listening():
            async with serving(create_app(settings)) as url:
                await interrupt.ends(self.ask_all(url))

    async def ask_all(self, url: str) -> None:
        """Ask everything of the server at `url`, and print the table."""
        async with httpx2.AsyncClient(base_url=url, timeout=TIMEOUT_S) as http:
            try:
                model = await served_model(http)
            except QuorumError as error:
                self.fail(error.message)
                return
            self._print_beginning(model, url)
            plan = list(asks(self._questions, self._ways))
            asker = Asker(http, model)
            with reporter(self._console, len(plan)) as report:
                for ask in plan:
                    await self._ask(asker, ask, report)
        self._print_end(model)

    def fail(self, problem: str) -> None:
        """Note and print a problem."""
        self.problems.append(problem)
        self._console.print(problem, style="red", markup=False)

    async def _ask(self, asker: Asker, ask: Ask, report: Reporter) -> None:
        report.begins(ask)
        try:
            row = await asker.ask(ask, report.tells)
        except QuorumError as error:
            problem = f"{ask.question.title} under {ask.way.name} failed: {error.message}"
            self.problems.append(problem)
            report.failed(problem)
        else:
            self._rows.append(row)
            report.answered(row)

    def _print_beginning(self, model: str, url: str) -> None:
        self._console.print(f"{model} answers at {url}. Every figure below is from its responses.\n", soft_wrap=True)
        self._console.print(table.asked(self._questions), "")

    def _print_end(self, model: str) -> None:
        show = self._console.print
        for part in (*self._page(self._rows, self._ways), ""):
            show(part, highlight=False)
        show(table.next_step(model), soft_wrap=True, markup=False, highlight=False)
        for problem in self.problems:
            show(problem, style="bold red", markup=False)
