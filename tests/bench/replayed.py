"""The gateway on what real models once did: policies over HTTP through replay workers, beside their simulation."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING

import uvloop

from app.replay.deck import make_decks
from app.replay.figures import clustered
from app.replay.naming import read_policies
from app.replay.playing import Plan, play_all
from app.replay.recording import read_recordings
from app.replay.worker.pace import Pace
from app.workers.cpus import usable_cpus
from tests.bench.asking import Load
from tests.bench.measure import ALL_IN
from tests.bench.processes import GATEWAY, front, replay_worker
from tests.bench.report import table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.replay.deck import Deck
    from app.replay.figures import Estimate
    from app.replay.playing import Means
    from app.replay.policy import Policy
    from app.replay.recording import Recorded
    from tests.bench.asking import Answered

DATA = Path(os.environ.get("REPLAY_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
POOLS = tuple(sorted((DATA / "pools").glob("*.jsonl.gz")))
WORDS = (
    "single",
    'SC@16={"type": "parallel", "n": 16, "stop": "none"}',
    "decided of 16=faithful",
    "race 2 of 12=fast",
    "race 2 of 16 by threes=frugal",
    'first 8 of 16={"type": "parallel", "n": 16, "stop": {"type": "finishers", "count": 8}}',
)
PACE = Pace(tokens_per_second=50, speedup=40)
INTERVAL = PACE.piece(8)
"""Tokens of a piece: vLLM is asked for eight where nobody watches."""

CONNECTIONS = 32
WANTED_MS = 10

WORDING = """\
**On recorded samples of real models** ({problems} problems of {pools} pools, each with a replay worker of its own):
each policy asked {rounds} a problem over HTTP, {connections} requests at a time, {rate:,.0f} tokens a second for each
completion ({base:.0f}, sped up {speedup:.0f} times); beside it the same by `quorum replay` over {orders} orders.
*Accuracy* is in %, over HTTP as the difference, problem by problem, with its 95% interval. *Time* is over the mean
length of a sample, without that in the queue. *First byte* is the median from the end of the last candidate that came
back, by what the gateway says of how long each took, to the answer's first byte at the client, so the way of the
request is in it; wanted: under {wanted} ms. *Beyond the tokens* is the median of all the time that generating tokens
doesn't explain. *Too many* are the tokens of a cancelled candidate that the worker generated and nobody counted,
those not yet sent included; wanted: under the {interval} of one streaming interval. *Spared* are the tokens of an
answer that all its samples would have taken beyond those that were counted, *estimated* what responses tell of that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A policy simulated, problem by problem, and over HTTP, where `right` are the shares of right answers.

    `lengths` are the mean lengths of the problems' samples, in tokens, `problems` their texts, which intervals go by.
    """

    policy: Policy
    lengths: Sequence[float]
    problems: Sequence[str]
    simulated: Sequence[Means]
    answers: Sequence[Answered]
    right: Sequence[float]
    generated: int
    cancelled: int

    @property
    def difference(self) -> Estimate:
        """The accuracy over HTTP less the simulated one."""
        more = [right - means.accuracy for right, means in zip(self.right, self.simulated, strict=True)]
        return clustered(more, self.problems)

    @property
    def too_many(self) -> str:
        """Tokens a cancelled candidate that the workers generated beyond those that were counted."""
        beyond = self.generated - sum(answer.tokens for answer in self.answers)
        return f"{beyond / self.cancelled:.0f}" if self.cancelled else ""

    @property
    def spared(self) -> float:
        """Tokens an answer that all the policy's samples would have taken beyond those that were counted."""
        whole = self.policy.strategy.draws * fmean(self.lengths)
        return whole - fmean(answer.tokens for answer in self.answers)

    def row(self) -> Sequence[str]:
        """Return the policy's row."""
        width, difference, sample_tokens = self.policy.strategy.width, self.difference, fmean(self.lengths)
        served_s = fmean(answer.served_s for answer in self.answers)
        late_s = median(answer.after_the_last_s(width) for answer in self.answers)
        beyond_s = median(answer.beyond_the_tokens_s(width, PACE.rate) for answer in self.answers)
        return (
            self.policy.label,
            f"{100 * fmean(one.accuracy for one in self.simulated):.1f}",
            f"{100 * difference.mean:+.1f} ± {100 * (difference.half_width or 0):.1f}",
            f"{fmean(one.tokens for one in self.simulated):,.0f}",
            f"{fmean(answer.tokens for answer in self.answers):,.0f}",
            f"{fmean(one.time for one in self.simulated) / sample_tokens:.2f}",
            f"{served_s * PACE.rate / sample_tokens:.2f}",
            f"{1_000 * late_s:.1f}",
            f"{1_000 * beyond_s:.1f}",
            self.too_many,
            f"{self.spared:,.0f}",
            f"{fmean(answer.saved_estimate for answer in self.answers):,.0f}",
        )


