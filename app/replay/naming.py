"""How policies are named on the command line: short forms, presets, specs, files of them, and `frontier`."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec

from app.api.selection import Selector
from app.errors import InvalidStrategyError
from app.replay.errors import PolicyError
from app.replay.frontier import FRONTIER
from app.replay.policy import Policy, check_policy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LABELLED = re.compile(r"(?P<label>[^={]+)=(?P<spec>.+)", re.DOTALL)
MAX_FILE_BYTES = 2**20


def read_policies(words: Sequence[str], presets: Mapping[str, object]) -> list[Policy]:
    """Return the policies that `words` name, each under a label of its own.

    A word is one of these, or several of them without braces, separated by commas; `LABEL=` may stand before the
    first two: a short form or preset (`parallel-8`), a spec in JSON (`{"type": ...}`), `frontier`, and `@FILE`, a JSON
    or TOML file that gives a strategy for each label. Raises `PolicyError`, and `InvalidStrategyError` where the
    presets are wrong.
    """
    selector = Selector(default="single", presets=presets)
    policies = [_policy(label, spec, selector) for word in words for label, spec in _listed(word)]
    if not policies:
        raise PolicyError("name at least one strategy")
    labels = [policy.label for policy in policies]
    if twice := next((label for label in labels if labels.count(label) > 1), None):
        raise PolicyError(f"two policies are called {twice!r}; write LABEL=STRATEGY to tell them apart")
    return policies


def _policy(label: str, spec: object, selector: Selector) -> Policy:
    try:
        policy = Policy(label=label, strategy=selector.read(spec))
    except InvalidStrategyError as error:
        raise PolicyError(f"policy {label!r}: {error.message}") from error
    check_policy(policy)
    return policy


def _listed(word: str) -> Iterator[tuple[str, object]]:
    """Yield label and strategy of each policy that the word names."""
    for part in [word] if "{" in word else [part.strip() for part in word.split(",")]:
        if part.startswith("@"):
            yield from _from_file(Path(part[1:])).items()
        elif part == "frontier":
            yield from FRONTIER.items()
        elif part:
            yield _labelled(part)


def _labelled(text: str) -> tuple[str, object]:
    match = LABELLED.fullmatch(text)
    label, spec = (match["label"].strip(), match["spec"].strip()) if match else (text, text)
    if not spec.startswith("{"):
        return label, spec
    try:
        return label, msgspec.json.decode(spec)
    except (msgspec.DecodeError, RecursionError) as error:
        raise PolicyError(f"policy {label!r}: {error}") from error


def _from_file(file: Path) -> dict[str, object]:
    """Return the strategies of a file, by label."""
    try:
        with file.open("rb") as opened:
            text = opened.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise PolicyError(f"{file} can't be read: {error.strerror or error}") from error
    if len(text) > MAX_FILE_BYTES:
        raise PolicyError(f"{file} is longer than {MAX_FILE_BYTES // 2**20} MiB")
    try:
        read = tomllib.loads(text.decode()) if file.suffix == ".toml" else msgspec.json.decode(text)
    except (msgspec.DecodeError, tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PolicyError(f"{file}: {error}") from error
    if not isinstance(read, dict):
        raise PolicyError(f"{file} must hold an object with a strategy for each label")
    return cast("dict[str, object]", read)
