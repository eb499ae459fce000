"""The demo: its table, its exit status, and one real run."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from io import StringIO
from typing import TYPE_CHECKING

import httpx2
import pytest
from pydantic import AnyHttpUrl
from rich.console import Console

from app.demo import programs, run_demo, side_by_side, table
from app.demo.answered import AccountError, Answered
from app.demo.asking import Asker, AskError, served_model
from app.demo.interrupt import Interrupt
from app.demo.plan import QUESTIONS, WAYS, Ask, Question, Way, asks
from app.demo.progress import reporter
from app.settings.sections import Embedded
from app.settings.settings import Settings
from app.settings.worker_entry import WorkerEntry
from app.strategies.presets import PRESETS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence
    from pathlib import Path

Json = dict[str, object]

ASK = Ask(question=QUESTIONS[0], way=WAYS[1])
HEADINGS = ["question", "strategy", "answer", "agree", "dist", "sim", "copy", "sel", "cnt", "rej", "can", "s"]
CELLS = ["apples", "parallel-8", "12", "0.43", "3/7", "4", "0.60", "0.00", "24", "107", "0", "28", "2.7"]
LAST: Json = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
GONE: Json = {"error": {"message": "gone"}}
EMPTY: Json = {"choices": [], "quorum": {}}
FATES: Json = {"selected": 24, "counted": 107, "rejected": 0, "cancelled": 28, "failed": 0, "verifier": 0}


def test_the_plan_asks_every_question_under_every_strategy() -> None:
    pairs = [(ask.question.title, ask.way.name) for ask in asks(QUESTIONS, WAYS)]
    assert len(set(pairs)) == len(pairs) == len(QUESTIONS) * len(WAYS)


def test_the_row_fast_is_the_preset_of_that_name() -> None:
    asked = [_strategy(ask.body("m")) for ask in asks(QUESTIONS[:1], WAYS) if ask.way.name == "fast"]
    assert asked == [PRESETS["fast"]]


def test_only_reject_is_told_what_is_right() -> None:
    told = {ask.way.name for ask in asks(QUESTIONS, WAYS) if "verifiers" in dict(_strategy(ask.body("m")))}
    assert told == {"reject-6"}


@pytest.mark.parametrize("width", [80, 100])
def test_the_table_shows_every_figure_at_the_width_of_a_terminal(width: int) -> None:
    lines = _printed(table.results([_answered()]), width).splitlines()
    assert lines[0].split() == HEADINGS
    assert lines[2].split() == CELLS


def test_the_table_names_a_question_once_and_cuts_long_answers() -> None:
    rows = [_answered(answer="a very long answer " * 9), _answered()]
    lines = _printed(table.results(rows), 80).splitlines()
    assert sum("apples" in line for line in lines) == 1
    assert "…" in lines[2]
    assert all(len(line) <= 80 for line in lines)


def test_the_questions_are_set_apart() -> None:
    other = Ask(question=QUESTIONS[1], way=WAYS[1])
    lines = _printed(table.results([_answered(), Answered.read(other, _account())]), 80).splitlines()
    assert [line.split()[:1] for line in lines[2:]] == [["apples"], [], ["ocean"]]


def test_tokens_of_failed_candidates_get_a_column_of_their_own() -> None:
    heading = _printed(table.results([_answered(fates={**FATES, "failed": 3})]), 100).splitlines()[0]
    assert "fail" in heading.split()


def test_an_answer_that_was_not_accepted_stands_in_brackets() -> None:
    assert _answered(accepted=False).answer == "(12)"


def test_a_dash_stands_for_a_similarity_that_there_is_not() -> None:
    assert _answered(similarity=None).similarity == "-"


def test_an_account_without_its_figures_is_refused_by_the_name_of_the_field() -> None:
    with pytest.raises(AccountError, match="diversity"):
        Answered.read(ASK, {**_account(), "diversity": None})


def test_a_complete_stream_is_an_answer_and_its_progress_is_reported() -> None:
    told: list[Json] = []
    progress = {"candidate": "c0", "back": 1}
    row = _ask(_stream({"quorum": {"progress": progress}}, {**LAST, "quorum": _account()}), told.append)
    assert row.answer == "12"
    assert told == [progress]


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (httpx2.Response(503, text="no worker"), "status 503: no worker"),
        (httpx2.Response(200, text="data: {}\n\n"), r"before \[DONE\]"),
    ],
)
def test_an_answer_that_is_cut_or_refused_is_a_failure(response: httpx2.Response, reason: str) -> None:
    with pytest.raises(AskError, match=reason):
        _ask(response)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (GONE, "gone"),
        (EMPTY, "finish_reason"),
        (LAST, "without its quorum object"),
    ],
)
def test_a_stream_without_a_complete_answer_is_a_failure(event: Json, reason: str) -> None:
    with pytest.raises(AskError, match=reason):
        _ask(_stream(event))


def test_a_server_that_is_gone_is_a_failure() -> None:
    async def scenario() -> None:
        async with httpx2.AsyncClient(base_url="http://127.0.0.1:1") as http:
            with pytest.raises(AskError, match="connection failed"):
                await Asker(http, "m").ask(ASK, _ignore)
            with pytest.raises(AskError, match="connection failed"):
                await served_model(http)

    asyncio.run(scenario())


def test_a_server_without_a_model_is_a_failure() -> None:
    async def scenario() -> None:
        async with _client(httpx2.Response(200, json={"data": []})) as http:
            with pytest.raises(AskError, match="serves no model"):
                await served_model(http)

    asyncio.run(scenario())


@pytest.mark.parametrize("terminal", [False, True])
def test_progress_is_shown_on_terminals_and_in_logs(terminal: bool) -> None:  # noqa: FBT001 - a parameter of the test
    screen = StringIO()
    console = Console(file=screen, force_terminal=terminal, width=100, color_system=None)
    with reporter(console, 2) as report:
        report.begins(ASK)
        report.tells({"answer": "[12]", "back": 1, "of_at_most": 8, "state": "finished"})
        report.answered(_answered())
        report.failed("apples under reject-6 failed: no worker")
    assert "failed: no worker" in screen.getvalue()
    assert ("1 of  2" in screen.getvalue() or "1 of 2" in screen.getvalue()) is not terminal


def test_a_run_that_fails_is_named_and_makes_the_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = Way(name="wrong", spec={"type": "parallel", "n": 0}, hint="")
    status = run_demo(questions=QUESTIONS[:1], ways=[WAYS[0], wrong])
    out = capsys.readouterr().out
    assert status == 1
    assert "apples under wrong failed: status 400" in out
    assert "strategy.n" in out


def test_a_server_that_does_not_start_makes_the_status_1(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    settings = Settings.model_construct(embedded=Embedded(model=tmp_path / "missing.gguf"))
    assert run_demo(settings=settings) == 1
    assert "the server did not start" in capsys.readouterr().out


def test_a_server_without_a_worker_makes_the_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings.model_construct(workers=(WorkerEntry(url=AnyHttpUrl("http://127.0.0.1:1")),))
    assert run_demo(settings=settings) == 1
    assert "serves no model" in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cancels_the_work_and_is_remembered(number: signal.Signals) -> None:
    async def work() -> None:
        signal.raise_signal(number)
        await asyncio.sleep(60)

    assert _interrupted(work)


def test_work_is_not_begun_after_a_signal() -> None:
    async def scenario() -> None:
        interrupt = Interrupt()
        with interrupt.listening():
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(0.01)
            await interrupt.ends(asyncio.sleep(60))

    asyncio.run(scenario())


def test_work_that_nothing_interrupts_comes_to_its_end() -> None:
    async def work() -> None:
        await asyncio.sleep(0)

    assert not _interrupted(work)


def test_an_interrupted_demo_raises_keyboard_interrupt_once_the_server_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Interrupting(list[Question]):
        def __iter__(self) -> Iterator[Question]:
            signal.raise_signal(signal.SIGINT)
            return super().__iter__()

    monkeypatch.setenv("FORCE_COLOR", "1")
    with pytest.raises(KeyboardInterrupt):
        run_demo(questions=Interrupting(QUESTIONS))


def test_programs_are_told_by_their_tests_and_the_strategies_summed_up_side_by_side() -> None:
    told = Ask(question=programs.TASKS[0], way=programs.WAYS[0])
    verdict: Json = {"status": "pass", "score": 1.0, "note": "tests passed: public 1/1, hidden 3/3; and more"}
    failed: Json = {"status": "fail", "score": 0.5, "note": None}
    rows = [
        Answered.read(told, _account(verdict=verdict)),
        Answered.read(Ask(question=programs.TASKS[1], way=programs.WAYS[0]), _account(verdict=failed, accepted=False)),
    ]
    lines = _printed(side_by_side.by_task(rows), 100).splitlines()
    assert "public 1/1, hidden 3/3" in lines[2]
    assert lines[2].split()[-5:] == ["2", "0.60", "0.00", "159", "2.7"]
    (total,) = _printed(side_by_side.totals(rows, programs.WAYS), 100).splitlines()[2:]
    assert total.split("  ")[0] == programs.WAYS[0].name
    assert total.split()[-8:] == ["1", "of", "2", "0.75", "4", "0.00", "318", "5.4"]


def test_every_task_is_held_against_public_and_hidden_tests_under_every_way() -> None:
    for ask in asks(programs.TASKS, programs.WAYS):
        (verifier,) = _strategy(ask.body("m"))["verifiers"]  # type: ignore[misc]
        assert verifier["public"]
        assert verifier["hidden"]


@pytest.mark.slow
def test_a_real_run_prints_a_row_for_every_strategy(capsys: pytest.CaptureFixture[str]) -> None:
    status = run_demo(questions=[_short()])
    captured = capsys.readouterr()
    table_lines = captured.out[captured.out.index("question strategy") :].splitlines()[2 : 2 + len(WAYS)]
    assert status == 0
    assert [way.name in line for way, line in zip(WAYS, table_lines, strict=True)] == [True] * len(WAYS)
    assert not captured.err


@pytest.mark.slow
@pytest.mark.parametrize("after", ["starting the server", "answers at"])
def test_an_interrupt_ends_the_demo_without_a_traceback(after: str) -> None:
    command = [sys.executable, "-m", "app.cli", "demo"]
    pipe = subprocess.PIPE
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdout=pipe, stderr=pipe, text=True, env=_unbuffered()
    ) as process:
        assert process.stdout
        assert any(after in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert not errors


def _interrupted(work: Callable[[], Coroutine[None, None, None]]) -> bool:
    """Return whether a signal came while `work` ran."""

    async def scenario() -> bool:
        interrupt = Interrupt()
        with interrupt.listening():
            await interrupt.ends(work())
        return interrupt.came

    return asyncio.run(scenario())


def _unbuffered() -> dict[str, str]:
    return {**os.environ, "PYTHONUNBUFFERED": "1"}


def _short() -> Question:
    return Question(
        title="sum", text="What is 2 + 3?", known="5", verifier={"type": "math", "answer": "5"}, max_tokens=8
    )


def _strategy(body: Json) -> Json:
    strategy = body["strategy"]
    assert isinstance(strategy, dict)
    return {str(name): value for name, value in strategy.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _account(
    *,
    answer: str = "12",
    accepted: bool = True,
    similarity: float | None = 0.6015,
    fates: Json = FATES,
    verdict: Json | None = None,
) -> Json:
    """Return a `quorum` object as the server writes it, as far as the demo reads it."""
    return {
        "decision": {"winner": "c0", "votes": 3, "of": 7, "agreement": 0.4286, "accepted": accepted},
        "diversity": {"distinct_answers": 4, "mean_pairwise_similarity": similarity, "mean_copy_ratio": 0.0},
        "cost": {"tokens": {"by_fate": fates}},
        "timing": {"total_ms": 2_700.0},
        "candidates": [
            {"id": "c1", "answer": "4", "fate": "counted", "verdict": None},
            {"id": "c0", "answer": answer, "fate": "selected", "verdict": verdict},
        ],
    }


def _answered(
    *, answer: str = "12", accepted: bool = True, similarity: float | None = 0.6015, fates: Json = FATES
) -> Answered:
    return Answered.read(ASK, _account(answer=answer, accepted=accepted, similarity=similarity, fates=fates))


def _printed(part: object, width: int) -> str:
    console = Console(file=StringIO(), width=width, color_system=None)
    with console.capture() as capture:
        console.print(part)
    return capture.get()


def _stream(*events: Json) -> httpx2.Response:
    lines: Sequence[str] = [f"data: {_json(event)}\n\n" for event in events]
    return httpx2.Response(200, text=": c0 finished\n\n" + "".join(lines) + "data: [DONE]\n\n")


def _json(event: Json) -> str:
    return httpx2.Request("POST", "http://x", json=event).content.decode()


def _client(response: httpx2.Response) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url="http://x", transport=httpx2.MockTransport(lambda _: response))


def _ignore(progress: Json) -> None:
    del progress


def _ask(response: httpx2.Response, report: Callable[[Json], None] = _ignore) -> Answered:
    async def scenario() -> Answered:
        async with _client(response) as http:
            return await Asker(http, "m").ask(ASK, report)

    return asyncio.run(scenario())
