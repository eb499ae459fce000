"""`quorum replay` as people run it."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.cli import main
from app.replay import plot
from app.stopping.none import NeverStop
from app.strategies.parallel import Parallel
from app.workers.cpus import usable_cpus
from tests.replay.recorded import line, spec, write
from tests.test_cli import descendants, os_wait_until_gone

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]
THREE = ["--orders", "20", "--processes", "1"]


def recording(folder: Path) -> str:
    return str(
        write(
            folder / "r.jsonl",
            line(("1", 10), ("2", 20), ("1", 30), name="a", question="How many pears?"),
            line(("1", 10), ("1", 20), ("1", 30), name="b", question="How many plums?"),
        )
    )


def test_a_table_a_sheet_and_a_plot_come_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet, png, svg = (tmp_path / name for name in ("out.csv", "out.png", "out.svg"))
    words = ["replay", recording(tmp_path), *THREE, "--csv", str(sheet), "--plot"]
    policies = ["--strategies", "single", "all=" + spec(Parallel(n=3, stop=NeverStop())), "parallel-3"]
    assert main([*words, str(png), *policies, "--baseline", "all"]) == 0
    told = capsys.readouterr()
    assert [row.split()[0] for row in told.out.splitlines() if "±" in row] == ["single", "all", "parallel-3"]
    assert "baseline (all)" in told.out
    assert "2 problems, 20 random orders each, seed 0." in told.out
    rows = list(csv.DictReader(sheet.read_text(encoding="utf-8").splitlines()))
    one, full, decided = rows
    assert (float(full["accuracy"]), float(full["tokens"]), full["difference_error"]) == (1, 60, "0.0")
    assert float(decided["accuracy"]) == 1
    assert float(decided["tokens"]) < 60
    assert float(one["difference"]) < 0
    assert float(one["accuracy_low"]) < float(one["accuracy"]) < float(one["accuracy_high"])
    assert json.loads(full["strategy"])["stop"] == {"type": "none"}
    assert png.read_bytes().startswith(b"\x89PNG")
    assert main([*words, str(svg), *policies]) == 0
    assert "<svg" in svg.read_text(encoding="utf-8")
    assert "NaN" not in svg.read_text(encoding="utf-8")


def test_the_same_command_gives_the_same_files(tmp_path: Path) -> None:
    written: list[tuple[bytes, ...]] = []
    for processes in ("1", "2"):
        files = [tmp_path / f"{processes}.{kind}" for kind in ("csv", "svg")]
        words = [recording(tmp_path), "--processes", processes, "--orders", "9", "--seed", "4"]
        outputs = ["--csv", str(files[0]), "--plot", str(files[1])]
        assert main(["replay", *words, *outputs, "--strategies", "single", "parallel-3"]) == 0
        written.append(tuple(file.read_bytes() for file in files))
    assert written[0] == written[1]


def test_only_problems_whose_id_matches_are_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", recording(tmp_path), *THREE, "--strategies", "single", "--problems", "^b"]) == 0
    told = capsys.readouterr().out
    assert "100.0 ± ?" in told
    assert "1 problem, 20 random orders each" in told


def test_no_more_processes_are_made_than_there_is_work_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [recording(tmp_path), "--orders", "2", "--strategies", "single"]
    assert main(["replay", *words, "--processes", "100000000"]) == 0
    assert "single" in capsys.readouterr().out


def test_a_problem_in_two_files_counts_twice_in_the_mean_and_once_in_the_interval(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "out.csv"
    words = ["replay", recording(tmp_path), recording(tmp_path), *THREE, "--strategies", "parallel-1", "--csv"]
    assert main([*words, str(sheet)]) == 0
    assert "4 problems (2 different ones), 20 random orders each" in capsys.readouterr().out
    [row] = csv.DictReader(sheet.read_text(encoding="utf-8").splitlines())
    assert (row["problems"], row["different_problems"]) == ("4", "2")
    # Two rows of one problem come to x and y (by other orders), both of the other to 1: the clusters' residuals are
    # alike but for their sign, so the error is sqrt(2/1 * 2 r^2) / 4 = r / 2, with r = 2 (1 - mean).
    assert float(row["accuracy_error"]) == pytest.approx(1 - float(row["accuracy"]))


def refused(capsys: pytest.CaptureFixture[str], words: Sequence[str]) -> str:
    """Return the one line that says why the command is refused."""
    assert main(["replay", *words]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    return told.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--strategies", "quack"], "there is no strategy 'quack'"),
        (["--strategies", '{"type": "parallel", "n": 2, "stop": "quack"}'], "there is no type 'quack'"),
        (["--strategies", "parallel-4"], "draws up to 4 samples"),
        (["--strategies", "single", "--baseline", "x"], "no policy is called 'x', which --baseline names"),
        (["--strategies", "single", "--plot", "out.pdf"], "--plot writes .png or .svg files; out.pdf is neither"),
        (["--strategies", "single", "--problems", "c"], "--problems 'c' matches the id of none of 2 problems"),
        (["--strategies", "single", "--problems", "("], "--problems '(' is no regular expression: "),
        (["--strategies", "single", "--config", "none.toml"], "there is no configuration file none.toml"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    assert told in refused(capsys, [recording(tmp_path), *words])


def test_a_recording_that_cannot_be_read_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "is a directory" in refused(capsys, [str(tmp_path), "--strategies", "single"])
    assert "No such file" in refused(capsys, [str(tmp_path / "none"), "--strategies", "single"])


@pytest.mark.parametrize(
    ("csv", "plot", "told"),
    [
        ("r.jsonl", "x.svg", "r.jsonl can't be written: another file of this command is the same; name another"),
        ("x.svg", "sub/../x.svg", "x.svg can't be written: another file of this command is the same"),
        ("nowhere/x.csv", "x.svg", "x.csv can't be written: "),
        ("x.csv", "sub", "sub can't be written: it is a directory"),
    ],
)
def test_files_that_can_not_be_written_are_refused_before_anything_is_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], csv: str, plot: str, told: str
) -> None:
    (tmp_path / "sub").mkdir()
    own = recording(tmp_path)
    before = Path(own).read_bytes()
    files = ["--csv", str(tmp_path / csv), "--plot", str(tmp_path / plot)]
    assert told in refused(capsys, [own, "--strategies", "single", *files])
    assert Path(own).read_bytes() == before


def test_a_file_that_fails_while_it_is_written_is_named_and_the_table_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [recording(tmp_path), *THREE, "--strategies", "single", "--csv", "/dev/full"]
    assert main(["replay", *words]) == 2
    told = capsys.readouterr()
    assert "single" in told.out
    assert told.err == "quorum: /dev/full can't be written: No space left on device\n"


def test_the_files_are_there_although_nobody_reads_the_table(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "app.cli", "replay", recording(tmp_path), *THREE, "--strategies", "single"]
    file = tmp_path / "x.csv"
    with subprocess.Popen([*command, "--csv", str(file)], stdout=subprocess.PIPE, cwd=ROOT) as process:  # noqa: S603 - our own command
        assert process.stdout is not None
        process.stdout.close()
    assert "single" in file.read_text()


@pytest.mark.parametrize(
    "words", [["--orders", "0"], ["--orders", "1000001"], ["--orders", "1e3"], ["--processes", "x"], ["--seed", "s"]]
)
def test_numbers_that_are_none_are_usage_errors(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["replay", "r.jsonl", "--strategies", "single", *words])
    assert words[0] in capsys.readouterr().err


def test_a_plot_without_matplotlib_is_refused_before_anything_is_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plot, "find_spec", lambda _name: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    words = [recording(tmp_path), "--strategies", "single", "--plot", str(tmp_path / "out.png")]
    assert "--plot needs matplotlib: run make install" in refused(capsys, words)


@pytest.mark.slow
def test_ctrl_c_ends_it_with_all_its_processes(tmp_path: Path) -> None:
    samples = [(str(number % 3), 10 + number) for number in range(40)]
    file = write(tmp_path / "r.jsonl", *(line(*samples, name=str(number)) for number in range(20)))
    command = [sys.executable, "-m", "app.cli", "replay", str(file), "--processes", "2", "--orders", "20000"]
    children_there = min(2, usable_cpus()) + 1  # and the one that tracks what they share
    with subprocess.Popen(  # noqa: S603 - our own command
        [*command, "--strategies", "parallel-40"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        while len(children := descendants(process.pid)) < children_there:
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    for pid in children:
        os_wait_until_gone(pid)
