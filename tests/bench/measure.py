"""The four measurements. Each starts its own servers, so that none sees what another left behind."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, TypedDict

import msgspec

from tests.bench import procfs
from tests.bench.bodies import CALLS, asking, calling
from tests.bench.figures import Memory, OwnTime, Plan, Results, Sample, Throughput, TokenCost
from tests.bench.load import closed_loop
from tests.bench.processes import BARE, Server, front, upstream

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

FAN_OUT = "parallel-8"
SHORT = ("--tokens", "16", "--instant")
PACED_CHUNKS_PER_S = 50
ALL_IN = {"QUORUM_LIMITS__MAX_IN_FLIGHT_PER_WORKER": "100000"}
"""Lets every request of the memory part in at once: what waits in the queue takes next to none."""


class Totals(TypedDict):
    """The part of the upstream's totals that is read here."""

    tokens: int
    in_flight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """An upstream and the servers in front of it."""

    upstream: Server
    bare: Server
    gateway: Server

    @property
    def fronts(self) -> tuple[Server, Server]:
        """The two that are compared."""
        return self.bare, self.gateway

    def totals(self) -> Totals:
        """Return what the upstream has sent so far."""
        with urllib.request.urlopen(f"{self.upstream.url}/scripted/totals") as response:  # noqa: S310 - our own loopback
            totals: Totals = json.load(response)
            return totals


class _Timing(msgspec.Struct):
    gateway_ms: float


class _Quorum(msgspec.Struct):
    timing: _Timing


class _Answer(msgspec.Struct):
    quorum: _Quorum | None = None


@contextmanager
def stack(gateway: Sequence[str], *arguments: str, environment: Mapping[str, str] | None = None) -> Generator[Stack]:
    """Run an upstream with `arguments`, the bare loop and the gateway, the latter with `environment`."""
    with (
        upstream(*arguments) as worker,
        front("bare loop", BARE, worker) as bare,
        front("gateway", gateway, worker, environment=environment) as gate,
    ):
        yield Stack(upstream=worker, bare=bare, gateway=gate)


async def measure(plan: Plan, gateway: Sequence[str], say: Callable[[str], None]) -> Results:
    """Take every measurement of the gateway that the command template `gateway` starts."""
    starts: list[list[Throughput]] = []
    for number in range(plan.starts):
        say(f"throughput, start {number + 1} of {plan.starts}")
        with stack(gateway, *SHORT) as short:
            starts.append([line for strategy in CALLS for line in await throughput(plan, short, strategy)])
    found = tuple(reduce(add, lines) for lines in zip(*starts, strict=True))
    say("own time at one connection")
    with stack(gateway, *SHORT) as short:
        own = tuple([await own_time(plan, short, server) for server in short.fronts])
    costs: list[TokenCost] = []
    for size, wanted_s in ((1, 10.0), (16, 1.5)):
        say(f"CPU at {size} tokens a chunk")
        shape = ("--tokens", str(plan.long_tokens), "--tokens-per-chunk", str(size), "--instant")
        with stack(gateway, *shape) as long:
            name, few = f"{size} a chunk", plan.streaming
            costs += [await token_cost(plan, long, server, name, wanted_s, connections=few) for server in long.fronts]
    say("CPU at one token a chunk, each chunk on its own")
    tokens = max(2, int(plan.paced_s * PACED_CHUNKS_PER_S))
    with stack(gateway, "--tokens", str(tokens), "--delay-per-chunk", str(1 / PACED_CHUNKS_PER_S)) as paced:
        name = f"1 a chunk, {PACED_CHUNKS_PER_S} chunks/s a stream"
        many = plan.paced_streaming
        costs += [await token_cost(plan, paced, server, name, None, connections=many) for server in paced.fronts]
    say("memory")
    hold = ("--tokens", str(plan.hold_chunks * 4), "--tokens-per-chunk", "4", "--delay-per-chunk", "0.25")
    with stack(gateway, *hold, "--delay-first", "1", environment=ALL_IN) as held:
        memories = tuple([await memory(plan, held, server) for server in held.fronts])
    return Results(throughput=found, own_time=own, token_cost=tuple(costs), memory=memories)


