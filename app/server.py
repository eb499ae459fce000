"""An app behind uvicorn: run until a signal, or for as long as a context lasts."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import sys
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import structlog
import uvicorn

from app.protocol import BoundedProtocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from types import FrameType

    from fastapi import FastAPI

BACKLOG = 2_048
GRACE_S = 30
"""Seconds that requests in flight have to finish once the server is told to stop."""

LAST_WORDS_S = 2
"""Seconds that they have to answer once they are cancelled."""

log = structlog.stdlib.get_logger(__name__)


class Server(uvicorn.Server):
    """uvicorn with Quorum's settings, on a socket that listens before anything else is started."""

    def __init__(self, app: FastAPI, listener: socket.socket) -> None:
        self.socket = listener
        self._app = app
        config = uvicorn.Config(
            app,
            loop="uvloop",
            http=BoundedProtocol,
            lifespan="on",
            proxy_headers=False,  # nothing here asks who the client is, or by which scheme it came
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )
        super().__init__(config)

    @property
    def url(self) -> str:
        """Where the server listens."""
        return url_of(self.socket)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, or raise SystemExit; the app's own log line tells why, and uvicorn's stack trace is left out.

        It may come as late as the end of the process, so uvicorn keeps silent after a start that failed.
        """
        logger = logging.getLogger("uvicorn.error")
        level = logger.level
        logger.setLevel(logging.CRITICAL)
        await super().startup(sockets)
        logger.setLevel(level)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Tell that the end is coming, and begin it; a second signal cuts it short."""
        if self.should_exit:
            self.force_exit = True
        else:
            log.info("stopping", requests_have_s=GRACE_S, hint="interrupt again to end at once")
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Turn away those that wait in a queue, and give the others their time to end.

        Where that is cut short, cancel them, let them say so, and end in order.
        """
        if service := getattr(self._app.state, "service", None):
            service.stop()
        await super().shutdown(sockets)
        if self.force_exit:
            running = list(self.server_state.tasks)
            for task in running:
                task.cancel()
            if running:
                await asyncio.wait(running, timeout=LAST_WORDS_S)
            await self.lifespan.shutdown()


class Guest(Server):
    """A server that leaves the signals, and the process's end, to the program around it."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start; RuntimeError where uvicorn would end the process."""
        try:
            await super().startup(sockets)
        except SystemExit as error:
            raise RuntimeError("the server did not start; its log tells why") from error

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture none."""
        yield


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one. Raises OSError where the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)  # noqa: FBT003 - the socket's own signature
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"can't listen at {host}, port {port}: {error.strerror}") from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the address of what listens there."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def announce(listener: socket.socket) -> None:
    """Tell people where the server will answer."""
    url = url_of(listener)
    sys.stdout.write(f"Quorum starts on {url} ; {url}/readyz answers 200 once a model can serve\n")
    sys.stdout.flush()


def spare_collector() -> None:
    """Keep the garbage collector from walking through what was made at the start, and let it look less often.

    Requests make few cycles, yet at Python's own thresholds the collector runs several times in each of them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@asynccontextmanager
async def serving(app: FastAPI, *, host: str = "127.0.0.1", port: int = 0) -> AsyncGenerator[str]:
    """Serve `app` on this event loop while the context lasts; yields its URL once it answers."""
    server = Guest(app, bind(host, port))
    with server.socket:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(server.serve(sockets=[server.socket]))
            while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
            if task.done():
                raise RuntimeError("the server did not start; its log tells why")
            try:
                yield server.url
            finally:
                server.should_exit = True
