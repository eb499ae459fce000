from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from app.replay.recording import read_recordings
from app.replay.worker.dealer import Dealer
from app.replay.worker.pace import Pace
from app.replay.worker.service import ReplayWorker
from app.server import serving
from tests.hosting import running
from tests.replay.recorded import line, write

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from pathlib import Path

MODEL = "recorded"

_SAYS, _CUT = "It is \\boxed{4}.", "Let us see: 3 and 1 are"
TEXTS: dict[str, Any] = {
    "id": "p4",
    "problem": "What is 2 + 2?",
    "answer": "4",
    "samples": [
        {"text": _SAYS, "completion_tokens": 10},
        {"text": _SAYS, "answer": None, "completion_tokens": 11},
        {"text": _SAYS, "answer": "5", "completion_tokens": 12},
        {"text": _SAYS, "answer": 4, "completion_tokens": 13},
        {"text": "", "answer": "4", "completion_tokens": 14},
        {"text": _CUT, "answer": "ERR", "completion_tokens": 15},
        {"text": "", "completion_tokens": 16},
    ],
}
"""A problem whose samples have a text, an answer, or both, alike or not."""


class Served:
    """A replay worker and where it listens."""

    def __init__(self, worker: ReplayWorker, url: str) -> None:
        self.worker = worker
        self.url = url
        self.client = httpx2.Client(base_url=url, timeout=30)

    def ask(self, question: str, **fields: object) -> httpx2.Response:
        """Ask for a completion."""
        body = {"model": MODEL, "messages": [{"role": "user", "content": question}], **fields}
        return self.client.post("/v1/chat/completions", json=body)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A worker that speaks 100,000 tokens a second, and knows four problems."""
    text = {"text": "<think>\nsix sevens\n</think>\n\nIt is \\boxed{42}.", "completion_tokens": 9}
    recordings = read_recordings(
        [
            write(
                tmp_path / "r.jsonl",
                {"id": "p1", "problem": "What is 6 x 7?", "answer": "42", "samples": [text]},
                line(("1", 50), ("2", 60), (None, 70), name="p2"),
                TEXTS,
                {"id": "p3", "problem": "Slow?", "answer": "1", "samples": [{"answer": 1, "completion_tokens": 10**9}]},
            )
        ]
    )

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Served]:
        worker = ReplayWorker(Dealer(recordings, seed=3), model=MODEL, pace=Pace(tokens_per_second=100_000.0))
        async with serving(worker.app()) as url:
            yield Served(worker, url)

    with running(opened) as one:
        yield one
        one.client.close()
