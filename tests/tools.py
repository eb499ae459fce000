"""What verifiers and aggregators are given in tests that have no run around them."""

from __future__ import annotations

import asyncio
import itertools
import resource
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from app.aggregators.base import AggregatorTools
from app.answers.equivalence import Equivalence
from app.candidates import Question, Reply, Usage
from app.errors import InquiryError, ModelNotFoundError, SandboxUnavailableError
from app.inquiry import Said
from app.offload import Offload
from app.sandbox.base import Limits
from app.verifiers.base import VerifierTools
from app.webhooks.allowed import AllowedHosts
from app.webhooks.sender import AioHttpWebhooks
from app.workers.client import HttpClient
from app.workers.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from app.candidates import Candidate
    from app.inquiry import Inquiry
    from app.sandbox.base import Ended, Program
    from app.workers.worker import Worker


class NoSandbox:
    """A sandbox that runs nothing."""

    ceilings = Limits(wall_s=60.0, memory_mb=1_024)
    running = 0
    waiting = 0

    async def check(self) -> None:
        raise SandboxUnavailableError("there is no sandbox here")

    async def run(self, program: Program) -> Ended:
        raise SandboxUnavailableError(f"there is no sandbox here to run {program.command} in")


class ScriptedModels:
    """Models that say what `says` returns for an inquiry, and answer posts by `posted`; `asked` is what came.

    A text is what the model says, an exception what it raises. `names` are the models that there are.
    """

    def __init__(
        self,
        says: Callable[[Inquiry], str | Exception] | None = None,
        posted: Callable[[str, str, Mapping[str, object]], object] | None = None,
        names: tuple[str, ...] = ("judge",),
    ) -> None:
        self.asked: list[Inquiry] = []
        self.prompt_tokens: list[int] = []
        self._says = says
        self._posted = posted
        self._names = names

    def check(self, model: str | None) -> None:
        if model is not None and model not in self._names:
            raise ModelNotFoundError(f"there is no model {model!r}", param="model")

    async def ask(self, inquiry: Inquiry) -> Said:
        await asyncio.sleep(0)
        self.asked.append(inquiry)
        said = self._says(inquiry) if self._says else InquiryError("nobody says anything")
        if isinstance(said, Exception):
            raise said
        return Said(
            reply=Reply(text=said),
            finish_reason="stop",
            worker="w0",
            usage=Usage(prompt=10, completion=len(said.split())),
            latency_ms=1.0,
        )

    async def post(self, model: str, path: str, body: Mapping[str, object], *, prompt_tokens: int) -> bytes:
        await asyncio.sleep(0)
        self.prompt_tokens.append(prompt_tokens)
        answer = self._posted(model, path, body) if self._posted else InquiryError("nobody answers")
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, bytes) else msgspec.json.encode(answer)


def verifier_tools(offload: Offload | None = None, **given: Any) -> VerifierTools:  # noqa: ANN401 - any of the tools
    """Return tools that ask nobody and run nothing, but for what is given."""
    offload = offload or Offload()
    chosen: dict[str, Any] = {
        "run_id": "run",
        "question": Question(messages=[{"role": "user", "content": "How many?"}]),
        "equivalence": Equivalence(offload),
        "offload": offload,
        "models": ScriptedModels(),
        "sandbox": NoSandbox(),
        "webhooks": AioHttpWebhooks(AllowedHosts(()), secret="", timeout_s=1.0),
        "until": float("inf"),
        **given,
    }
    return VerifierTools(**chosen)


def aggregator_tools(models: ScriptedModels | None = None, **given: Any) -> AggregatorTools:  # noqa: ANN401 - as above
    """Return tools that ask nobody, and find nothing out about what was written, but for what is given."""
    chosen: dict[str, Any] = {
        "question": Question(messages=[{"role": "user", "content": "How many?"}]),
        "models": models or ScriptedModels(),
        "examine": _as_it_is,
        "next_index": 9,
        "next_round": 1,
        "seed": 0,
        **given,
    }
    return AggregatorTools(**chosen)


async def _as_it_is(candidate: Candidate) -> Candidate:
    await asyncio.sleep(0)
    return candidate


def unwatched(*workers: Worker) -> Pool:
    """Return a pool of these workers that nobody keeps up to date."""
    return Pool(workers, HttpClient(connect_s=1.0, idle_s=1.0), probe_s=60.0)


@contextmanager
def descriptors_left(free: int) -> Generator[None]:
    """Let this process open no more than so many further file descriptors while the context lasts.

    The limit is on their numbers, of which closed ones have left gaps.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = {int(entry.name) for entry in Path("/proc/self/fd").iterdir()}
    numbers = (number for number in itertools.count() if number not in taken)
    limit = next(itertools.islice(numbers, free, None))
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
