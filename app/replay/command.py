"""The command `quorum replay`, from its options to its results."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console
from rich.progress import Progress

from app.replay.deck import make_decks
from app.replay.errors import PolicyError, RecordingError, ReplayError
from app.replay.figures import score
from app.replay.files import check_files, writing
from app.replay.naming import read_policies
from app.replay.playing import Plan, play_all
from app.replay.plot import check_plot, write_plot
from app.replay.policy import check_samples
from app.replay.recording import read_recordings
from app.replay.sheet import write_sheet
from app.replay.table import LEGEND, table
from app.settings.reading import load_settings
from app.telemetry.logs import configure_logging
from app.workers.cpus import usable_cpus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import RenderableType

    from app.replay.deck import Deck
    from app.replay.playing import Means
    from app.replay.policy import Policy
    from app.replay.recording import Recorded

PLAIN_WIDTH = 110
"""Columns where standard output is no terminal."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asks for; `processes`, `baseline` and `problems` are None where it leaves them open.

    More `processes` than there are CPUs or recorded problems are not started: they would only take memory.
    """

    files: Sequence[Path]
    strategies: Sequence[str]
    problems: str | None
    orders: int
    seed: int
    processes: int | None
    baseline: str | None
    csv: Path | None
    plot: Path | None
    config: Path | None


def run_replay(request: Request) -> int:
    """Replay, write the files that are asked for, and print the table; returns 0.

    Raises the errors of `app.replay.errors`, `ConfigurationError`, and KeyboardInterrupt once all processes have ended.
    """
    configure_logging("error")
    check_files(request.files, [file for file in (request.csv, request.plot) if file])
    if request.plot:
        check_plot(request.plot)
    policies = read_policies(request.strategies, load_settings(request.config, {}).presets)
    baseline = _number(policies, request.baseline)
    recordings = _named(read_recordings(request.files), request.problems)
    processes = min(request.processes or usable_cpus(), usable_cpus(), len(recordings))
    plan = Plan(orders=request.orders, seed=request.seed, processes=processes)
    check_samples(policies, recordings)
    decks, played = asyncio.run(_replay(recordings, policies, plan))
    scores = score(policies, decks, played, baseline)

    label = policies[baseline].label
    try:  # where one of the two can't be written, the table is there
        if request.csv:
            with writing(request.csv):
                write_sheet(request.csv, scores, baseline=label, problems=len(decks), plan=plan)
        if request.plot:
            with writing(request.plot):
                write_plot(request.plot, scores, baseline=label)
    finally:
        _print(table(scores), "", LEGEND.format(baseline=label), _extent(decks, plan))
    return 0


def _print(*parts: RenderableType) -> None:
    console = Console()
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    console.print(*parts, sep="\n", markup=False, highlight=False)


def _number(policies: Sequence[Policy], label: str | None) -> int:
    """Return the baseline's number: the first policy's unless another is named."""
    labels = [policy.label for policy in policies]
    if label is None:
        return 0
    if label not in labels:
        raise PolicyError(f"no policy is called {label!r}, which --baseline names; there are: {', '.join(labels)}")
    return labels.index(label)


def _named(recordings: Sequence[Recorded], pattern: str | None) -> Sequence[Recorded]:
    """Return the recordings whose problem's id has a match of the pattern; all without one."""
    if pattern is None:
        return recordings
    try:
        found = [recorded for recorded in recordings if re.search(pattern, str(recorded.problem.id))]
    except re.error as error:
        raise ReplayError(f"--problems {pattern!r} is no regular expression: {error}") from error
    if not found:
        raise RecordingError(f"--problems {pattern!r} matches the id of none of {len(recordings)} problems")
    return found


async def _replay(
    recordings: Sequence[Recorded], policies: Sequence[Policy], plan: Plan
) -> tuple[list[Deck], list[tuple[Means, ...]]]:
    """Return the decks, and what each policy came to on each."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        progress.add_task("comparing answers", total=None)
        decks = await make_decks(recordings, processes=plan.processes)
        task = progress.add_task("replaying", total=len(decks))
        return decks, await play_all(policies, decks, plan, lambda: progress.advance(task))


def _extent(decks: Sequence[Deck], plan: Plan) -> str:
    """Return how much was replayed, and what was left undecided."""
    different = len({deck.problem for deck in decks})
    several = f" ({different} different ones)" if different < len(decks) else ""
    problems = "1 problem" if len(decks) == 1 else f"{len(decks)} problems{several}"
    orders = "1 random order" if plan.orders == 1 else f"{plan.orders} random orders"
    said = f"{problems}, {orders} each, seed {plan.seed}."
    undecided = sum(deck.undecided for deck in decks)
    return f"{said} {undecided} pairs of answers could not be compared and count as different." if undecided else said
