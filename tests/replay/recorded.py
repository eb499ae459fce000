"""Recordings for tests, written by them."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

from app.candidates import Answer, Candidate, Usage
from app.replay.deck import Deck

if TYPE_CHECKING:
    from pathlib import Path

    from app.strategies.base import Strategy

QUESTION = "How many apples are there?"


def line(
    *samples: tuple[object, int], answer: object = "1", name: str = "p", question: str = QUESTION
) -> dict[str, object]:
    """Return a problem whose samples have these answers and lengths."""
    drawn = [{"answer": given, "completion_tokens": tokens} for given, tokens in samples]
    return {"id": name, "problem": question, "answer": answer, "samples": drawn}


def write(file: Path, *lines: object) -> Path:
    """Write a recording, zipped where the file's name says so."""
    text = "".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in lines).encode()
    file.write_bytes(gzip.compress(text) if file.suffix == ".gz" else text)
    return file


def deck(*samples: tuple[str | None, int], right: str = "A", problem: str = QUESTION) -> Deck:
    """Return a deck of samples with these answers, None for none, and lengths."""
    numbers = {given: number for number, given in enumerate(dict.fromkeys(given for given, _ in samples if given))}
    candidates = [
        Candidate(
            index=index,
            finish_reason="stop",
            usage=Usage(completion=tokens),
            answer=Answer(kind="text", text=given, key=given) if given else None,
            cluster=numbers[given] if given else None,
        )
        for index, (given, tokens) in enumerate(samples)
    ]
    clusters = {numbers[right]} if right in numbers else set[int]()
    return Deck(place="test:1", text=problem, candidates=tuple(candidates), right=frozenset(clusters), undecided=0)


def spec(strategy: Strategy) -> str:
    """Return a strategy as the command line takes it."""
    return json.dumps(strategy.spec)
