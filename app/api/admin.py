"""The paths for operators: which workers there are, and how they are added, drained and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from starlette.responses import Response

from app.api.body import read_body
from app.api.problems import invalid
from app.api.schemas import read_json
from app.api.service import service_of
from app.errors import ConflictError, StoppingError
from app.settings import WorkerEntry
from app.workers.health import State

if TYPE_CHECKING:
    from app.workers.roster import Roster
    from app.workers.worker import Worker

MAX_BODY_BYTES = 64 * 1024


async def admitted(request: Request) -> None:
    """Let only operators pass. Raises `InvalidKeyError`, `ForbiddenError`, `ConflictError` and `StoppingError`."""
    service = service_of(request)
    service.admin_gate(request)
    if service.together is not None:  # each process has a list of its own, and would be changed alone
        raise ConflictError(
            "this server has several processes: change `workers` in its configuration and reload it (kill -HUP), "
            "or let workers register in Redis"
        )
    if service.stopping:
        raise StoppingError


admin = APIRouter(prefix="/admin/workers", dependencies=[Depends(admitted)])


@admin.get("")
async def list_workers(request: Request) -> Response:
    """Return all workers, whoever named them."""
    roster = service_of(request).pool.roster
    return _json({"object": "list", "data": [_told(worker, roster) for worker in roster.workers]})


@admin.post("")
async def add_worker(request: Request) -> Response:
    """Add a worker. Raises `InvalidRequestError` and `ConflictError`."""
    entry = _read(read_json(await read_body(request, MAX_BODY_BYTES)))
    return _answer(request, await service_of(request).steward.add(entry.announced), status=201)


@admin.get("/{name:path}")
async def get_worker(request: Request, name: str) -> Response:
    """Return one worker. Raises `NotFoundError`."""
    return _answer(request, service_of(request).steward.find(name))


@admin.post("/{name:path}/drain")
async def drain_worker(request: Request, name: str) -> Response:
    """Give a worker no new candidates. Raises `NotFoundError`."""
    return _answer(request, service_of(request).steward.drain(name))


@admin.post("/{name:path}/resume")
async def resume_worker(request: Request, name: str) -> Response:
    """Give a worker candidates again. Raises `NotFoundError`."""
    return _answer(request, service_of(request).steward.resume(name))


@admin.delete("/{name:path}")
async def remove_worker(request: Request, name: str) -> Response:
    """Let a worker that was added drain and go. Raises `NotFoundError` and `ConflictError`."""
    return _answer(request, service_of(request).steward.remove(name))


def state_of(worker: Worker) -> str:
    """Return where a worker stands, in one word; what keeps it from serving for good comes first."""
    if worker.dismissed:
        return "leaving"
    if worker.draining:
        return "draining"
    if not worker.up:
        return "down"
    return "up" if worker.health.state is State.IN_SERVICE else worker.health.state.value


def _read(body: dict[str, object]) -> WorkerEntry:
    """Return the worker that a body describes. Raises `InvalidRequestError`."""
    try:
        return WorkerEntry.model_validate(body)
    except ValidationError as error:
        raise invalid(error, body) from error


def _told(worker: Worker, roster: Roster) -> dict[str, object]:
    """Return what there is to say of a worker; `reported` is its own word, None where its engine gives none."""
    load = worker.load
    reported = {"running": load.running, "waiting": load.waiting, "kv_usage": load.kv_usage}
    return {
        "object": "worker",
        "name": worker.id,
        "url": worker.url,
        "sources": roster.sources(worker),
        "labels": dict(worker.labels),
        "limit": worker.limit,
        "engine": worker.traits.name,
        "models": sorted(worker.models),
        "state": state_of(worker),
        "problem": worker.problem,
        "in_flight": load.in_flight,
        "outstanding_tokens": load.outstanding,
        "reported": reported if worker.traits.tells_load else None,
    }


def _answer(request: Request, worker: Worker, *, status: int = 200) -> Response:
    return _json(_told(worker, service_of(request).pool.roster), status)


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")