HEADS = (
    *("policy", "accuracy", "over HTTP", "tokens", "over HTTP", "time", "over HTTP"),
    *("first byte, ms", "beyond the tokens, ms", "too many", "spared", "estimated"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What the policies came to, simulated and over HTTP."""

    rounds: int
    orders: int
    policies: Sequence[Compared]

    def markdown(self) -> str:
        """Return the table."""
        text = WORDING.format(
            problems=len(self.policies[0].simulated),
            pools=len(POOLS),
            rounds="once" if self.rounds == 1 else f"{self.rounds} times",
            connections=CONNECTIONS,
            rate=PACE.rate,
            base=PACE.tokens_per_second,
            speedup=PACE.speedup,
            orders=self.orders,
            wanted=WANTED_MS,
            interval=INTERVAL,
        )
        return f"{text}\n\n{table(HEADS, [one.row() for one in self.policies])}\n"


def measure_replayed(say: Callable[[str], None], *, problems: int = 30, rounds: int = 2, orders: int = 100) -> Replayed:
    """Simulate the policies on the first problems of each pool, and ask for them over HTTP."""
    pools = {_model(file): read_recordings([file])[:problems] for file in POOLS}
    policies = read_policies(WORDS, {})
    decks, played = uvloop.run(_simulated(policies, [one for pool in pools.values() for one in pool], orders))
    say("policies simulated")
    found: list[Compared] = []
    with ExitStack() as stack:
        workers = [stack.enter_context(replay_worker(str(file), *_options(file))) for file in POOLS]
        gateway = stack.enter_context(front("gateway", GATEWAY, *workers, environment=ALL_IN))
        questions = [(model, one.problem.problem) for model, pool in pools.items() for one in pool]
        load = Load(questions=questions, rounds=rounds, at_once=CONNECTIONS, gateway=gateway, workers=workers)
        for number, policy in enumerate(policies):
            say(f"{policy.label} over HTTP")
            answers, counted = uvloop.run(load.ask(policy.strategy))
            found.append(
                Compared(
                    policy=policy,
                    lengths=[deck.mean_tokens for deck in decks],
                    problems=[deck.problem for deck in decks],
                    simulated=[means[number] for means in played],
                    answers=answers,
                    right=_right(answers, decks),
                    generated=counted["replay_worker_generated_tokens_total"],
                    cancelled=counted["replay_worker_cancelled_requests_total"],
                )
            )
    return Replayed(rounds=rounds, orders=orders, policies=found)


def _model(file: Path) -> str:
    """Return what a pool's worker calls its model."""
    return file.name.partition(".jsonl")[0]


def _options(file: Path) -> Sequence[str]:
    """Return the options of a pool's worker."""
    pace = ("--tokens-per-second", str(PACE.tokens_per_second), "--speedup", str(PACE.speedup))
    return ("--model", _model(file), *pace)


async def _simulated(
    policies: Sequence[Policy], recordings: Sequence[Recorded], orders: int
) -> tuple[list[Deck], list[tuple[Means, ...]]]:
    """Return the decks, and what each policy came to on each of them."""
    plan = Plan(orders=orders, seed=0, processes=usable_cpus())
    decks = await make_decks(recordings, processes=plan.processes)
    return decks, await play_all(policies, decks, plan, lambda: None)


def _right(answers: Sequence[Answered], decks: Sequence[Deck]) -> list[float]:
    """Return the share of right answers to each problem."""
    right = [
        {one.answer.text for one in deck.candidates if one.answer is not None and one.cluster in deck.right}
        for deck in decks
    ]
    marks: list[list[bool]] = [[] for _ in decks]
    for answer in answers:
        marks[answer.question].append(answer.said in right[answer.question])
    return [fmean(some) for some in marks]
