"""What the demo asks: a few short questions with answers that can be checked, each under every strategy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.strategies.presets import PRESETS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SEED = 14
"""Candidate i of every run is drawn with seed `SEED + i`, so that a run can be repeated."""

TEMPERATURE = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question; `verifier` knows the answer `known`, `spec` holds the fields that it adds to every strategy."""

    title: str
    text: str
    known: str
    verifier: Mapping[str, object]
    max_tokens: int
    spec: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One strategy: its short name, its spec, whether it gets the question's verifier, and what to look at."""

    name: str
    spec: Mapping[str, object]
    hint: str
    verified: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request of the demo."""

    question: Question
    way: Way

    def body(self, model: str) -> dict[str, object]:
        """Return the request's JSON.

        Without its prompt cache, llama.cpp computes the same numbers whatever its slots served before, so that the
        answers don't depend on the order of the requests.
        """
        verifiers = {"verifiers": [self.question.verifier]} if self.way.verified else {}
        return {
            "model": model,
            "messages": [{"role": "user", "content": self.question.text}],
            "strategy": {**self.way.spec, **self.question.spec, **verifiers},
            "seed": SEED,
            "temperature": TEMPERATURE,
            "max_tokens": self.question.max_tokens,
            "cache_prompt": False,
            "stream": True,
            "stream_options": {"include_quorum": True},
        }


def asks(questions: Sequence[Question], ways: Sequence[Way]) -> Iterator[Ask]:
    """Yield every question under every strategy, question by question."""
    return (Ask(question=question, way=way) for question in questions for way in ways)


QUESTIONS = (
    Question(
        title="apples",
        text="Tom has 3 bags with 4 apples in each bag. How many apples does Tom have? Answer in one short sentence.",
        known="12",
        verifier={"type": "math", "answer": "12"},
        max_tokens=40,
    ),
    Question(
        title="ocean",
        text="Which is the largest ocean?\n(A) Atlantic\n(B) Indian\n(C) Arctic\n(D) Pacific\nAnswer with one letter.",
        known="D",
        verifier={"type": "choice", "answer": "D"},
        max_tokens=24,
    ),
    Question(
        title="capital",
        text="What is the capital of Australia? Answer with the name of the city only.",
        known="Canberra",
        verifier={"type": "exact", "answer": "Canberra"},
        max_tokens=24,
        spec={"answer": {"type": "regex", "pattern": r"\bis ([A-Z][a-z]+)"}},
    ),
)

WAYS = (
    Way(
        name="single",
        spec={"type": "single"},
        hint="One sample, passed through: what the others are to be compared with.",
    ),
    Way(
        name="parallel-8",
        spec={"type": "parallel", "n": 8},
        hint="agree: 8 samples vote. can: what was cut off, as the winner was certain before all had ended.",
    ),
    Way(
        name="fast",
        spec=PRESETS["fast"],
        hint="can: cut off once two of 12 agreed, three among options; what ends first may differ from run to run.",
    ),
    Way(
        name="sequential-4",
        spec={"type": "sequential", "rounds": 4},
        hint="copy, sim: each round reads the earlier ones, and tends to repeat them.",
    ),
    Way(
        name="hybrid-2x3",
        spec={"type": "hybrid", "chains": 2, "rounds": 3},
        hint="dist: two chains of three rounds know nothing of each other's errors.",
    ),
    Way(
        name="reject-6",
        spec={"type": "reject", "max_attempts": 6},
        hint="rej: the price of what the verifier refused. (In brackets): it refused all six.",
        verified=True,
    ),
)
