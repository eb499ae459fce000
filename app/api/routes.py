"""The paths of the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from app.aliases import model_of
from app.api import render
from app.api.answering import Answering, Ticket
from app.api.disconnect import while_connected
from app.api.service import service_of
from app.api.stream import EventStream
from app.api.worker_status import state_of
from app.errors import DrainingError, InvalidRequestError, NotFoundError, NoWorkerError
from app.estimate import worst_case
from app.events import Nobody

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.api.intake import Intake
    from app.api.service import Service
    from app.events import Observer
    from app.outcome import Outcome
    from app.workers.worker import ServedModel, Worker

MAX_PROBLEMS = 10
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


async def admitted(request: Request) -> None:
    """Let only requests with a valid key pass. Raises `InvalidKeyError`, and `StoppingError`."""
    await service_of(request).admit(request)


api = APIRouter(prefix="/v1", dependencies=[Depends(admitted)])
probes = APIRouter()


async def create_chat_completion(request: Request, ticket: Ticket) -> Response:
    """Answer a conversation under a strategy."""
    service = service_of(request)
    intake = await service.take(request)
    if request.scope["query_string"] and is_set(request.query_params.get("dry_run", "false")):
        return await while_connected(request.receive, _dry_run(service, intake))
    ticket.job = intake.job

    async def execute(observer: Observer) -> tuple[Outcome, bytes]:
        executed = await service.execute(intake.job, observer)
        ticket.counted = True
        return executed

    if intake.stream:
        return EventStream(intake, execute, ticket.headers)
    _, record = await while_connected(request.receive, execute(Nobody()))
    return Response(record, media_type="application/json", headers=ticket.headers)


chat = Answering(create_chat_completion)
"""Answers `POST /v1/chat/completions`; `app.api.front` says why it is no route of FastAPI's."""


@api.get("/models")
async def list_models(request: Request) -> Response:
    """Return the models that workers serve now."""
    models = service_of(request).pool.models()
    return _json({"object": "list", "data": [_model(name, model) for name, model in sorted(models.items())]})


@api.get("/models/{name:path}")
async def get_model(request: Request, name: str) -> Response:
    """Return one model that workers serve now. Raises `ModelNotFoundError`."""
    pool = service_of(request).pool
    pool.check(model_of(name, pool))
    return _json(_model(name, pool.models()[name]))


@api.get("/strategies")
async def list_strategies(request: Request) -> Response:
    """Return every part that a spec can name, each with its JSON schema, and the presets."""
    return Response(service_of(request).catalogue, media_type="application/json")


@api.get("/runs/{run_id}")
async def get_run(request: Request, run_id: str) -> Response:
    """Return a recent run as its response was. Raises `NotFoundError`."""
    record = await service_of(request).runs.get(run_id)
    if record is None:
        raise NotFoundError(
            f"there is no run {run_id[:100]!r} that came to an answer, or it is too long ago", param="run_id"
        )
    return Response(record, media_type="application/json")


@probes.get("/healthz")
async def healthz() -> Response:
    """Say that the process is alive."""
    return _json({"status": "ok"})


@probes.get("/readyz")
async def readyz(request: Request) -> Response:
    """Say that a worker can serve. Raises `NoWorkerError`, and `DrainingError` where the server is ending."""
    if service_of(request).stopping:
        raise DrainingError
    pool = service_of(request).pool
    if not pool.ready:
        raise NoWorkerError(f"no worker can serve: {_problems(pool.workers)}", retry_after_s=5)
    return _json({"status": "ready", "workers": sum(worker.up for worker in pool.workers)})


@probes.get("/metrics")
async def metrics(request: Request) -> Response:
    """Return Prometheus' metrics."""
    return Response(await service_of(request).expose(), media_type=METRICS_TYPE)


def is_set(flag: str) -> bool:
    """Return a query parameter that is true or false. Raises `InvalidRequestError`."""
    try:
        return {"true": True, "1": True, "false": False, "0": False}[flag.lower()]
    except KeyError:
        raise InvalidRequestError("dry_run is true or false", param="dry_run") from None


for path, probe in (("/healthz", healthz), ("/readyz", readyz)):
    probes.add_api_route(path, probe, methods=["HEAD"], include_in_schema=False)


def _problems(workers: Sequence[Worker]) -> str:
    """Return what keeps the first workers from serving, and how many more there are."""
    told = [f"{worker.id}: {worker.problem or state_of(worker)}" for worker in workers[:MAX_PROBLEMS]]
    more = len(workers) - len(told)
    return "; ".join(told) + (f"; and {more} more" if more else "") if told else "there is none"


def _model(name: str, model: ServedModel) -> dict[str, object]:
    return {"id": name, "object": "model", "created": model.created, "owned_by": model.owned_by or "quorum"}


async def _dry_run(service: Service, intake: Intake) -> Response:
    """Return what the request would cost at worst, if this server can run it at all."""
    job = intake.job
    await service.engine.check(job)
    context = service.pool.models()[job.model].context
    worst = worst_case(job, context=context, prices=service.engine.prices)
    return _json(render.dry_run(job, worst))


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
