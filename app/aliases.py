"""Aliases that lead to a model which nobody serves: told of in the log, and to whoever asks for one."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from app.errors import ModelNotFoundError
from app.side_by_side import meanwhile
from app.workers.worker import MAX_NAMES, NOT_ASKED

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from app.workers.pool import Pool

LOOK_S = 0.5
"""Seconds between two looks at whether the workers have been asked."""

HINT = "workers that are down may serve it; else correct the setting aliases"

log = structlog.stdlib.get_logger(__name__)


def model_of(name: str, pool: Pool) -> str:
    """Return the model that `name` means. Raises `ModelNotFoundError` for the alias of one that nobody serves."""
    model = pool.resolve(name)
    if model != name and pool.ready and not pool.knows(name):
        raise ModelNotFoundError(f"{name!r} is an alias of {model!r}, a model that no worker serves", param="model")
    return model


class AliasCheck:
    """Names such aliases in the log: once when the workers have been asked, and again for each new set of aliases."""

    def __init__(self, pool: Pool, aliases: Mapping[str, str]) -> None:
        self._pool = pool
        self._aliases = aliases
        self._due = asyncio.Event()
        self._due.set()

    def look_at(self, aliases: Mapping[str, str]) -> None:
        """Look at these once the workers that are known by now have been asked; call it on the event loop."""
        self._aliases = aliases
        self._due.set()

    @asynccontextmanager
    async def kept(self) -> AsyncGenerator[None]:
        """Look whenever it is due, for as long as the context lasts."""
        async with meanwhile(self._look()):
            yield

    async def _look(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            while not self._all_asked():  # noqa: ASYNC110 - a pool has no event for it
                await asyncio.sleep(LOOK_S)
            self._tell()

    def _all_asked(self) -> bool:
        workers = self._pool.workers
        return self._pool.ready and all(worker.up or worker.problem != NOT_ASKED for worker in workers)

    def _tell(self) -> None:
        served = sorted(set(self._pool.models()) - set(self._aliases))[:MAX_NAMES]
        for alias, model in self._aliases.items():
            if not self._pool.knows(alias):
                log.warning("alias of no model", alias=alias, model=model, served=served, hint=HINT)
