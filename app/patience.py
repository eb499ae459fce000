"""How long the candidates of a run wait for a worker where none is left that could draw them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.stopwatch import Stopwatch
    from app.workers.balancing.base import Draw
    from app.workers.pool import Pool
    from app.workers.worker import Worker


class Patience:
    """Has candidates of one run wait for a worker of `model`, which is no time of the gateway's own: `upstream` runs.

    Each waits as long as requests in the queue do (`Pool.comeback`). Once that was in vain the run is out of patience,
    so that one of many rounds doesn't wait in each of them for a worker that is gone for good.
    """

    def __init__(self, pool: Pool, model: str, upstream: Stopwatch) -> None:
        self._pool = pool
        self._model = model
        self._upstream = upstream
        self._left = True

    async def worker(self, draw: Draw, *, lost: Worker | None = None) -> Worker | None:
        """Return a worker as soon as there is one again; None where none comes in time.

        `lost` is where a call has just failed: where that is no sign of its being down there's nothing to wait for.
        """
        self._upstream.start()
        try:
            if not self._left or (lost and not await self._pool.is_down(lost)):
                return None
            worker = await self._pool.comeback(self._model, draw)
        finally:
            self._upstream.stop()
        self._left = worker is not None
        return worker
