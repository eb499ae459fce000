"""One streamed request to a worker, for one candidate or for several siblings."""

from __future__ import annotations

from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, TypeAlias

from app.errors import WorkerGarbageError
from app.workers.completion import Completion
from app.workers.live import LiveChoice
from app.workers.wire import ChunkReader, raw_choices

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from app.workers.client import Client
    from app.workers.wire import Choice, Chunk, ChunkUsage, RawChoice


MAX_ANSWER_BYTES = 256 * 1024 * 1024
"""Bytes that the stream of one completion may take; a hundred thousand tokens with all their log-probabilities fit."""

Watcher: TypeAlias = "Callable[[Sequence[RawChoice]], Awaitable[None]]"
"""Told what each piece of a response adds, while it is generated, thinking apart from text as in a `Reply`.

A slow watcher slows the worker down.
"""


class Call:
    """Draws as many completions as there are `completions`, with one request.

    `completed` is told the position of each completion that ends before the last one does; the others stand in
    `ended` when the response has been read to its end, so that its connection can serve again. `open` holds those
    that have not ended. `spent` is told of tokens as they arrive: first at `first_at`, last at `last_at`, by
    `perf_counter`, and never more than `longest_silence_s` after those before.
    """

    def __init__(
        self,
        *,
        width: int,
        completed: Callable[[int], None],
        spent: Callable[[int], None],
        watcher: Watcher | None = None,
    ) -> None:
        self.completions: Sequence[Completion] = [Completion() for _ in range(width)]
        self.open = set(range(width))
        self.ended: list[int] = []
        self.first_at: float | None = None
        self.last_at: float | None = None
        self.longest_silence_s = 0.0
        self._completed = completed
        self._spent = spent
        self._watcher = watcher
        self._live = [LiveChoice() for _ in range(width)] if watcher else []
        self._unpriced: deque[int] = deque()
        self._told = 0

    async def run(self, client: Client, url: str, body: bytes) -> None:
        """Send the request and gather its answer.

        Raises the subclasses of `CandidateError`; whatever completion is still `open` then has failed of it.
        """
        reader, left = ChunkReader(), MAX_ANSWER_BYTES * len(self.completions)
        try:
            async with client.stream(url, body) as pieces:
                async for data in pieces:
                    left -= len(data)
                    if left < 0:
                        raise WorkerGarbageError("the worker's answer is of unreasonable length")
                    await self._take(reader.feed(data))
                    if reader.done:
                        break
                else:
                    await self._take(reader.finish())
        finally:
            self._settle()
        if self.open:
            raise WorkerGarbageError("the worker's answer ended without a finish_reason")

    async def _take(self, events: Iterator[tuple[Chunk, bytes]]) -> None:
        """Take in the chunks of one piece of the response."""
        seen: list[RawChoice] = []
        for chunk, payload in events:
            choices = chunk.choices or ()
            for choice in choices:
                self._add(choice)
            if chunk.usage is not None:
                self._price(choices, chunk.usage)
            if self._watcher is not None:
                seen += self._revised(raw_choices(payload), choices)
        if self._watcher is not None and seen:
            await self._watcher(seen)
        tokens = self.tokens
        if grown := tokens - self._told:
            self._told = tokens
            self._note_time()
            self._spent(grown)
        if len(self.open) > 1:
            self._tell()

    def _note_time(self) -> None:
        """Put down that tokens have come."""
        now = perf_counter()
        if self.last_at is None:
            self.first_at = now
        else:
            self.longest_silence_s = max(self.longest_silence_s, now - self.last_at)
        self.last_at = now

    def _add(self, choice: Choice) -> None:
        if not 0 <= choice.index < len(self.completions):
            raise WorkerGarbageError(f"the worker sent a choice {choice.index} that was not asked for")
        self.completions[choice.index].add(choice)
        if choice.finish_reason is not None:
            self._unpriced.append(choice.index)

    def _revised(self, raws: list[RawChoice], choices: Sequence[Choice]) -> list[RawChoice]:
        """Return what a watcher is told of `choices`, of which `raws` are the JSON."""
        for raw, choice in zip(raws, choices, strict=True):
            self._live[choice.index].revise(raw, choice)
        return raws

    def _price(self, choices: Sequence[Choice], usage: ChunkUsage) -> None:
        """Book token counts: those of a chunk's own choice, else those of the choice that ended longest ago.

        llama.cpp sends a count of each choice, right after its last chunk and without its index.
        """
        if choices:
            self.completions[choices[0].index].count(usage)
        elif self._unpriced:
            self.completions[self._unpriced.popleft()].count(usage)

    def _tell(self) -> None:
        """Tell of the completions that are complete, but for the last one."""
        for position in [place for place in self.open if self.completions[place].complete]:
            if len(self.open) > 1:
                self.open.discard(position)
                self._completed(position)

    def _settle(self) -> None:
        """Put down the completions that ended, whatever became of the connection afterwards.

        From now on nobody is told of anything, and the owner is let go: a call and an owner that hold each other stay
        in memory until the garbage collector comes by, which halts everything.
        """
        self.ended = [place for place in self.open if self.completions[place].finish_reason is not None]
        self.open.difference_update(self.ended)
        self._completed = self._spent = _tell_nobody
        self._watcher = None

    @property
    def tokens(self) -> int:
        """Completion tokens that have arrived."""
        return sum(completion.tokens for completion in self.completions)


def _tell_nobody(_: int) -> None:
    """Stand in for whoever was told."""
