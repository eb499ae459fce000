"""The pace at which a worker speaks."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SPACING_S = 0.02
"""Seconds between two pieces of one completion, at least: more of them would keep the machine busy with speaking."""


async def spoken(tokens: int, *, rate: float, at_once: int, ended: asyncio.Event) -> AsyncIterator[tuple[int, int]]:
    """Yield (start, end) of each piece of a completion as it is due, at `rate` tokens a second, until `ended`.

    A piece has `at_once` tokens, or more where they come faster than pieces may, or the machine was late.
    """
    loop = asyncio.get_running_loop()
    begun = loop.time()
    step = max(at_once, ceil(rate * SPACING_S))
    said = 0
    while said < tokens:
        end = min(tokens, said + step)
        with suppress(TimeoutError):
            async with asyncio.timeout_at(begun + end / rate):
                await ended.wait()
                return
        end = min(tokens, max(end, int((loop.time() - begun) * rate)))
        yield said, end
        said = end
