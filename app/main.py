"""The server: `create_app` wires the parts together; importing this module does nothing."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import structlog
from fastapi import FastAPI
from starlette.exceptions import HTTPException

from app.admission.admission import Admission
from app.aliases import AliasCheck
from app.answers.equivalence import Equivalence
from app.api import catalogue, routes
from app.api.admin import admin
from app.api.auth import AdminGate, Gatekeeper
from app.api.failures import on_http_error, on_quorum_error, on_unexpected_error
from app.api.front import FrontDoor
from app.api.intake import Desk
from app.api.roll_call import ANSWER_S, RollCall
from app.api.roll_call import QUESTION as WORKERS
from app.api.selection import Selector
from app.api.service import Service
from app.diversity.embedding import WordLlamaEmbedder
from app.engine import Engine
from app.errors import QuorumError
from app.loopback import is_loopback
from app.offload import Offload
from app.redis_client import connect
from app.reload import Reload
from app.sandbox.bubblewrap import Bubblewrap
from app.sandbox.ceilings import Ceilings
from app.sandbox.remote import Remote
from app.siblings.channel import Channel
from app.sources import listed_in, sources_of
from app.store.layered import LayeredRunStore
from app.store.memory import MemoryRunStore
from app.store.redis import RedisRunStore
from app.store.siblings import QUESTION as RUN
from app.store.siblings import SiblingRunStore
from app.telemetry.metrics import Metrics
from app.telemetry.together import QUESTION as METRICS
from app.telemetry.together import Together
from app.webhooks.allowed import AllowedHosts
from app.webhooks.sender import AioHttpWebhooks
from app.workers.balancing import POLICIES
from app.workers.client import HttpClient
from app.workers.cpus import usable_cpus
from app.workers.embedded import EmbeddedWorker
from app.workers.notebook import PrivateNotebook
from app.workers.pool import Pool
from app.workers.retries import RETRIES_A_S, Allowance
from app.workers.shared_notebook import SharedNotebook
from app.workers.sharing import LoadSharing
from app.workers.steward import Steward
from app.workers.worker import Worker

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from pydantic import SecretStr

    from app.redis_use import RedisUse
    from app.sandbox.base import Sandbox
    from app.settings.sections import Admission as AdmissionSettings
    from app.settings.sections import Sandbox as SandboxSettings
    from app.settings.settings import Settings
    from app.siblings.place import Place
    from app.store.base import RunStore
    from app.workers.client import Client
    from app.workers.discovery.base import Source

log = structlog.stdlib.get_logger(__name__)


def create_app(settings: Settings, place: Place | None = None) -> FastAPI:
    """Return the server for `settings`, or its part for the process at `place` where it has several.

    Raises `InvalidStrategyError` where a preset or the default is wrong.
    """
    selector = Selector(
        default=settings.default_strategy,
        presets=settings.presets,
        max_candidates=settings.limits.max_candidates,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            try:
                app.state.service = await assemble(settings, selector, stack, place)
            except QuorumError as error:
                log.error("start failed", reason=error.message)  # noqa: TRY400 - the reason is all that helps
                raise
            except Exception:  # whatever it is, it is logged here, as uvicorn's own words are held back
                log.exception("start failed")
                raise
            yield

    app = FrontDoor(chat=routes.chat, title="Quorum", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.router.redirect_slashes = False  # behind a proxy it would redirect to an address that isn't ours to know
    app.include_router(routes.api)
    app.include_router(routes.probes)
    app.include_router(admin)
    app.add_exception_handler(QuorumError, on_quorum_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(Exception, on_unexpected_error)
    app.openapi = lambda: openapi(app)
    return app


async def assemble(
    settings: Settings, selector: Selector, stack: AsyncExitStack, place: Place | None = None
) -> Service:
    """Start the parts of a server on `stack`, lowest first, and return them wired."""
    timeouts = settings.timeouts
    sharers = place.count if place else 1
    embedded = [elsewhere(place)] if place and settings.embeds else await start_embedded(settings, stack)
    listed = listed_in(settings)
    sources = await stack.enter_async_context(sources_of(settings, listed))
    key = settings.worker_api_key.get_secret_value() if settings.worker_api_key else None
    client = HttpClient(connect_s=timeouts.connect_s, idle_s=timeouts.idle_s, api_key=key)
    await stack.enter_async_context(client)
    pool = pool_of(settings, embedded, client, sources, sharers)
    await stack.enter_async_context(pool.watched())
    steward = Steward(pool, SharedNotebook(place) if place else PrivateNotebook())
    await stack.enter_async_context(steward.kept())
    alias_check = AliasCheck(pool, settings.aliases)
    await stack.enter_async_context(alias_check.kept())
    offload = await stack.enter_async_context(Offload(preload=("math_verify", "app.verifiers")))
    offload.warm()
    embedder = await stack.enter_async_context(WordLlamaEmbedder())
    await embedder.warm()
    sandbox = await stack.enter_async_context(sandbox_of(settings.sandbox, sharers))
    stores, uses = await redis_uses(settings, pool, stack)
    metrics = Metrics(pool, sandbox, sources, uses)
    channel = Channel(place) if place else None
    memory = MemoryRunStore(keep=settings.runs.keep, max_bytes=settings.runs.max_bytes)
    together = Together(metrics.expose, channel) if channel else None
    roll_call = RollCall(pool, steward, Channel(place, answer_s=ANSWER_S) if place else None)
    if channel and together:
        answers = {METRICS: together.tell, RUN: memory.get, WORKERS: roll_call.answer}
        await stack.enter_async_context(channel.answering(answers))
        await steward.catch_up()  # with what nobody could tell it until now
        stores = [SiblingRunStore(channel), *stores]
    engine = Engine(
        pool=pool,
        admission=Admission(pool, metrics, **shared(settings.admission, sharers)),
        client=client,
        offload=offload,
        equivalence=Equivalence(offload),
        embedder=embedder,
        webhooks=await stack.enter_async_context(webhooks(settings)),
        prices=settings.prices,
        max_calls=settings.limits.max_calls,
        sandbox=sandbox,
    )
    return Service(
        admin_gate=admin_gate(settings),
        catalogue=catalogue.listing(selector),
        desk=Desk(selector=selector, limits=settings.limits, pool=pool),
        engine=engine,
        gatekeeper=Gatekeeper(keys=encoded(settings.api_keys)),
        metrics=metrics,
        pool=pool,
        roll_call=roll_call,
        reload=Reload(settings, listed=listed, pool=pool, alias_check=alias_check),
        runs=LayeredRunStore(memory, *stores),
        steward=steward,
        together=together,
    )


def pool_of(
    settings: Settings, embedded: Sequence[Worker], client: Client, sources: Sequence[Source], sharers: int
) -> Pool:
    """Return the pool of these workers and of those that `sources` name, balanced and judged as configured."""
    return Pool(
        embedded,
        client,
        probe_s=settings.timeouts.probe_s,
        sources=sources,
        aliases=settings.aliases,
        max_in_flight=settings.limits.max_in_flight_per_worker,
        sharers=sharers,
        no_worker_wait_s=settings.admission.no_worker_wait_s,
        policy=POLICIES[settings.balancing](),
        rules=settings.health.rules(),
        retries=Allowance(share=settings.retries.share, burst=settings.retries.burst, per_s=RETRIES_A_S),
        hedges=Allowance(share=settings.hedges.share, burst=settings.hedges.burst),
    )


def admin_gate(settings: Settings) -> AdminGate:
    """Return who may use the admin API: without keys of its own, those who share the machine with an open server."""
    local = is_loopback(settings.host) and not settings.api_keys
    return AdminGate(keys=encoded(settings.admin_keys), local=local)


def encoded(keys: Sequence[SecretStr]) -> list[bytes]:
    """Return keys as the bytes that are sent."""
    return [key.get_secret_value().encode() for key in keys]


async def redis_uses(
    settings: Settings, pool: Pool, stack: AsyncExitStack
) -> tuple[Sequence[RunStore], Sequence[RedisUse]]:
    """Start what gateways share through Redis, where one is configured; return the stores, and how all of it does."""
    if settings.redis_url is None:
        return [], []
    redis = connect(settings.redis_url.get_secret_value())
    stack.push_async_callback(redis.aclose)
    prefix, bounds = settings.redis_prefix, settings.runs
    sharing = LoadSharing(redis, lambda: pool.workers, prefix=prefix)
    runs = RedisRunStore(redis, prefix=prefix, keep=bounds.keep, max_bytes=bounds.max_bytes)
    await stack.enter_async_context(sharing.kept())
    await stack.enter_async_context(runs.writing())
    return [runs], [sharing.use, runs.use]


def shared(admission: AdmissionSettings, sharers: int) -> dict[str, Any]:
    """Return the bounds on one of `sharers` processes."""
    bounds = admission.model_dump()
    if admission.max_in_flight is not None:
        bounds["max_in_flight"] = max(1, admission.max_in_flight // sharers)
    return bounds


def elsewhere(place: Place) -> Worker:
    """Return the embedded worker that runs for all processes of this server."""
    return Worker(id="embedded", locate=place.embedded_url, sharers=place.count)


def webhooks(settings: Settings) -> AioHttpWebhooks:
    """Return the sender of webhooks, which sends none where the operator allows no host."""
    chosen = settings.webhooks
    secret = chosen.secret.get_secret_value() if chosen.secret else ""
    return AioHttpWebhooks(AllowedHosts(chosen.allowed_hosts), secret=secret, timeout_s=chosen.timeout_s)


async def start_embedded(settings: Settings, stack: AsyncExitStack) -> list[Worker]:
    """Return the embedded worker, started, where no other is configured; else none."""
    if not settings.embeds:
        return []
    own = settings.embedded
    embedded = EmbeddedWorker(model_path=own.model, parallel=own.slots, context=own.context)
    await stack.enter_async_context(embedded)
    return [Worker(id="embedded", locate=lambda: embedded.url)]


@asynccontextmanager
async def sandbox_of(settings: SandboxSettings, sharers: int = 1) -> AsyncGenerator[Sandbox]:
    """Provide the sandbox that is configured, or the part of it that is for one of `sharers` processes.

    Takes no time and can't fail: what is wrong with it, `check` says.
    """
    slots = max(1, (settings.slots or usable_cpus()) // sharers)
    waiting = settings.max_waiting
    ceilings = Ceilings(wall_s=settings.max_time_limit_s, memory_mb=settings.max_memory_mb)
    if settings.url is None:
        yield Bubblewrap(
            slots=slots,
            max_waiting=waiting,
            python=settings.python,
            read_only=settings.read_only,
            ceilings=ceilings,
        )
        return
    async with Remote(str(settings.url), slots=slots, max_waiting=waiting, ceilings=ceilings).connected() as remote:
        yield remote


def openapi(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, with the chat endpoint."""
    if app.openapi_schema is None:
        document = FastAPI.openapi(app)
        catalogue.describe_chat(document)
        app.openapi_schema = document
    return app.openapi_schema
