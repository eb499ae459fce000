from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from app.aliases import AliasCheck
from app.workers.client import HttpClient
from app.workers.pool import Pool
from app.workers.worker import Worker
from tests.scripted.upstream import Upstream
from tests.stage import MODEL, staged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LOST = {"fast": MODEL, "lost": "nothing", "also": "gone"}
QUICK_S = 0.02


async def told(check: AliasCheck, logs: Sequence[Mapping[str, Any]], *, times: int) -> list[tuple[object, object]]:
    """Return alias and model of the warnings, once there are so many; pytest's time-out ends the waiting."""
    async with check.kept():
        while len(warnings(logs)) < times:  # noqa: ASYNC110 - a log has no event for it
            await asyncio.sleep(QUICK_S)
    return warnings(logs)


def warnings(logs: Sequence[Mapping[str, Any]]) -> list[tuple[object, object]]:
    return [(entry["alias"], entry["model"]) for entry in logs if entry["event"] == "alias of no model"]


def test_aliases_of_no_model_are_named_once_the_workers_are_known_and_again_for_new_ones() -> None:
    async def scenario() -> None:
        with capture_logs() as logs:
            async with AsyncExitStack() as stack:
                upstream = await stack.enter_async_context(Upstream(models=(MODEL,)))
                client = await stack.enter_async_context(HttpClient(connect_s=5.0, idle_s=5.0))
                worker = Worker(id="w0", locate=lambda: upstream.url)
                pool = Pool([worker], client, probe_s=QUICK_S, aliases=LOST)
                check = AliasCheck(pool, LOST)
                async with asyncio.TaskGroup() as group:
                    waiting = group.create_task(told(check, logs, times=2))
                    await asyncio.sleep(QUICK_S)
                    assert not logs
                    await stack.enter_async_context(pool.watched())
                assert waiting.result() == [("lost", "nothing"), ("also", "gone")]
                pool.rename({"new": "none"})
                check.look_at({"new": "none"})
                assert (await told(check, logs, times=3))[2:] == [("new", "none")]

    asyncio.run(scenario())


@pytest.mark.parametrize("strategy", [None, "parallel-2"])
def test_a_request_for_one_is_told_what_it_means(strategy: str | None) -> None:
    with staged(aliases=LOST) as stage:
        for response in (stage.ask(strategy, model="lost"), stage.client.get("/v1/models/lost")):
            assert (response.status_code, response.json()["error"]["code"]) == (404, "model_not_found")
            assert "'lost' is an alias of 'nothing', a model that no worker serves" in response.text
        assert stage.ask(strategy, model="fast").status_code == 200


def test_while_no_worker_can_serve_an_alias_is_not_to_blame() -> None:
    with staged(aliases=LOST, models=()) as stage:
        assert stage.ask(model="lost").json()["error"]["code"] == "no_worker"
