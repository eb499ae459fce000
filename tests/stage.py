"""A real gateway in front of a scripted upstream, each on an event loop of its own, for tests to talk to."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

import httpx2
import uvloop

from app.main import create_app
from app.offload import Offload
from app.server import serving
from app.settings.settings import Settings
from tests.scripted.hosted import hosted
from tests.scripted.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from tests.scripted.actions import Action, Status
    from tests.scripted.dialect import Dialect
    from tests.scripted.hosted import Hosted
    from tests.scripted.received import Received
    from tests.scripted.scripts import Script

MODEL = "scripted"
QUESTION = {"model": MODEL, "messages": [{"role": "user", "content": "What is 6 x 7?"}]}


class Stage:
    """The gateway at `url` and the upstream behind it."""

    def __init__(self, worker: Hosted, url: str) -> None:
        self.worker = worker
        self.url = url
        self.client = httpx2.Client(base_url=url, timeout=30)

    def play(self, script: Script) -> None:
        """Let the upstream follow `script`, counting requests from 0 again, and forget what it has seen."""
        self.worker.wait_until(lambda upstream: upstream.in_flight == 0)
        numbers = itertools.count()

        def renumbered(received: Received) -> Action:
            received.number = next(numbers)
            return script(received)

        self.worker.upstream.script = renumbered
        self.worker.upstream.seen.clear()

    def wait_ready(self, timeout_s: float = 10.0) -> None:
        """Return once the gateway has found the worker; raises `TimeoutError` where it doesn't in time."""
        limit = time.monotonic() + timeout_s
        while self.client.get("/readyz").status_code != 200:
            if time.monotonic() > limit:
                raise TimeoutError("the gateway doesn't find its worker")
            time.sleep(0.02)

    @property
    def seen(self) -> list[Received]:
        """The requests that the upstream got since `play`."""
        return list(self.worker.upstream.seen)

    def ask(self, strategy: object = None, **fields: object) -> httpx2.Response:
        """Ask the gateway; `fields` join the request's body."""
        body = {**QUESTION, **({} if strategy is None else {"strategy": strategy}), **fields}
        return self.client.post("/v1/chat/completions", json=body)

    def answer(self, strategy: object = None, **fields: object) -> dict[str, Any]:
        """Ask, and return the body of the answer, which must be a good one."""
        response = self.ask(strategy, **fields)
        assert response.status_code == 200, response.text
        return response.json()


@contextmanager
def staged(
    dialect: Dialect | None = None,
    *,
    routes: Mapping[str, Status] | None = None,
    workers_beside: Sequence[str] = (),
    models: tuple[str, ...] = (MODEL,),
    **settings: object,
) -> Generator[Stage]:
    """Run an upstream, with other `routes` than completions, and before it a gateway with these settings."""
    upstream = Upstream(dialect=dialect, models=models)
    upstream.routes.update(routes or {})
    with hosted(upstream) as worker:
        chosen = Settings.model_validate({"workers": [worker.url, *workers_beside], **settings})
        with gateway(chosen) as url:
            stage = Stage(worker, url)
            yield stage
            stage.client.close()


@contextmanager
def gateway(settings: Settings) -> Generator[str]:
    """Run a gateway in a thread while the context lasts; yields its URL.

    Its processes for heavy work start once there is some: most tests have none, and starting them takes a second.
    """
    started: Future[str] = Future()
    ended = threading.Event()

    async def main() -> None:
        async with serving(create_app(settings)) as url:
            started.set_result(url)
            await asyncio.to_thread(ended.wait)

    def run() -> None:
        try:
            uvloop.run(main())
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=run, name="gateway")
    try:
        with mock.patch.object(Offload, "warm"):
            thread.start()
            url = started.result(timeout=30)
        yield url
    finally:
        ended.set()
        thread.join()


def wait_for(true: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Return once it is `true`; fails where it isn't in time."""
    limit = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.02)


def metric(stage: Stage, name: str) -> float:
    """Return the sum of the gateway's series whose line begins with `name`."""
    lines = stage.client.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


def events(response: httpx2.Response) -> Iterator[str]:
    """Yield the lines of a stream of events that aren't empty."""
    return (line for line in response.iter_lines() if line)
