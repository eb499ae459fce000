"""The tables of the configuration, each with its keys, their defaults and bounds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import AnyHttpUrl, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from app.settings.kinds import Burst, Section, Share, split_commas
from app.webhooks.allowed import AllowedHosts
from app.workers.discovery.address import address
from app.workers.health import HealthRules
from app.workers.retries import HEDGE_BURST, HEDGE_SHARE, RETRY_BURST, RETRY_SHARE

MIB = 1024 * 1024
RULES = HealthRules()


class Limits(Section):
    """Bounds on what a request may ask for."""

    max_body_bytes: int = Field(default=8 * MIB, ge=1_024)
    max_message_chars: int = Field(default=2_000_000, ge=1)
    max_messages: int = Field(default=2_048, ge=1)
    max_candidates: int = Field(default=64, ge=1, le=1_024)
    max_calls: int = Field(default=2_048, ge=1)
    max_pad_tokens: int = Field(default=32_768, ge=0, le=1_000_000)
    max_in_flight_per_worker: int = Field(default=256, ge=1)
    deadline_s: float = Field(default=600.0, gt=0.0, le=86_400.0)


class Admission(Section):
    """Who waits when the workers are full: candidates of all models at once, requests that wait a model, seconds."""

    max_in_flight: int | None = Field(default=None, ge=1)
    max_waiting: int = Field(default=1_024, ge=0)
    max_waiting_bytes: int = Field(default=256 * MIB, ge=0)
    max_wait_s: float | None = Field(default=None, gt=0.0)
    no_worker_wait_s: float = Field(default=5.0, ge=0.0)


class Timeouts(Section):
    """Seconds: to connect to a worker, of silence in a worker's stream, and between two looks at the workers."""

    connect_s: float = Field(default=5.0, gt=0.0)
    idle_s: float = Field(default=120.0, gt=0.0)
    probe_s: float = Field(default=10.0, gt=0.0)


class Discovery(Section):
    """Where workers are found beside the list: at the addresses of DNS names, and in Redis."""

    dns: Annotated[tuple[AnyHttpUrl, ...], NoDecode] = ()
    dns_every_s: float = Field(default=10.0, ge=0.1)
    dns_timeout_s: float = Field(default=5.0, gt=0.0)
    dns_forget_s: float = Field(default=60.0, ge=0.0)
    registry: bool = True

    @field_validator("dns", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        return split_commas(value)

    @field_validator("dns")
    @classmethod
    def _plain(cls, urls: tuple[AnyHttpUrl, ...]) -> tuple[AnyHttpUrl, ...]:
        for url in urls:
            address(str(url))
            if url.scheme != "http":
                raise ValueError("workers behind a DNS name are asked by their addresses, which TLS can't vouch for")
        return urls


class Health(Section):
    """When a worker is taken out of service, and how it comes back; `app.workers.health` has the rules."""

    strikes: int = Field(default=RULES.strikes, ge=1)
    backoff_s: float = Field(default=RULES.backoff_s, gt=0.0)
    max_backoff_s: float = Field(default=RULES.max_backoff_s, gt=0.0)
    slow_start_s: float = Field(default=RULES.slow_start_s, ge=0.0)
    max_ejected: Share = RULES.max_ejected

    @model_validator(mode="after")
    def _growing(self) -> Self:
        if self.max_backoff_s < self.backoff_s:
            raise ValueError(
                f"the longest ejection, max_backoff_s = {self.max_backoff_s:g}, is shorter than the first, backoff_s = "
                f"{self.backoff_s:g}: raise max_backoff_s, or lower backoff_s"
            )
        return self

    def rules(self) -> HealthRules:
        """Return them as the pool takes them."""
        return HealthRules(**self.model_dump())


class Retries(Section):
    """How many calls that failed may be made anew: this `share` of all calls, and at most `burst` at once."""

    share: Share = RETRY_SHARE
    burst: Burst = RETRY_BURST


class Hedges(Section):
    """How many calls may be made a second time beside the first: as with `Retries`."""

    share: Share = HEDGE_SHARE
    burst: Burst = HEDGE_BURST


class Embedded(Section):
    """The llama.cpp worker that runs where no other is configured. `context` is in tokens a slot."""

    model: Path | None = None
    slots: int = Field(default=8, ge=1, le=64)
    context: int = Field(default=2_048, ge=256, le=1_048_576)

    @field_validator("model")
    @classmethod
    def _named(cls, model: Path | None) -> Path | None:
        if model == Path():
            raise ValueError("must name a file; leave it out for the built-in model")
        return model


class Runs(Section):
    """How much of the recent runs is kept for `GET /v1/runs/{id}`."""

    keep: int = Field(default=1_000, ge=0)
    max_bytes: int = Field(default=64 * MIB, ge=0)


class Sandbox(Section):
    """Where programs that nobody trusts run, and the most that they get there; `slots` run at once."""

    url: AnyHttpUrl | None = None
    slots: int | None = Field(default=None, ge=1, le=1_024)
    max_waiting: int = Field(default=8_192, ge=0)
    python: Path | None = None
    read_only: Annotated[tuple[Path, ...], NoDecode] = ()
    max_time_limit_s: float = Field(default=60.0, gt=0.0, le=3_600.0)
    max_memory_mb: int = Field(default=1_024, ge=32)

    @field_validator("read_only", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        return split_commas(value)

    @field_validator("python", "read_only")
    @classmethod
    def _absolute(cls, value: Path | tuple[Path, ...] | None) -> Path | tuple[Path, ...] | None:
        paths = value if isinstance(value, tuple) else () if value is None else (value,)
        if relative := [str(path) for path in paths if not path.is_absolute()]:
            raise ValueError(f"{relative[0]!r} is no absolute path")
        return value


class Webhooks(Section):
    """Where the verifier `webhook` may send, the secret that its requests are signed with, and seconds a try."""

    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    secret: Annotated[SecretStr, Field(min_length=16)] | None = None
    timeout_s: float = Field(default=30.0, gt=0.0, le=3_600.0)

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        return split_commas(value)

    @field_validator("allowed_hosts")
    @classmethod
    def _readable(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        AllowedHosts(hosts)
        return hosts

    @model_validator(mode="after")
    def _signed(self) -> Self:
        if self.allowed_hosts and self.secret is None:
            raise ValueError("allowed_hosts needs a secret, by which receivers know who sends: set webhooks.secret")
        return self
