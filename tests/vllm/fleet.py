"""A real gateway before real vLLM servers, and how tests talk to it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.vllm.counters import Counters, counters, in_flight, settled, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx2

    from tests.vllm.servers import Vllm

MODEL = "smollm2"
QUESTION = "Tell me a story about a fox and a river."
PATH = "/v1/chat/completions"
START_LIMIT_S = 30.0

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The servers, in the order in which the gateway at `url` knows them as `w0`, `w1` and so on."""

    servers: tuple[Vllm, ...]
    url: str
    client: httpx2.Client

    def ask(self, strategy: str | Mapping[str, object], **fields: object) -> httpx2.Response:
        """Ask the gateway; `fields` join the request's body."""
        return self.client.post(PATH, json=body(strategy, **fields))

    def answer(self, strategy: str | Mapping[str, object], **fields: object) -> Json:
        """Ask, and return the body of the answer, which must be a good one."""
        response = self.ask(strategy, **fields)
        assert response.status_code == 200, response.text
        return response.json()

    def stream(self, strategy: str | Mapping[str, object], **fields: object) -> list[str]:
        """Ask for a stream and return the data of its events; it must begin well."""
        response = self.ask(strategy, stream=True, **fields)
        assert response.status_code == 200, response.text
        return [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]

    def settled(self) -> Counters:
        """Wait until the servers have nothing to do; return what they have counted together."""
        return sum(map(settled, self.servers), Counters())

    def at_work(self) -> Vllm:
        """Wait until a server generates, and return it."""
        known = dict.fromkeys(self.servers, math.inf)
        working: list[Vllm] = []

        def look() -> bool:
            for server in self.servers:
                tokens, before = counters(server).generated, known[server]
                known[server] = tokens
                if tokens > before and in_flight(server):
                    working.append(server)
            return bool(working)

        wait_until(look, within_s=START_LIMIT_S)
        return working[0]

    def up(self) -> list[bool]:
        """Return of each server whether the gateway takes it to be in service."""
        text = self.client.get("/metrics").text
        rows = (line for line in text.splitlines() if line.startswith("quorum_worker_up{"))
        return [float(row.rpartition(" ")[2]) == 1 for row in rows]


def body(strategy: str | Mapping[str, object], **fields: object) -> Json:
    """Return a request; what `fields` don't say is the same in all."""
    messages = [{"role": "user", "content": QUESTION}]
    return {"model": MODEL, "messages": messages, "strategy": strategy, "seed": 7, "temperature": 1.0, **fields}


def account(events: list[str]) -> Json:
    """Return the chunk of a stream that bears the usage."""
    (chunk,) = (chunk for chunk in map(json.loads, events[:-1]) if chunk.get("usage"))
    return chunk