async def throughput(plan: Plan, servers: Stack, strategy: str) -> list[Throughput]:
    """Load upstream, bare loop and gateway in turn, round after round, so that the machine's moods hit all alike."""
    targets = [(servers.upstream, calling(strategy)), *((server, asking(strategy)) for server in servers.fronts)]
    for server, requests in targets:
        await closed_loop(server.port, requests, connections=plan.connections, seconds=plan.warm_up_s)
    samples: dict[str, list[Sample]] = {server.name: [] for server, _ in targets}
    cpu_s = dict.fromkeys(samples, 0.0)
    for _ in range(plan.rounds):
        for server, requests in targets:
            before = procfs.cpu_s(server.pid)
            run = closed_loop(server.port, requests, connections=plan.connections, seconds=plan.round_s)
            samples[server.name].append(await run)
            cpu_s[server.name] += procfs.cpu_s(server.pid) - before
    return [
        Throughput(target=name, strategy=strategy, samples=tuple(found), cpu_s=cpu_s[name])
        for name, found in samples.items()
    ]


async def own_time(plan: Plan, servers: Stack, server: Server) -> OwnTime:
    """Time requests one by one, and the calls that each comes down to without the server between."""
    decoder = msgspec.json.Decoder(_Answer)
    reported: list[float] = []

    def note(body: bytes) -> None:
        answer = decoder.decode(body)
        if answer.quorum:
            reported.append(answer.quorum.timing.gateway_ms)

    await closed_loop(server.port, asking(FAN_OUT), connections=1, seconds=plan.warm_up_s)
    direct = await closed_loop(servers.upstream.port, calling(FAN_OUT), connections=1, seconds=plan.round_s)
    total = await closed_loop(server.port, asking(FAN_OUT), connections=1, seconds=plan.round_s, observe=note)
    return OwnTime(target=server.name, total=total, upstream=direct, reported_ms=tuple(reported))


async def token_cost(
    plan: Plan, servers: Stack, server: Server, shape: str, wanted_s: float | None, *, connections: int
) -> TokenCost:
    """Stream long answers through `server` and divide its CPU time by the tokens that the upstream sent."""
    await closed_loop(server.port, asking(FAN_OUT, max_tokens=16), connections=connections, seconds=plan.warm_up_s)
    tokens, cpu_s = servers.totals()["tokens"], procfs.cpu_s(server.pid)
    sample = await closed_loop(server.port, asking(FAN_OUT), connections=connections, seconds=plan.round_s)
    return TokenCost(
        target=server.name,
        shape=shape,
        tokens=servers.totals()["tokens"] - tokens,
        cpu_s=procfs.cpu_s(server.pid) - cpu_s,
        sample=sample,
        wanted_s=wanted_s,
    )


async def memory(plan: Plan, servers: Stack, server: Server) -> Memory:
    """Hold many requests in flight and watch the resident memory before, meanwhile and afterwards."""
    await closed_loop(server.port, asking(FAN_OUT, max_tokens=4), connections=8, seconds=plan.warm_up_s)
    before = procfs.resident_bytes(server.pid)
    peak, in_flight = before, 0
    async with asyncio.TaskGroup() as group:
        run = closed_loop(server.port, asking(FAN_OUT), connections=plan.in_flight, seconds=0.0)
        task = group.create_task(run)
        while not task.done():
            await asyncio.wait([task], timeout=0.25)
            peak = max(peak, procfs.resident_bytes(server.pid))
            in_flight = max(in_flight, servers.totals()["in_flight"])
    await asyncio.sleep(plan.warm_up_s)
    return Memory(
        target=server.name,
        requests=plan.in_flight,
        upstream_in_flight=in_flight,
        before=before,
        peak=peak,
        after=procfs.resident_bytes(server.pid),
        sample=task.result(),
    )
