"""What a fan-out costs in prefill on a real vLLM, by its own counters."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx2

from tests.bench.processes import GATEWAY, Server, front
from tests.bench.report import table
from tests.vllm.counters import settled
from tests.vllm.servers import HOME, vllm

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.vllm.servers import Vllm

INSTALLED = HOME / ".installed"
INSTALL = "tests/vllm/install.sh"

MODEL = "smollm2"
WIDTH = 16
WORDS = 1_465
"""Each is about a token; with the chat template around them the prompt has about 1,500."""
BLOCK = 128
"""Tokens in a block of vLLM's cache on CPUs."""
WANTED = 1.1
LIMIT_S = 300.0

WORDING = """\
**Prefill of a fan-out.** One `parallel-{width}` request through a gateway to one real vLLM on CPUs. *Computed* are the
prompt tokens that vLLM counted, less those that it found in its prefix cache; what is needed is one prompt, and for
each of the {siblings} siblings the block that its prompt ends in, of {block} tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefill:
    """Prompt tokens of one fan-out: of one candidate, and those that each server computed and found in its cache."""

    width: int
    prompt: int
    computed: Sequence[int]
    cached: Sequence[int]

    @property
    def needed(self) -> int:
        """One prompt, and a block for each sibling."""
        return self.prompt + (self.width - 1) * BLOCK

    @property
    def ratio(self) -> float:
        """What all servers computed, as a multiple of what is needed."""
        return sum(self.computed) / self.needed

    def markdown(self) -> str:
        """Return the table, with what is wanted."""
        rows = (
            ("prompt tokens a candidate", f"{self.prompt:,}", ""),
            (f"prompt tokens of all {self.width}", f"{self.prompt * self.width:,}", ""),
            ("from the prefix cache", f"{sum(self.cached):,}", ""),
            ("computed", f"{sum(self.computed):,}", ""),
            ("needed", f"{self.needed:,}", ""),
            ("computed of needed", f"{self.ratio:.2f}", f"<= {WANTED:g}"),
        )
        text = WORDING.format(width=self.width, siblings=self.width - 1, block=BLOCK)
        return f"{text}\n\n{table(('figure', 'measured', 'wanted'), rows)}\n"


def measure_prefill(say: Callable[[str], None]) -> Prefill:
    """Start a vLLM and a gateway before it, and measure one fan-out."""
    say("starting vLLM, which takes half a minute or more")
    with vllm("generate", MODEL) as server:
        worker = Server(name="vllm", pid=server.pid, port=int(server.url.rpartition(":")[2]))
        with front("gateway", GATEWAY, worker) as gateway:
            say(f"one request of parallel-{WIDTH}")
            return fan_out(gateway.url, [server], MODEL)


def fan_out(url: str, servers: Sequence[Vllm], model: str) -> Prefill:
    """Send one request to the gateway at `url`, before idle `servers`, whose prompt none of them has seen."""
    before = [settled(server) for server in servers]
    words = random.choices(("river", "stone", "garden", "paper"), k=WORDS)
    body = {
        "model": model,
        "messages": [{"role": "user", "content": " ".join(words)}],
        "strategy": {"type": "parallel", "n": WIDTH, "stop": "none"},
        "max_tokens": 2,
    }
    response = httpx2.post(f"{url}/v1/chat/completions", json=body, timeout=LIMIT_S)
    response.raise_for_status()
    spent = [settled(server) - earlier for server, earlier in zip(servers, before, strict=True)]
    return Prefill(
        width=WIDTH,
        prompt=response.json()["usage"]["prompt_tokens"] // WIDTH,
        computed=[one.computed for one in spent],
        cached=[one.cached for one in spent],
    )
