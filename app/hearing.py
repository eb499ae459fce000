"""What the client of a live job hears of its candidates while they are drawn: of each, one attempt only."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.drawing import Attempt, Drawing
    from app.workers.call import Watcher
    from app.workers.wire import RawChoice


class Hearing:
    """Tells a run's watcher what attempts say, of candidates in place of choices; `under_way` has these by their index.

    What an attempt says is handed on unless another one has been heard before: that one's words can't be taken back.
    """

    def __init__(self, watcher: Watcher, under_way: Mapping[int, Drawing]) -> None:
        self._watcher = watcher
        self._under_way = under_way

    def of(self, attempt: Attempt) -> Watcher:
        """Return the watcher of one attempt."""

        async def watch(choices: Sequence[RawChoice]) -> None:
            heard = [choice for choice in choices if self._hears(attempt, choice.index)]
            for choice in heard:
                choice.index = attempt.draft.members[choice.index].index
            if heard:
                await self._watcher(heard)

        return watch

    def _hears(self, attempt: Attempt, position: int) -> bool:
        """Whether the client is to be told what an attempt says; with its first words its rivals have lost."""
        drawing = self._under_way.get(attempt.draft.members[position].index)
        if drawing is None or drawing.heard not in {None, attempt}:
            return False
        if drawing.heard is None and attempt.call.completions[position].tokens:
            drawing.heard = attempt
            drawing.keep_only(attempt)
        return True
