"""The command `quorum worker`."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from app.redis_client import checked_url
from app.worker.announcing import Registering, Telling
from app.worker.plan import UnusablePlanError
from app.worker.supervisor import Supervisor
from app.workers.discovery.entry import Entry
from app.workers.discovery.keys import DEFAULT_PREFIX
from app.workers.discovery.lease import DEFAULT_LEASE_S

if TYPE_CHECKING:
    from app.worker.plan import Plan
    from app.worker.supervisor import Announce

REDIS_VARIABLE = "QUORUM_REDIS_URL"
PREFIX_VARIABLE = "QUORUM_REDIS_PREFIX"

log = structlog.stdlib.get_logger(__name__)


def run_worker(plan: Plan, redis_url: str | None) -> int:
    """Run the worker until it ends; return the exit status.

    Without `redis_url`, the environment's `QUORUM_REDIS_URL` is used. Raises `UnusablePlanError` where something about
    the plan can't be, and OSError where its port is taken or the command can't be run.
    """
    plan.check()
    announce = announcing(plan, redis_url or os.environ.get(REDIS_VARIABLE) or None)
    check_free(plan.own_url)
    return asyncio.run(Supervisor(plan, announce).run())


def announcing(plan: Plan, redis_url: str | None) -> Announce:
    """Return how the worker becomes known. Raises `UnusablePlanError` where it can't, before a model is loaded."""
    try:
        Entry.of(plan.announced, models=(), lease_s=DEFAULT_LEASE_S)
        if redis_url is None:
            return Telling(announced=plan.announced)
        checked_url(redis_url)
    except ValueError as error:
        raise UnusablePlanError(str(error)) from None
    if plan.listens_everywhere and plan.advertise is None:
        raise UnusablePlanError(
            "--host is every address of this machine: name the one for gateways with --advertise URL"
        )
    if plan.only_local:
        log.warning("only this machine reaches the worker", url=plan.own_url, hint="--host and --advertise change that")
    prefix = os.environ.get(PREFIX_VARIABLE, DEFAULT_PREFIX)
    return Registering(announced=plan.announced, redis_url=redis_url, prefix=prefix)


def check_free(url: str) -> None:
    """Raise OSError where somebody serves at `url` already, whom we would take for vLLM while that is starting."""
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname, parts.port), timeout=2.0).close()
    except OSError:
        return
    raise OSError(f"port {parts.port} is taken")
