from __future__ import annotations

import asyncio

from app.patience import Patience
from app.stopwatch import Stopwatch
from app.workers.balancing.base import Draw
from app.workers.client import HttpClient
from app.workers.pool import Pool

WAIT_S = 1.0


def test_a_run_waits_in_vain_only_once_and_that_is_upstreams_time() -> None:
    async def scenario() -> None:
        pool = Pool([], HttpClient(connect_s=1.0, idle_s=1.0), probe_s=60.0, no_worker_wait_s=WAIT_S)
        upstream = Stopwatch()
        patience = Patience(pool, "m", upstream)
        async with asyncio.TaskGroup() as group:
            together = [group.create_task(patience.worker(Draw())) for _ in range(2)]
        assert [waited.result() for waited in together] == [None, None]
        assert upstream.seconds >= WAIT_S
        before = upstream.seconds
        assert await patience.worker(Draw()) is None
        assert upstream.seconds - before < WAIT_S

    asyncio.run(scenario())
