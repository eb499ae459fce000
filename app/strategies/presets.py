"""The presets that every server knows; one of the configuration that has the same name takes its place."""

from __future__ import annotations

PRESETS: dict[str, dict[str, object]] = {
    "fast": {"type": "parallel", "n": 12, "stop": {"type": "race", "votes": 2}},
    "frugal": {"type": "parallel", "n": 16, "in_flight": 3, "stop": {"type": "race", "votes": 2}},
    "faithful": {"type": "parallel", "n": 16, "stop": {"type": "decided"}},
    "max": {
        "type": "parallel",
        "n": 64,
        "stop": {"type": "any_of", "rules": [{"type": "beta", "confidence": 0.95}, {"type": "finishers", "count": 32}]},
    },
}
"""`fast`: an answer as soon as two agree. `frugal`: few samples at a time, until two agree. `faithful`: the vote of
sixteen, and nothing drawn that can't change it. `max`: as good as samples make it. See docs/stopping.md."""
