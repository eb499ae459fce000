"""A process that serves, for as long as its parent lives."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
import threading
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import structlog

from app.errors import QuorumError
from app.processes.shares import check_shares
from app.server import Server, spare_collector
from app.settings.reading import ConfigurationError, load_settings, settings_of
from app.telemetry.logs import configure_logging

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping
    from multiprocessing.connection import Connection
    from pathlib import Path

    from fastapi import FastAPI

    from app.settings.settings import Settings
    from app.siblings.place import Place

CANNOT_START = 2

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a child is to do: serve what comes to `listener`, by the settings of `file` and `flags`.

    Where the file can't be used by then, `written` stands in for it: what it held when it could be.
    """

    place: Place
    listener: socket.socket
    file: Path | None
    flags: Mapping[str, object]
    written: Mapping[str, object] = field(default_factory=dict[str, object])


class Member(Server):
    """A server that says when it has started."""

    def __init__(
        self,
        app: FastAPI,
        listener: socket.socket,
        *,
        grace_s: float,
        read: Callable[[], Settings],
        report: Connection,
    ) -> None:
        super().__init__(app, listener, grace_s=grace_s, read=read)
        self._report = report

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started:
            self._report.send(None)
            self._report.close()


def serve(task: Task, report: Connection) -> None:
    """Be a child: serve until told to end, or until the parent has ended."""
    _leave_terminal()
    threading.Thread(target=_end_with_parent, args=(task.place.directory,), name="parent", daemon=True).start()
    try:
        server = _server(task, report)
    except (ConfigurationError, QuorumError) as error:
        sys.stderr.write(f"quorum: {error}\n")
        sys.exit(CANNOT_START)
    spare_collector()
    server.run(sockets=[task.listener])
    if not server.started:
        sys.exit(1)


def _server(task: Task, report: Connection) -> Member:
    """Return the server by the configuration as it is now, or else as it could last be used.

    Raises `ConfigurationError` and `QuorumError` where neither will do.
    """
    try:
        return _server_by(load_settings(task.file, task.flags), task, report)
    except (ConfigurationError, QuorumError) as error:
        server = _server_by(settings_of(task.written, task.file, task.flags), task, report)
        hint = "this process starts with the configuration that could last be used"
        log.error("configuration can't be used", reason=str(error), hint=hint)  # noqa: TRY400 - that says it
        return server


def _server_by(settings: Settings, task: Task, report: Connection) -> Member:
    """Return the server by these settings. Raises `ConfigurationError` and `QuorumError` where they will not do."""
    from app.main import create_app  # noqa: PLC0415 - takes a second and much memory, and the parent has no use for it

    check_shares(settings, task.place.count)
    configure_logging(settings.log_level)
    structlog.contextvars.bind_contextvars(process=task.place.index)
    return Member(
        create_app(settings, task.place),
        task.listener,
        grace_s=settings.shutdown_grace_s,
        read=partial(load_settings, task.file, task.flags),
        report=report,
    )


def _leave_terminal() -> None:
    """Leave Ctrl-C and the terminal's end to the parent, which hands on what they mean.

    The parent has SIGINT blocked while it starts this process; one that came meanwhile is its own, too. A SIGHUP is
    kept until the server takes it.
    """
    os.setpgrp()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _end_with_parent(directory: Path) -> None:
    """Wait until the parent has ended, however that came; then end at once, and leave nothing behind."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101 - this is a child
    parent.join()
    shutil.rmtree(directory, ignore_errors=True)
    os._exit(1)
