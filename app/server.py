"""An app behind uvicorn: run until a signal, or for as long as a context lasts."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import signal
import socket
import sys
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, cast

import structlog
import uvicorn

from app.hangup import take_hangups
from app.protocol import BoundedProtocol
from app.settings.reading import ConfigurationError, NoFileError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from types import FrameType

    from fastapi import FastAPI

    from app.settings.settings import Settings

BACKLOG = 2_048
GRACE_S = 30.0
"""Seconds that requests in flight have to finish where nothing else is said."""

KEPT_S = 75
"""Seconds that an idle connection is kept: longer than clients (httpx: 5 s) and load balancers (mostly 60 s) keep
theirs. Whoever closes second may send a request into a connection that is being closed, and sees it reset."""

LAST_WORDS_S = 2
"""Seconds that they have to answer once they are cancelled."""

LOOK_S = 0.1
"""Seconds between two looks at whether requests may still finish."""

log = structlog.stdlib.get_logger(__name__)


class Server(uvicorn.Server):
    """uvicorn with Quorum's settings, on a socket that listens before anything else is started.

    Requests in flight have `grace_s` seconds once it is told to end. At SIGHUP it lets the app take in what `read`
    returns, the configuration as it is now.
    """

    def __init__(
        self,
        app: FastAPI,
        listener: socket.socket,
        *,
        grace_s: float = GRACE_S,
        read: Callable[[], Settings] | None = None,
    ) -> None:
        self.socket = listener
        self._app = app
        self._grace_s = grace_s
        self._read = read
        self._reload_due = False
        config = uvicorn.Config(
            app,
            loop="uvloop",
            http=BoundedProtocol,
            lifespan="on",
            proxy_headers=False,  # nothing here asks who the client is, or by which scheme it came
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEPT_S,
            timeout_graceful_shutdown=LAST_WORDS_S,  # what is in flight has ended before
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

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture those that end the server, and SIGHUP, be it that one was kept until now."""
        before = signal.signal(signal.SIGHUP, self.handle_hangup)
        take_hangups()
        try:
            with super().capture_signals():
                yield
        finally:
            signal.signal(signal.SIGHUP, before)

    def handle_hangup(self, _sig: int, _frame: FrameType | None) -> None:
        """Have the configuration read again, at the next tick of the server once it has started."""
        self._reload_due = True

    async def on_tick(self, counter: int) -> bool:
        """Do what is due; return whether the server is to end."""
        if self._reload_due and self._read:
            self._reload_due = False
            self._reload(self._read)
        return await super().on_tick(counter)

    def _reload(self, read: Callable[[], Settings]) -> None:
        """Let the app take in the configuration as it is now; one that can't be used changes nothing."""
        try:
            settings = read()
        except NoFileError as error:
            reason = f"{error}; there was a file when the server started"
            log.error("reload failed", reason=reason, hint="nothing was changed")  # noqa: TRY400 - as below
        except (ConfigurationError, OSError) as error:
            log.error("reload failed", reason=str(error), hint="nothing was changed")  # noqa: TRY400 - that says it
        else:
            self._app.state.service.reload.apply(settings)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Tell that the end is coming, and begin it; a second signal cuts it short."""
        if self.should_exit:
            self.force_exit = True
        else:
            log.info("stopping", requests_have_s=self._grace_s, hint="interrupt again to end at once")
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no new connections, turn away new requests, let those in flight end, and end in order.

        Connections that are kept alive stay until then: what a client sends on one at this moment gets an answer.
        """
        if service := getattr(self._app.state, "service", None):
            service.stop()
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        for connection in cast("set[BoundedProtocol]", self.server_state.connections):
            connection.wind_down()
        await self._finish()
        await super().shutdown(sockets)
        if self.force_exit:
            await self.lifespan.shutdown()

    async def _finish(self) -> None:
        """Give requests in flight their time; where it is over, or cut short, cancel them and let them say so."""
        running = self.server_state.tasks
        until = asyncio.get_running_loop().time() + self._grace_s
        while running and not self.force_exit and (left := until - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(list(running), timeout=min(left, LOOK_S))
        if cut := list(running):
            log.warning("requests cancelled", requests=len(cut))
            for task in cut:
                task.cancel()
            await asyncio.wait(cut, timeout=LAST_WORDS_S)


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
    except (TypeError, ValueError):
        listener.close()
        raise OSError(errno.EINVAL, f"can't listen at {host!r}: it is no name of a host") from None
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
