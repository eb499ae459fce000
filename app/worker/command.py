"""The command `quorum worker`."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog
from redis.exceptions import RedisError

from app.redis_client import checked_url, connect
from app.redis_use import reason_of
from app.worker.announcing import Registering, Telling
from app.worker.machine import check_machine
from app.worker.plan import UnusablePlanError
from app.worker.supervisor import Supervisor
from app.workers.discovery.entry import Entry
from app.workers.discovery.keys import DEFAULT_PREFIX, PREFIX_PATTERN
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
    the plan can't be, or its port is taken, and OSError where the command can't be run.
    """
    plan.check()
    check_machine(plan)
    redis_url = redis_url or os.environ.get(REDIS_VARIABLE) or None
    announce = announcing(plan, redis_url)
    check_free(plan.own_url)
    if redis_url:
        asyncio.run(look_for_redis(redis_url))
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
    if not re.fullmatch(PREFIX_PATTERN, prefix):
        raise UnusablePlanError(
            f"{PREFIX_VARIABLE} must be letters, digits or : . _ - and begin with a letter or digit"
        )
    return Registering(announced=plan.announced, redis_url=redis_url, prefix=prefix)


async def look_for_redis(url: str) -> None:
    """Say in the log where Redis doesn't answer: it need not until vLLM serves, which may be much later."""
    redis = connect(url)
    try:
        await redis.ping()  # pyright: ignore[reportGeneralTypeIssues, reportUnknownMemberType] - its types are unclear
    except (RedisError, OSError) as error:
        hint = "vLLM starts all the same; the worker is registered once Redis answers"
        log.warning("Redis doesn't answer", reason=reason_of(error), hint=hint)
    finally:
        await redis.aclose()


def check_free(url: str) -> None:
    """Raise `UnusablePlanError` where somebody serves at `url`, whom we would take for vLLM while that is starting.

    And where its host has no address, so that nothing can listen there.
    """
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname, parts.port), timeout=2.0).close()
    except socket.gaierror as error:
        raise UnusablePlanError(f"--host {parts.hostname} has no address: {error.strerror}") from None
    except OSError:
        return
    raise UnusablePlanError(f"port {parts.port} is taken: somebody serves at {url}; choose another with --port")
