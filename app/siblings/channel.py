"""Questions between the processes of one server, over HTTP on sockets that nobody else can open."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

import aiohttp
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from app.siblings.place import Place

Answer: TypeAlias = "Callable[[str], Awaitable[bytes | None]]"

ANSWER_S = 1.0
"""Seconds that a sibling has for its answer; one that is frozen or just starting has none."""

CLOSE_S = 1.0
OK, NOTHING = 200, 404


class Channel:
    """Answers the siblings of the process at `place`, and asks them."""

    def __init__(self, place: Place, *, answer_s: float = ANSWER_S) -> None:
        self.place = place
        self._answer_s = answer_s

    @asynccontextmanager
    async def answering(self, answers: Mapping[str, Answer]) -> AsyncGenerator[None]:
        """Answer while the context lasts: a question is one of the names in `answers`, and a text."""
        app = web.Application()
        for name, answer in answers.items():
            app.router.add_get(f"/{name}", _handler(answer))
        path = self.place.socket(self.place.index)
        path.unlink(missing_ok=True)  # of a process that ended here before
        runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=CLOSE_S)
        await runner.setup()
        try:
            await web.UnixSite(runner, str(path)).start()
            yield
        finally:
            await runner.cleanup()

    async def ask(self, name: str, text: str = "") -> dict[int, bytes | None]:
        """Return what each sibling answers, by its number; None where it knows nothing. One that fails is left out."""
        async with asyncio.TaskGroup() as group:
            tasks = {index: group.create_task(self._ask(index, name, text)) for index in self.place.others}
        return {index: answer[0] for index, task in tasks.items() if (answer := task.result()) is not None}

    async def _ask(self, index: int, name: str, text: str) -> tuple[bytes | None] | None:
        """Return a sibling's answer, in a tuple; None where it has none in time."""
        connector = aiohttp.UnixConnector(path=str(self.place.socket(index)))
        try:
            async with (
                asyncio.timeout(self._answer_s),
                aiohttp.ClientSession(connector=connector) as session,
                session.get(f"http://sibling/{name}", params={"text": text}) as response,
            ):
                if response.status == NOTHING:
                    return (None,)
                response.raise_for_status()
                return (await response.read(),)
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None


def _handler(answer: Answer) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        said = await answer(request.query["text"])
        return web.Response(status=NOTHING) if said is None else web.Response(body=said)

    return handle
