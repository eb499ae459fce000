"""Runs vLLM, has it known to gateways while it serves, and ends it in good order."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from app.worker.probe import Probe
from app.worker.process import started
from app.worker.signals import asked_to_end

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from app.worker.plan import Plan
    from app.worker.process import Vllm
    from app.worker.signals import Asked

    Announce = Callable[[tuple[str, ...]], AbstractAsyncContextManager[object]]

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How often vLLM is asked how it is: every `every_s`; after `failures` bad answers in a row it hangs.

    `grace_s` is how long, beyond its own shutdown time-out, it may take to end.
    """

    every_s: float = 2.0
    timeout_s: float = 5.0
    failures: int = 3
    grace_s: float = 10.0


class Supervisor:
    """Runs the vLLM of `plan` once.

    While it serves, `announce` holds: a context that is given the models, entered once `/health` and `/v1/models`
    answer and left as soon as vLLM hangs, dies, or shall end.
    """

    def __init__(self, plan: Plan, announce: Announce = nullcontext, *, rhythm: Rhythm | None = None) -> None:
        self._plan = plan
        self._announce = announce
        self._rhythm = rhythm or Rhythm()
        self._served = False

    async def run(self) -> int:
        """Run until vLLM ends or a signal comes; return the status for this process to exit with."""
        plan = self._plan
        with asked_to_end() as asked:
            patience_s = plan.shutdown_timeout_s + self._rhythm.grace_s
            async with started(plan.command, patience_s=patience_s) as vllm:
                log.info("vLLM starts", pid=vllm.pid, model=plan.model, url=plan.own_url)
                status = await self._while_announced(vllm, asked)
                return await self._stop(vllm, asked) if status is None else status

    async def _while_announced(self, vllm: Vllm, asked: Asked) -> int | None:
        """Keep vLLM announced until it ends, with this status, or until the end is asked for."""
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(self._serve())
            ended = group.create_task(vllm.ended())
            ending = group.create_task(asked.once.wait())
            insisting = group.create_task(asked.twice.wait())
            await asyncio.wait({serving, ended, ending}, return_when=asyncio.FIRST_COMPLETED)
            status = ended.result() if ended.done() else None
            serving.cancel()
            await asyncio.wait({serving, insisting}, return_when=asyncio.FIRST_COMPLETED)
            if insisting.done():  # while Redis was slow to take the lease back
                await vllm.kill()
            for task in (ended, ending, insisting):
                task.cancel()
        if status is not None:
            log.error("vLLM ended by itself", status=status, served=self._served, hint="its output above tells why")
        return status

    async def _serve(self) -> None:
        """Announce vLLM whenever it serves, until cancelled."""
        probe = Probe(self._plan.own_url, self._plan.flags, timeout_s=self._rhythm.timeout_s)
        try:
            while True:
                models = await self._until_serving(probe)
                self._served = True
                log.info("vLLM serves", models=models, url=self._plan.announced.url)
                async with self._announce(models):
                    await self._until_hanging(probe)
                log.warning(
                    "vLLM hangs", failures=self._rhythm.failures, hint="no gateway is sent here until it answers"
                )
        finally:
            await probe.close()

    async def _until_serving(self, probe: Probe) -> tuple[str, ...]:
        """Return the models as soon as the server is well and tells of any; loading them may take very long."""
        while True:
            if await probe.healthy() and (models := await probe.models()):
                return models
            await asyncio.sleep(self._rhythm.every_s)

    async def _until_hanging(self, probe: Probe) -> None:
        """Return once the server has failed several times in a row."""
        failures = 0
        while failures < self._rhythm.failures:
            await asyncio.sleep(self._rhythm.every_s)
            failures = 0 if await probe.healthy() else failures + 1

    async def _stop(self, vllm: Vllm, asked: Asked) -> int:
        """End vLLM; return 0 where it ended by itself."""
        log.info("stopping", requests_have_s=self._plan.shutdown_timeout_s, hint="interrupt again to kill it at once")
        if await vllm.stop(asked.twice):
            return 0
        if asked.twice.is_set():
            log.warning("vLLM is killed", reason="a second signal came")
            return 128 + asked.by
        log.warning("vLLM is killed", reason="it didn't end in time")
        return 1
