"""The gateway on what a real model once did: policies over HTTP through a replay worker, beside their simulation."""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

import httpx2
import uvloop

from app.replay.deck import make_decks
from app.replay.figures import score
from app.replay.naming import read_policies
from app.replay.playing import Plan, play_all
from app.replay.recording import read_recordings
from app.replay.worker.pace import SPACING_S
from app.workers.cpus import usable_cpus
from tests.bench.processes import GATEWAY, front, replay_worker
from tests.bench.report import table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.replay.figures import Score
    from app.replay.policy import Policy
    from app.replay.recording import Recorded
    from tests.bench.processes import Server

DATA = Path(os.environ.get("REPLAY_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
POOL = DATA / "pools" / "qwen3-8b_aime24.jsonl.gz"
MODEL = "recorded"
WORDS = (
    "single",
    'SC@16={"type": "parallel", "n": 16, "stop": "none"}',
    "decided of 16=faithful",
    "race 2 of 12=fast",
    'first 8 of 16={"type": "parallel", "n": 16, "stop": {"type": "finishers", "count": 8}}',
)
RATE = 8_000
CONNECTIONS = 3
WANTED_MS = 10

WORDING = """\
**On recorded samples of a real model** ({problems} problems of {pool}): each policy asked {rounds} times over HTTP,
{connections} requests at a time, through a replay worker that generates {rate:,} tokens a second for each completion;
beside it the same by `quorum replay` over {orders} orders. *Time* is over the mean length of a sample. *After the last*
is the median time from the end of the last candidate that came back to the answer; wanted: under {wanted} ms. *Too
many* are the tokens of a cancelled candidate that nobody counted; wanted: under the {interval:.0f} of one piece."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The answers to one policy, and what the worker generated and cancelled meanwhile."""

    answers: Sequence[Json]
    generated: int
    cancelled: int

    @property
    def tokens(self) -> float:
        """Tokens an answer, as the gateway counts them."""
        return fmean(one["usage"]["completion_tokens"] for one in self.answers)

    @property
    def ms(self) -> float:
        """Mean milliseconds an answer, without its time in the queue."""
        return fmean(_ms(one) for one in self.answers)

    @property
    def late_ms(self) -> float:
        """Median milliseconds from the end of the last candidate that came back to the answer."""
        return median(_ms(one) - max(_latencies(one)) for one in self.answers)

    @property
    def too_many(self) -> str:
        """Tokens a cancelled candidate that the worker generated beyond those that were counted."""
        beyond = self.generated - self.tokens * len(self.answers)
        return f"{beyond / self.cancelled:.0f}" if self.cancelled else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What the policies came to, simulated and over HTTP."""

    problems: int
    rounds: int
    orders: int
    sample_tokens: float
    policies: Sequence[tuple[Score, Asked]]

    def markdown(self) -> str:
        """Return the table."""
        rows = [
            (
                simulated.policy.label,
                f"{simulated.tokens:,.0f}",
                f"{asked.tokens:,.0f}",
                f"{simulated.relative_time:.2f}",
                f"{asked.ms / 1_000 * RATE / self.sample_tokens:.2f}",
                f"{asked.late_ms:.1f}",
                asked.too_many,
            )
            for simulated, asked in self.policies
        ]
        text = WORDING.format(
            problems=self.problems,
            pool=POOL.name.partition(".")[0],
            rounds=self.rounds,
            connections=CONNECTIONS,
            rate=RATE,
            orders=self.orders,
            wanted=WANTED_MS,
            interval=RATE * SPACING_S,
        )
        heads = ("policy", "tokens", "over HTTP", "time", "over HTTP", "after the last, ms", "too many")
        return f"{text}\n\n{table(heads, rows)}\n"


def measure_replayed(say: Callable[[str], None], *, problems: int = 30, rounds: int = 4, orders: int = 50) -> Replayed:
    """Simulate the policies on the first problems of the pool, and ask for them."""
    recordings = read_recordings([POOL])[:problems]
    policies = read_policies(WORDS, {})
    say("policies simulated")
    scores, sample_tokens = uvloop.run(_simulated(policies, recordings, orders))
    found: list[tuple[Score, Asked]] = []
    pace = ("--tokens-per-second", str(RATE), "--model", MODEL)
    with replay_worker(str(POOL), *pace) as worker, front("gateway", GATEWAY, worker) as gateway:
        for simulated in scores:
            say(f"{simulated.policy.label} over HTTP")
            asked = uvloop.run(_asked(simulated.policy, recordings, rounds, gateway, worker))
            found.append((simulated, asked))
    return Replayed(problems=len(recordings), rounds=rounds, orders=orders, sample_tokens=sample_tokens, policies=found)


async def _simulated(
    policies: Sequence[Policy], recordings: Sequence[Recorded], orders: int
) -> tuple[list[Score], float]:
    """Return the scores, and the mean length of a sample."""
    plan = Plan(orders=orders, seed=0, processes=usable_cpus())
    decks = await make_decks(recordings, processes=plan.processes)
    played = await play_all(policies, decks, plan, lambda: None)
    return score(policies, decks, played, 0), fmean(deck.mean_tokens for deck in decks)


async def _asked(policy: Policy, recordings: Sequence[Recorded], rounds: int, gateway: Server, worker: Server) -> Asked:
    """Ask for each problem so many times, a few requests at a time."""
    room = asyncio.Semaphore(CONNECTIONS)
    async with httpx2.AsyncClient(timeout=600) as client:

        async def one(recorded: Recorded) -> Json:
            asked = [{"role": "user", "content": recorded.problem.problem}]
            body = {"model": MODEL, "messages": asked, "strategy": policy.strategy.spec}
            async with room:
                answer = await client.post(f"{gateway.url}/v1/chat/completions", json=body)
            return answer.raise_for_status().json()

        before = await _counted(client, worker)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(recorded)) for recorded in [*recordings] * rounds]
        while (counted := await _counted(client, worker))["vllm:num_requests_running"]:  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.01)  # the worker learns a little later that a client went
    totals = {name: counted[name] - before[name] for name in counted}
    return Asked(
        answers=[task.result() for task in tasks],
        generated=totals["replay_worker_generated_tokens_total"],
        cancelled=totals["replay_worker_cancelled_requests_total"],
    )


async def _counted(client: httpx2.AsyncClient, worker: Server) -> dict[str, int]:
    """Return the worker's metrics."""
    text = (await client.get(f"{worker.url}/metrics")).text
    return {name: int(value) for name, value in re.findall(r"^([\w:]+)\S* (\d+)$", text, re.MULTILINE)}


def _ms(answer: Json) -> float:
    timing = answer["quorum"]["timing"]
    return timing["total_ms"] - timing["queue_ms"]


def _latencies(answer: Json) -> list[float]:
    candidates = answer["quorum"]["candidates"]
    return [one["latency_ms"] for one in candidates if one["finish_reason"]]
