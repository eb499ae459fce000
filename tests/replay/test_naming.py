"""Policies as the command line names them, and those that can't be replayed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from app.replay.errors import PolicyError
from app.replay.naming import read_policies
from app.replay.policy import Policy, check_samples
from app.replay.recording import read_recordings
from app.stopping.none import NeverStop
from app.strategies.parallel import Parallel
from app.strategies.single import Single
from tests.replay.recorded import line, write

if TYPE_CHECKING:
    from pathlib import Path

SPEC = {"type": "parallel", "n": 4, "stop": "none"}
SC_4 = Parallel(n=4, stop=NeverStop())


def named(*words: str) -> dict[str, object]:
    presets: dict[str, object] = {"quick": "parallel-3"}
    return {policy.label: policy.strategy for policy in read_policies(words, presets)}


def test_short_forms_presets_and_specs_may_stand_together() -> None:
    text = json.dumps(SPEC)
    assert named("single,parallel-2", "quick", text) == {
        "single": Single(),
        "parallel-2": Parallel(n=2),
        "quick": Parallel(n=3),
        text: SC_4,
    }


def test_labels_name_what_they_stand_before() -> None:
    text = json.dumps(SPEC)
    assert named("one=single, two=quick", f"three = {text}") == {"one": Single(), "two": Parallel(n=3), "three": SC_4}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.json", json.dumps({"a": "single", "b, c": SPEC})),
        ("p.toml", 'a = "single"\n["b, c"]\ntype = "parallel"\nn = 4\nstop = "none"\n'),
    ],
)
def test_a_file_gives_a_strategy_for_each_label(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    assert named(f"@{file}") == {"a": Single(), "b, c": SC_4}


def test_the_frontier_and_the_presets_of_every_server_can_be_played() -> None:
    policies = named("frontier", "fast,frugal,faithful,max")
    assert list(policies)[:2] == ["one sample", "SC@4"]
    assert list(policies)[-4:] == ["fast", "frugal", "faithful", "max"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["quack"], "policy 'quack': there is no strategy 'quack'; valid are single, .*; or a preset: .*quick"),
        (['x={"type": "quack"}'], "policy 'x': there is no type 'quack'; valid are "),
        (['x={"type": "parallel", "n": 2, "stop": "quack"}'], "policy 'x': stop: there is no type 'quack'"),
        (['x={"type"'], "policy 'x': "),
        (["single", "single"], "two policies are called 'single'"),
        ([","], "at least one strategy"),
        (["sequential-3"], "policy 'sequential-3' can't be replayed: its later samples see the earlier ones"),
        (["hybrid-2x2"], "later samples see"),
        (["reject-4"], "later samples see"),
        (['x={"type": "parallel", "n": 2, "budget": {"deadline_s": 5}}'], "budgets are not simulated"),
        (['x={"type": "parallel", "n": 2, "verifiers": [{"type": "math", "answer": "1"}]}'], "verifiers are not"),
        (['x={"type": "parallel", "n": 2, "aggregator": "consistency"}'], "'consistency' asks a model"),
        (
            ['x={"type": "parallel", "n": 2, "aggregator": {"type": "weighted", "by": "mean_confidence"}}'],
            "'weighted' goes by log-probabilities",
        ),
        (
            ['x={"type": "reject", "max_attempts": 2, "explore": false, "reject_if": [{"similarity_above": 0.9}]}'],
            "similarity of texts",
        ),
        (
            ['x={"type": "parallel", "n": 2, "answer": "number"}'],
            "found and compared by `auto` here; leave `answer` out",
        ),
        (['x={"type": "parallel", "n": 2, "context": {"pad_tokens": 9}}'], "leave `context.pad_tokens` out"),
        (
            ['x={"type": "parallel", "n": 2, "sampling": {"temperature": [0.5, 1.0], "top_k": 5, "max_tokens": 9}}'],
            "leave `sampling.temperature`, `sampling.top_k` out",
        ),
    ],
)
def test_what_cannot_be_played_is_told_with_its_label(words: list[str], told: str) -> None:
    with pytest.raises(PolicyError, match=told):
        named(*words)


def test_what_says_nothing_of_how_to_draw_can_be_played() -> None:
    more = {"answer": "auto", "sampling": {"max_tokens": 9}, "context": {"history": "answers"}, "include": ["texts"]}
    assert list(named("x=" + json.dumps({**SPEC, **more}))) == ["x"]


@pytest.mark.parametrize(
    "text",
    [
        "sequential-1",
        "hybrid-4x1",
        '{"type": "hybrid", "widths": [4]}',
        '{"type": "reject", "max_attempts": 3, "explore": false, "reject_if": ["failed", "duplicate_answer"]}',
    ],
)
def test_what_shows_no_candidate_to_another_can_be_played(text: str) -> None:
    assert list(named(text)) == [text]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("p.json", "{", "p.json: "),
        ("p.json", "[]", "p.json must hold an object with a strategy for each label"),
        ("p.toml", "[[[", "p.toml: "),
        ("p.json", " " * (2**20 + 1), "p.json is longer than 1 MiB"),
        ("p.json", '{"a": 7}', "policy 'a': a strategy is an object or a string"),
    ],
)
def test_a_bad_file_of_policies_is_told(tmp_path: Path, name: str, text: str, told: str) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError, match=told):
        named(f"@{file}")


def test_a_file_of_policies_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"none.json can't be read: No such file"):
        named(f"@{tmp_path}/none.json")


def test_a_policy_that_draws_more_than_was_recorded_is_told(tmp_path: Path) -> None:
    recordings = read_recordings([write(tmp_path / "r.jsonl", line(("1", 5), ("1", 5)))])
    policies = [Policy(label="two", strategy=Parallel(n=2)), Policy(label="three", strategy=Parallel(n=3))]
    check_samples(policies[:1], recordings)
    with pytest.raises(PolicyError, match=r"'three' draws up to 3 samples, and the problem at .*r.jsonl:1 has 2"):
        check_samples(policies, recordings)
