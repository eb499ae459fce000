"""A scripted upstream: a real HTTP server in the dialect of an engine, without a model behind it.

    async with Upstream(always(Reply(texts=("4",)))) as upstream:
        ...                                     # send requests to upstream.url
        await upstream.wait_until(lambda seen: seen.in_flight == 0)
        assert upstream.seen[0].body["seed"] == 7

The script is asked once a request and may look at it. A test waits for what it expects with `wait_until`; it never
sleeps. Where there is no event loop, `tests.scripted.hosted` runs the upstream in a thread of its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Self, TypeAlias

import msgspec

from tests.scripted import render
from tests.scripted.actions import Action, Status, refused, status, steps, without_answer
from tests.scripted.call import parse
from tests.scripted.connection import Connection
from tests.scripted.received import Received
from tests.scripted.reply import Reply
from tests.scripted.scripts import always
from tests.scripted.steps import Send
from tests.scripted.vllm import VLLM
from tests.scripted.watchers import Totals, Unwatched, Watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.scripted.actions import Unanswered
    from tests.scripted.connection import Request
    from tests.scripted.dialect import Dialect
    from tests.scripted.playback import Watcher
    from tests.scripted.scripts import Script
    from tests.scripted.steps import Step

    Route: TypeAlias = Status | Callable[[Request], Unanswered]


class Upstream:
    """The server. `script`, `models` and `routes` may be changed at any time.

    `routes` overrides what a path answers, `/v1/models` and `/health` for example: always the same, or by the request.
    `seen` holds the last `keep` chat completion requests, oldest first, `asked` those that a route has answered.
    """

    def __init__(
        self,
        script: Script | None = None,
        *,
        dialect: Dialect | None = None,
        models: tuple[str, ...] = ("scripted",),
        port: int = 0,
        keep: int = 10_000,
    ) -> None:
        self.script = script or always(Reply())
        self.dialect = dialect or VLLM()
        self.models = models
        self.routes: dict[str, Route] = {}
        self.asked: deque[Request] = deque(maxlen=keep)
        self.seen: deque[Received] = deque(maxlen=keep)
        self.totals = Totals()
        self.port = port
        self.connections: set[Connection] = set()
        self._opened = 0
        self._server: asyncio.Server | None = None
        self._waiting: list[tuple[Callable[[Upstream], bool], asyncio.Future[None]]] = []
        self._failures: list[Exception] = []

    @property
    def url(self) -> str:
        """The address, without a path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def in_flight(self) -> int:
        """How many answers are going on now."""
        return self.totals.in_flight

    async def start(self) -> None:
        """Listen; after a `stop`, on the same port as before."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), "127.0.0.1", self.port, backlog=4096)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and drop every connection."""
        if self._server:
            self._server.close()
            for connection in tuple(self.connections):
                connection.abort()
            await self._server.wait_closed()
        await self.wait_until(lambda upstream: not upstream.connections)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()
        if self._failures:
            raise ExceptionGroup("The script failed.", self._failures)

    async def wait_until(self, predicate: Callable[[Upstream], bool], timeout_s: float = 10.0) -> None:
        """Return once `predicate` holds; raises `TimeoutError` where it doesn't in time.

        It is asked again whenever a request arrives, something is sent, an answer ends or a connection closes.
        """
        if predicate(self):
            return
        held: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (predicate, held)
        self._waiting.append(entry)
        try:
            async with asyncio.timeout(timeout_s):
                await held
        finally:
            self._waiting.remove(entry)

    def opened(self, connection: Connection) -> int:
        """Note a new connection and return its number."""
        self.connections.add(connection)
        self._opened += 1
        return self._opened - 1

    def closed(self, connection: Connection) -> None:
        """Note that a connection is gone."""
        self.connections.discard(connection)
        self.changed()

    def answer(self, request: Request) -> tuple[Iterable[Step], Watcher]:
        """Return what to do with `request`."""
        path = request.path.partition("?")[0]
        override = self.routes.get(path)
        if override:
            self.asked.append(request)
            action = override(request) if callable(override) else override
            return without_answer(action, self.dialect), Unwatched()
        if (request.method, path) == ("POST", "/v1/chat/completions"):
            return self._generate(request)
        return [Send(self._page(request.method, path))], Unwatched()

    def changed(self) -> None:
        """Ask the predicates again."""
        for predicate, held in self._waiting:
            if not held.done() and predicate(self):
                held.set_result(None)

    def _page(self, method: str, path: str) -> bytes:
        match method, path:
            case "GET", "/v1/models":
                return render.whole(self.dialect, 200, msgspec.json.encode(self.dialect.models(self.models)))
            case "GET", "/health":
                return render.whole(self.dialect, 200, self.dialect.health)
            case "GET", "/metrics":
                text = self.dialect.metrics(self.in_flight).encode()
                return render.whole(self.dialect, 200, text, "text/plain; version=0.0.4")
            case "GET", "/scripted/totals":
                return render.whole(self.dialect, 200, msgspec.json.encode(self.totals))
            case _:
                return status(Status(status=404, message="Not Found"), self.dialect)

    def _generate(self, request: Request) -> tuple[Iterable[Step], Watcher]:
        try:
            call, seed = parse(request.body)
        except msgspec.MsgspecError as error:
            return [Send(status(Status(status=400, message=str(error)), self.dialect))], Unwatched()
        received = Received(
            number=self.totals.requests,
            connection=request.connection,
            headers=request.headers,
            raw=request.body,
            call=call,
            seed=seed,
        )
        action = self._action(received)
        watcher = Watched(received, self.totals, self.changed)
        self.seen.append(received)
        self.changed()
        return steps(action, call, self.dialect), watcher

    def _action(self, received: Received) -> Action:
        refusal = self.dialect.refusal(received.call, self.models)
        if refusal:
            return refused(refusal.status, refusal.error)
        try:
            return self.script(received)
        except Exception as error:  # noqa: BLE001 - the script is the test's own: its failure is raised at the end
            self._failures.append(error)
            return Status(message=f"The script failed: {error!r}")
