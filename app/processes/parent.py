"""The parent of the processes that serve: it listens, has the embedded worker, and looks after them."""

from __future__ import annotations

import asyncio
import dataclasses
import signal
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from app.hangup import take_hangups
from app.processes.brood import Brood
from app.processes.child import Task
from app.processes.handle import Handle
from app.processes.latest import Latest
from app.processes.shares import check_shares
from app.server import announce, bind
from app.siblings.place import Place, embedded_file, read, replace
from app.workers.embedded import EmbeddedWorker

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncGenerator, Generator, Mapping

    from app.settings.settings import Settings

LOOK_S = 1.0
"""Seconds between two looks at where the embedded worker is."""


def serve_with_children(settings: Settings, file: Path | None, flags: Mapping[str, object]) -> int:
    """Serve by `settings.processes` children until SIGINT or SIGTERM; return the exit status.

    A child reads the settings by itself, from `file` and `flags`, so that one that is started later has them as they
    are then, or as they could last be used. Raises `ConfigurationError` where they can't be shared out, OSError where
    the address is taken, and `EmbeddedWorkerError`.
    """
    check_shares(settings, settings.processes)
    with bind(settings.host, settings.port) as listener, shared_directory() as directory:
        announce(listener)
        return asyncio.run(_serve(settings, listener, directory, (file, flags)))


@contextmanager
def shared_directory() -> Generator[Path]:
    """Provide a directory that is open to this user alone."""
    with tempfile.TemporaryDirectory(prefix="quorum-", ignore_cleanup_errors=True) as directory:
        yield Path(directory)


async def _serve(
    settings: Settings, listener: socket.socket, directory: Path, source: tuple[Path | None, Mapping[str, object]]
) -> int:
    file, flags = source
    places = [Place(index=index, count=settings.processes, directory=directory) for index in range(settings.processes)]
    latest = Latest(file, flags)
    tasks = [Task(place=place, listener=listener, file=file, flags=flags) for place in places]
    brood = Brood(
        tasks,
        grace_s=settings.shutdown_grace_s,
        make=lambda task: Handle(dataclasses.replace(task, written=latest.written)),
    )

    def reload() -> None:
        latest.look()
        brood.reload()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, brood.end)
    loop.add_signal_handler(signal.SIGHUP, reload)
    take_hangups()
    async with AsyncExitStack() as stack:
        if settings.embeds:
            await stack.enter_async_context(_embedded(settings, directory))
        return await brood.run()


@asynccontextmanager
async def _embedded(settings: Settings, directory: Path) -> AsyncGenerator[None]:
    """Run the embedded worker for all children while the context lasts, and write down where it is."""
    own = settings.embedded
    async with (
        EmbeddedWorker(model_path=own.model, parallel=own.slots, context=own.context) as worker,
        asyncio.TaskGroup() as group,
    ):
        replace(embedded_file(directory), worker.url.encode())
        following = group.create_task(_follow(worker, embedded_file(directory)))
        try:
            yield
        finally:
            following.cancel()


async def _follow(worker: EmbeddedWorker, file: Path) -> None:
    """Write the worker's address down anew whenever a restart has moved it, or the file is gone."""
    while True:
        await asyncio.sleep(LOOK_S)
        url = worker.url.encode()
        if read(file) != url:
            with suppress(OSError):  # it is tried again
                replace(file, url)
