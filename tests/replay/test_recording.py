"""Reading recordings, good and bad."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from app.replay import recording
from app.replay.errors import RecordingError
from app.replay.recording import read_recordings
from tests.replay.recorded import line, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", ["r.jsonl", "r.jsonl.gz"])
def test_problems_come_in_the_order_of_files_and_lines(tmp_path: Path, name: str) -> None:
    first = write(tmp_path / name, line(("1", 5), name="a"), "", line(("1", 5), name="b"))
    second = write(tmp_path / f"2{name}", line((None, 5), (7, 6), name="c"))
    found = read_recordings([first, second])
    assert [one.problem.id for one in found] == ["a", "b", "c"]
    assert [one.place for one in found] == [f"{first}:1", f"{first}:3", f"{second}:1"]
    assert [sample.completion_tokens for sample in found[2].problem.samples] == [5, 6]
    assert [sample.given for sample in found[2].problem.samples] == [None, "7"]


@pytest.mark.parametrize("given", [None, "", " ", "ERR", "NO_ANSWER"])
def test_an_answer_that_was_not_found_is_none(tmp_path: Path, given: str | None) -> None:
    [found] = read_recordings([write(tmp_path / "r.jsonl", line((given, 5)))])
    assert found.problem.samples[0].given is None


def without(field: str) -> str:
    return json.dumps({name: value for name, value in line(("1", 5)).items() if name != field})


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ("{", "r.jsonl:2: "),
        ("[]", "r.jsonl:2: Expected `object`"),
        ("[" * 100_000, "r.jsonl:2: "),
        (without("problem"), "missing required field `problem`"),
        (without("answer"), "missing required field `answer`"),
        (without("samples"), "missing required field `samples`"),
        (json.dumps(line(("1", 5), answer=" ")), "the `answer` that is right is blank"),
        (json.dumps(line()), "length >= 1 - at `$.samples`"),
        (json.dumps(line(("1", 0))), ">= 1 - at `$.samples[0].completion_tokens`"),
        (json.dumps(line(("1", 5), (["1"], 5))), "at `$.samples[1].answer`"),
        (json.dumps({**line(), "samples": [{"completion_tokens": 5}]}), "needs an `answer` or a `text`"),
    ],
)
def test_a_bad_line_is_told_with_its_place_in_one_line(tmp_path: Path, bad: str, told: str) -> None:
    file = write(tmp_path / "r.jsonl", line(("1", 5)), bad)
    with pytest.raises(RecordingError) as caught:
        read_recordings([file])
    assert str(caught.value).startswith(f"{file}:2: ")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_line_that_is_not_utf_8_is_told(tmp_path: Path) -> None:
    file = write(tmp_path / "r.jsonl", line(("1", 5)))
    file.write_bytes(file.read_bytes().replace(b"apples", b"apples\xff"))
    with pytest.raises(RecordingError, match=r"r.jsonl:1: "):
        read_recordings([file])


def test_a_byte_order_mark_at_the_beginning_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    file = write(tmp_path / "r.jsonl", line(("1", 5)))
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert len(read_recordings([file])) == 1


def test_a_line_that_is_too_long_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MAX_LINE_BYTES", 2**20)
    file = write(tmp_path / "r.jsonl.gz", line(("1", 5)), " " * 2**20 + "{}")
    with pytest.raises(RecordingError, match=r"r.jsonl.gz:2: the line is longer than 1 MiB"):
        read_recordings([file])


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"none.jsonl can't be read: No such file"):
        read_recordings([tmp_path / "none.jsonl"])
    with pytest.raises(RecordingError, match="is a directory"):
        read_recordings([tmp_path])
    with pytest.raises(RecordingError, match=r"empty.jsonl holds no problem"):
        read_recordings([write(tmp_path / "empty.jsonl")])


@pytest.mark.parametrize("broken", [b"\x1f\x8bnot gzip at all", b"\x1f\x8b"])
def test_a_broken_gzip_file_is_told(tmp_path: Path, broken: bytes) -> None:
    file = tmp_path / "r.jsonl.gz"
    file.write_bytes(broken)
    with pytest.raises(RecordingError, match=r"r.jsonl.gz is broken as a gzip file"):
        read_recordings([file])


def test_a_gzip_file_that_was_cut_or_damaged_is_told(tmp_path: Path) -> None:
    file = write(tmp_path / "r.jsonl.gz", line(*[(str(number), number) for number in range(1, 500)]))
    whole = file.read_bytes()
    for damaged in (whole[:-20], whole[:100] + bytes(40) + whole[140:]):
        file.write_bytes(damaged)
        with pytest.raises(RecordingError, match=r"r.jsonl.gz is broken as a gzip file"):
            read_recordings([file])
