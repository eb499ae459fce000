"""A simulated run: the strategy, board, stop rule and aggregator of a live one, over recorded samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from app.board import Board
from app.job import Job
from app.replay.errors import ReplayError
from app.replay.flight import Flight

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Candidate
    from app.replay.deck import Deck
    from app.strategies.base import Strategy


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a run. `time` is its critical path in generated tokens; `cluster` is the winner's."""

    cluster: int | None
    tokens: int
    time: int
    stopped_by: str | None


class Simulation:
    """Runs one strategy over one deck, as `app.gathering` does over workers."""

    def __init__(self, strategy: Strategy, deck: Deck) -> None:
        self.strategy = strategy
        self.deck = deck
        self._job = Job(
            run_id="replay",
            model="replay",
            messages=[{"role": "user", "content": deck.text}],
            strategy=strategy,
            selected_by="replay",
            arrived=0.0,
            deadline_s=0.0,
        )

    def run(self, order: Sequence[int]) -> Trial:
        """Run over the deck in that order, which has at least as many samples as the strategy draws.

        Raises `ReplayError` where the stop rule breaks.
        """
        strategy = self.strategy
        flight = Flight(self.deck.candidates, order, self._job.max_tokens)
        board = Board(self._job, flight.asked)
        flight.draw(strategy.next(board.history))
        while candidate := flight.next():
            self._take(candidate, board)
            if board.stopped_by:  # what is back at the same moment counts
                while candidate := flight.ready():
                    self._take(candidate, board)
            if board.stopped_by:
                break
            flight.draw(strategy.next(board.history))
        if board.stop_failure:
            raise ReplayError(f"stop rule {strategy.stop.name!r} broke at {self.deck.place}: {board.stop_failure}")
        winner = strategy.aggregator.decide(board.pool).winner if board.pool else None
        return Trial(
            cluster=winner.cluster if winner else None,
            tokens=flight.tokens,
            time=flight.now,
            stopped_by=board.stopped_by,
        )

    def _take(self, candidate: Candidate, board: Board) -> None:
        """Place a candidate that is back on the board, with the reason for which it doesn't count, if there is one."""
        rejection = self.strategy.rejects(candidate, board.finished)
        board.add(replace(candidate, rejection=rejection) if rejection else candidate)
