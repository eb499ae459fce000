"""What `quorum worker` was asked to run."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.loopback import is_loopback
from app.worker.flags import named, value_of
from app.workers.discovery.address import address
from app.workers.discovery.base import NAME_PATTERN, Announced, check_labels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SHUTDOWN_TIMEOUT_S = 30
SERVER = "vllm.entrypoints.openai.api_server"
HELPFUL = (
    "--enable-prefix-caching",  # candidates of a request share one prefill, a chain's next round has the earlier one's
    "--enable-prompt-tokens-details",  # how much of a prompt came from that cache, which is priced apart
    "--enable-server-load-tracking",  # what is running and waiting, which balancing goes by
)
REFUSED = ("--uds", "--ssl-keyfile", "--ssl-certfile", "--root-path")
EVERYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - what is told apart, not bound


class UnusablePlanError(Exception):
    """vLLM can't be started so; the message says what to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A model, where it shall be served and how gateways get to know; flags of the user's own win over all others."""

    model: str
    host: str = "127.0.0.1"
    port: int = 8_001
    advertise: str | None = None
    name: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    limit: int | None = None
    python: Path | None = None
    flags: Sequence[str] = ()

    def check(self) -> None:
        """Raise `UnusablePlanError` where vLLM can't be started, or found, so."""
        if refused := sorted(named(self.flags) & set(REFUSED)):
            raise UnusablePlanError(f"a worker is asked over plain HTTP at its port, so it can't have {refused[0]}")
        for name in ("--port", "--shutdown-timeout"):
            given = value_of(name, self.flags)
            if given is not None and not given.isdecimal():
                raise UnusablePlanError(f"{name} {given} is no whole number")
        self._check_announced()
        self.command  # noqa: B018 - raises itself

    def _check_announced(self) -> None:
        """Raise `UnusablePlanError` where no gateway would take the worker as it is announced."""
        if self.name is not None and not re.fullmatch(NAME_PATTERN, self.name):
            raise UnusablePlanError("--name must be 1 to 64 letters, digits or signs of ASCII, without spaces")
        if self.limit is not None and self.limit < 1:
            raise UnusablePlanError(f"--limit must be at least 1, not {self.limit}")
        flag = "--label"
        try:
            check_labels(self.labels)
            flag = "--host"
            address(self.own_url)
            flag = "--advertise"
            address(self.announced.url)
        except ValueError as error:
            raise UnusablePlanError(f"{flag}: {error}") from None

    @property
    def own_url(self) -> str:
        """Where this machine reaches the server."""
        host = value_of("--host", self.flags) or self.host
        port = value_of("--port", self.flags) or self.port
        reached = "127.0.0.1" if host in EVERYWHERE else host
        return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"

    @property
    def listens_everywhere(self) -> bool:
        """Whether the server listens on every address of the machine, so that none of them is the one to tell."""
        return (value_of("--host", self.flags) or self.host) in EVERYWHERE

    @property
    def announced(self) -> Announced:
        """The worker as gateways shall know it."""
        return Announced(url=self.advertise or self.own_url, name=self.name, labels=self.labels, limit=self.limit)

    @property
    def only_local(self) -> bool:
        """Whether just this machine reaches the address that gateways are told."""
        return self.advertise is None and is_loopback(value_of("--host", self.flags) or self.host)

    @property
    def shutdown_timeout_s(self) -> int:
        """Seconds that vLLM gives requests to finish, once it is told to end."""
        return int(value_of("--shutdown-timeout", self.flags) or SHUTDOWN_TIMEOUT_S)

    @property
    def command(self) -> list[str]:
        """The command line of vLLM. Raises `UnusablePlanError` where no vLLM is found."""
        where = ["--host", self.host, "--port", str(self.port), "--shutdown-timeout", str(SHUTDOWN_TIMEOUT_S)]
        return [*self._program(), *where, *HELPFUL, *self.flags]

    def _program(self) -> list[str]:
        """Return how vLLM is called: the interpreter named, the command `vllm`, or this interpreter."""
        if self.python is not None:
            return [str(self.python), "-m", SERVER, "--model", self.model]
        if (command := shutil.which("vllm")) is not None:
            return [command, "serve", self.model]
        if importlib.util.find_spec("vllm") is not None:
            return [sys.executable, "-m", SERVER, "--model", self.model]
        raise UnusablePlanError("there is no vLLM here: name the Python of its environment with --python")
