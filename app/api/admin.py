"""The paths for operators: which workers there are, and how they are added, drained and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import structlog
from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from starlette.responses import Response

from app.api.body import read_body
from app.api.problems import invalid
from app.api.schemas import read_json
from app.api.service import service_of
from app.errors import InvalidRequestError, StoppingError
from app.settings.worker_entry import WorkerEntry
from app.workers.discovery.base import MAX_URL_CHARS
from app.workers.steward import unknown

if TYPE_CHECKING:
    from app.api.roll_call import Roll
    from app.api.worker_status import WorkerStatus
    from app.workers.discovery.base import Announced
    from app.workers.worker import Worker

MAX_BODY_BYTES = 64 * 1024

log = structlog.stdlib.get_logger(__name__)


async def admitted(request: Request) -> None:
    """Let only operators pass. Raises `InvalidKeyError`, `ForbiddenError` and `StoppingError`."""
    service = service_of(request)
    service.admin_gate(request)
    if service.stopping:
        raise StoppingError


admin = APIRouter(prefix="/admin/workers", dependencies=[Depends(admitted)])


@admin.get("")
async def list_workers(request: Request) -> Response:
    """Return all workers, whoever named them."""
    roll = await service_of(request).roll_call.hold()
    return _json({"object": "list", "data": roll.workers, **roll.note})


@admin.post("")
async def add_worker(request: Request) -> Response:
    """Add a worker. Raises `InvalidRequestError`, `ConflictError` and `UnavailableError`."""
    announced = _read(read_json(await read_body(request, MAX_BODY_BYTES)))
    return await _changed(request, await service_of(request).steward.add(announced), status=201)


@admin.get("/{name:path}")
async def get_worker(request: Request, name: str) -> Response:
    """Return one worker. Raises `NotFoundError`."""
    roll = await service_of(request).roll_call.hold()
    if (status := roll.called(name)) is None:
        raise unknown(name)
    return _answer(status, roll)


@admin.post("/{name:path}/drain")
async def drain_worker(request: Request, name: str) -> Response:
    """Give a worker no new candidates. Raises `NotFoundError` and `UnavailableError`."""
    return await _changed(request, await service_of(request).steward.drain(name))


@admin.post("/{name:path}/resume")
async def resume_worker(request: Request, name: str) -> Response:
    """Give a worker candidates again. Raises `NotFoundError` and `UnavailableError`."""
    return await _changed(request, await service_of(request).steward.resume(name))


@admin.delete("/{name:path}")
async def remove_worker(request: Request, name: str) -> Response:
    """Let a worker that was added drain and go. Raises `NotFoundError`, `ConflictError` and `UnavailableError`."""
    return await _changed(request, await service_of(request).steward.remove(name))


def _read(body: dict[str, object]) -> Announced:
    """Return the worker that a body describes. Raises `InvalidRequestError`."""
    try:
        announced = WorkerEntry.model_validate(body).announced
    except ValidationError as error:
        raise invalid(error, body) from error
    if len(announced.url) > MAX_URL_CHARS:
        raise InvalidRequestError(f"an address of a worker has at most {MAX_URL_CHARS} characters", param="url")
    return announced


async def _changed(request: Request, worker: Worker, *, status: int = 200) -> Response:
    """Answer with a worker that was changed, once the other processes know of it or have had their time."""
    roll = await service_of(request).roll_call.hold(first=worker)
    if roll.missing:
        log.warning("processes not told", worker=worker.id, processes=roll.missing, hint="they catch up by themselves")
    return _answer(roll.workers[0], roll, status)


def _answer(worker: WorkerStatus, roll: Roll, status: int = 200) -> Response:
    return _json({**msgspec.structs.asdict(worker), **roll.note}, status)


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")
