"""The policies that `--strategies frontier` names: the table of docs/replay.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def _parallel(n: int, stop: str | dict[str, object], **more: object) -> dict[str, object]:
    return {"type": "parallel", "n": n, "stop": stop, **more}


_BETA: dict[str, object] = {"type": "beta", "confidence": 0.95}


def _race(votes: int) -> dict[str, object]:
    return {"type": "race", "votes": votes}


def _finishers(count: int) -> dict[str, object]:
    return {"type": "finishers", "count": count}


FRONTIER: Mapping[str, str | dict[str, object]] = {
    "one sample": "single",
    "SC@4": _parallel(4, "none"),
    "SC@8": _parallel(8, "none"),
    "SC@16": _parallel(16, "none"),
    "SC@32": _parallel(32, "none"),
    "SC@64": _parallel(64, "none"),
    "decided, 16": _parallel(16, "decided"),
    "beta .95, waves of 8 up to 64": _parallel(64, _BETA, wave=8),
    "beta .95, 16 in flight up to 64": _parallel(64, _BETA, in_flight=16),
    "window 4, up to 32": _parallel(32, {"type": "window", "size": 4}, wave=4),
    "first 4 of 8": _parallel(8, _finishers(4)),
    "first 8 of 16": _parallel(16, _finishers(8)),
    "race 2 of 8": _parallel(8, _race(2)),
    "race 2 of 12": _parallel(12, _race(2)),
    "race 2 of 16": _parallel(16, _race(2)),
    "race 3 of 16": _parallel(16, _race(3)),
    "race 2 of 16, waves of 2, 2, 4, 8": _parallel(16, _race(2), wave=[2, 2, 4, 8]),
    "race 2 of 16, 4 in flight": _parallel(16, _race(2), in_flight=4),
    "race 2 of 16, 8 in flight": _parallel(16, _race(2), in_flight=8),
    "64 capped at 20,000, beta .95 or 32": _parallel(
        64,
        {"type": "any_of", "rules": [_BETA, _finishers(32)]},
        max_completion_tokens_per_candidate=20_000,
    ),
}
"""Specs by label. The first is no vote at all; the rest are parallel samples under one stop rule each."""
