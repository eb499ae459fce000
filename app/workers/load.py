"""How busy a worker is, as far as a gateway can know."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Load:
    """What a worker has to do.

    Of ours: `in_flight` candidates being drawn, which may take `outstanding` tokens in all. By its own account, over
    all who use it: `running` and `waiting` requests, and `kv_usage`, the share of its KV cache that is taken, 0..1.
    `elsewhere` are the tokens that other gateway processes say they have outstanding there. `pieces` counts the pieces
    of answers that have come from it: a worker that is busy for us and sends none for long is frozen.
    """

    in_flight: int = 0
    outstanding: int = 0
    running: int = 0
    waiting: int = 0
    kv_usage: float = 0.0
    elsewhere: int = 0
    pieces: int = 0

    def begin(self, candidates: int, tokens: int) -> None:
        """Note that so many candidates are drawn, of so many tokens each at most."""
        self.in_flight += candidates
        self.outstanding += candidates * tokens

    def end(self, candidates: int, tokens: int) -> None:
        """Note that they have ended."""
        self.in_flight -= candidates
        self.outstanding -= candidates * tokens
