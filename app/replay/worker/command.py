"""The command `quorum replay-worker`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec

from app.replay.recording import read_recordings
from app.replay.worker.dealer import Dealer
from app.replay.worker.pace import Pace
from app.replay.worker.service import ReplayWorker
from app.server import Server, bind, url_of
from app.telemetry.logs import configure_logging

if TYPE_CHECKING:
    from pathlib import Path

GRACE_S = 2.0
"""Seconds that completions have to be cut off when the server ends."""


class WorkerRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asks for; `model` is None where the file's name is to be the model's."""

    file: Path
    host: str
    port: int
    tokens_per_second: float
    speedup: float
    seed: int
    model: str | None


def run_replay_worker(request: WorkerRequest) -> int:
    """Serve until SIGINT or SIGTERM; requests under way end with it. Raises `RecordingError` and `OSError`."""
    configure_logging("warning")
    recordings = read_recordings([request.file])
    model = request.model or request.file.name.partition(".jsonl")[0]
    pace = Pace(tokens_per_second=request.tokens_per_second, speedup=request.speedup)
    worker = ReplayWorker(Dealer(recordings, seed=request.seed), model=model, pace=pace)
    with bind(request.host, request.port) as listener:
        server = Server(worker.app(), listener, grace_s=GRACE_S)
        what = f"{len(recordings)} problems as model {model!r}, {pace.rate:g} tokens a second each"
        sys.stdout.write(f"Replay worker on {url_of(listener)} ; {what}\n")
        sys.stdout.flush()
        server.run(sockets=[listener])
    return 0 if server.started else 1
