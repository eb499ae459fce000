"""Runs the demo: the server in this process, the questions over HTTP, the progress and the page at the end."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import httpx2
import uvloop
from rich.console import Console

from app.demo import table
from app.demo.asking import Asker, served_model
from app.demo.plan import QUESTIONS, WAYS, asks
from app.demo.progress import reporter
from app.errors import QuorumError
from app.main import create_app
from app.server import serving
from app.settings import Settings
from app.telemetry.logs import configure_logging

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.demo.answered import Answered
    from app.demo.plan import Ask, Question, Way
    from app.demo.progress import Reporter

PLAIN_WIDTH = 100
"""Columns where standard output is no terminal."""

TIMEOUT_S = 60.0
"""Seconds of silence; the server says at least every ten that it is alive."""


def run_demo(
    *, questions: Sequence[Question] = QUESTIONS, ways: Sequence[Way] = WAYS, console: Console | None = None
) -> int:
    """Ask every question under every strategy and print the table; returns 0 if every run came to a full account.

    Raises KeyboardInterrupt on SIGINT or SIGTERM, after the server and its model have ended.
    """
    configure_logging("error")
    screen = console or Console()
    if console is None and not screen.is_terminal:
        screen.width = PLAIN_WIDTH
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(Demo(screen, questions, ways).run())


class Demo:
    """One showing of the demo."""

    def __init__(self, console: Console, questions: Sequence[Question], ways: Sequence[Way]) -> None:
        self._console = console
        self._questions = questions
        self._ways = ways
        self._rows: list[Answered] = []
        self._problems: list[str] = []

    async def run(self) -> int:
        """Serve, ask, and print; returns the exit status."""
        interrupt = signal.getsignal(signal.SIGINT)
        self._console.print("Quorum demo: starting the server and its embedded model ...")
        # The defaults, whatever the configuration says: the demo is the same everywhere.
        async with serving(create_app(Settings.model_construct())) as url:
            # uvicorn has taken the signals, and would wait for the requests under way.
            signal.signal(signal.SIGINT, interrupt)
            signal.signal(signal.SIGTERM, interrupt)
            async with httpx2.AsyncClient(base_url=url, timeout=TIMEOUT_S) as http:
                model = await served_model(http)
                self._console.print(f"{model} answers at {url}; every figure below comes from its responses.\n")
                self._console.print(table.asked(self._questions), "")
                await self._ask_all(Asker(http, model))
        self._print_end(model)
        return 1 if self._problems else 0

    async def _ask_all(self, asker: Asker) -> None:
        plan = list(asks(self._questions, self._ways))
        with reporter(self._console, len(plan)) as report:
            for ask in plan:
                await self._ask(asker, ask, report)

    async def _ask(self, asker: Asker, ask: Ask, report: Reporter) -> None:
        report.begins(ask)
        try:
            row = await asker.ask(ask, report.tells)
        except QuorumError as error:
            problem = f"{ask.question.title} under {ask.way.name} failed: {error.message}"
            self._problems.append(problem)
            report.failed(problem)
        else:
            self._rows.append(row)
            report.answered(row)

    def _print_end(self, model: str) -> None:
        print_ = self._console.print
        print_("", table.results(self._rows), table.LEGEND, "", table.hints(self._ways), "")
        print_(table.next_step(model), soft_wrap=True, markup=False, highlight=False)
        for problem in self._problems:
            print_(problem, style="bold red", markup=False)
