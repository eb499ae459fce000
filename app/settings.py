"""The server's configuration: `quorum.toml`, `QUORUM_*` environment variables and flags, later ones winning.

A nested key is written with two underscores in the environment: `QUORUM_LIMITS__MAX_CANDIDATES=32`. Every key, its
default and its meaning stand in docs/configuration.md and, as an example, in deploy/quorum.example.toml.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, cast

from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from app.loopback import is_ip, is_loopback
from app.origin import PREFIX, Origin
from app.price import Price
from app.redis_client import checked_url
from app.webhooks.allowed import AllowedHosts
from app.wording import complaint, no_variables, unreadable
from app.workers.balancing import PolicyName
from app.workers.discovery.address import address
from app.workers.discovery.base import MAX_LABELS, NAME_PATTERN, Announced, check_labels
from app.workers.discovery.keys import DEFAULT_PREFIX, PREFIX_PATTERN
from app.workers.health import HealthRules
from app.workers.retries import HEDGE_BURST, HEDGE_SHARE, RETRY_BURST, RETRY_SHARE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CONFIG_VARIABLE = "QUORUM_CONFIG"
DEFAULT_CONFIG = "quorum.toml"
MIB = 1024 * 1024
RULES = HealthRules()


def sendable(key: SecretStr) -> SecretStr:
    """Return a key; raises ValueError, which doesn't repeat it, where no header can hold it as it is."""
    text = key.get_secret_value()
    if not text.isprintable():
        raise ValueError("the key holds a line break or another character that can't be sent: write the key alone")
    if text != text.strip():
        raise ValueError("the key begins or ends with a space: write the key alone")
    return key


Key = Annotated[SecretStr, AfterValidator(sendable)]
Keys = Annotated[tuple[Annotated[Key, Field(min_length=1)], ...], NoDecode]
"""Bearer tokens; the environment separates them by commas."""


def worker_name(text: str) -> str:
    """Return a worker's name; raises ValueError where it can't be one."""
    if not re.fullmatch(NAME_PATTERN, text):
        raise ValueError("must be 1 to 64 letters, digits or signs of ASCII, without spaces")
    return text


def key_prefix(text: str) -> str:
    """Return the beginning of Redis' keys; raises ValueError where it can't be one."""
    if not re.fullmatch(PREFIX_PATTERN, text):
        raise ValueError("must be 1 to 64 letters, digits or : . _ - of ASCII, beginning with a letter or digit")
    return text


def short_or_spec(value: object) -> object:
    """Return a strategy as it may be written; raises ValueError where it can't be one."""
    if not isinstance(value, (str, dict)):
        raise ValueError(  # noqa: TRY004 - what pydantic takes
            'must be a short form such as "parallel-8", the name of a preset, or a table with a type'
        )
    return cast("object", value)


Strategy = Annotated[str | dict[str, object], BeforeValidator(short_or_spec)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Burst = Annotated[float, Field(ge=0.0)]


class ConfigurationError(Exception):
    """The configuration can't be used; the message says what to change."""


class NoFileError(ConfigurationError):
    """There is no file where one is named."""


class Section(BaseModel):
    """A table of the configuration file; unknown keys are errors, so that no typing mistake goes unnoticed."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


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


class WorkerEntry(Section):
    """A worker of the list: a table, or just its address."""

    url: AnyHttpUrl
    name: Annotated[str, AfterValidator(worker_name)] | None = None
    limit: int | None = Field(default=None, ge=1)
    labels: dict[str, str] = Field(default={}, max_length=MAX_LABELS)

    @field_validator("url")
    @classmethod
    def _usable(cls, url: AnyHttpUrl) -> AnyHttpUrl:
        address(str(url))
        return url

    @field_validator("labels")
    @classmethod
    def _short(cls, labels: dict[str, str]) -> dict[str, str]:
        return check_labels(labels)

    @property
    def announced(self) -> Announced:
        """The worker as sources name it."""
        return Announced(url=address(str(self.url)), name=self.name, labels=self.labels, limit=self.limit)


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


class Settings(BaseSettings):
    """All of the configuration."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid", allow_inf_nan=False
    )

    host: str = "127.0.0.1"
    port: int = Field(default=8_000, ge=0, le=65_535)
    processes: int = Field(default=1, ge=1, le=64)
    insecure: bool = False
    api_keys: Keys = ()
    admin_keys: Keys = ()
    shutdown_grace_s: float = Field(default=30.0, ge=0.0)
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    workers: Annotated[tuple[WorkerEntry, ...], NoDecode] = ()
    worker_api_key: Key | None = None
    discovery: Discovery = Discovery()
    aliases: dict[Annotated[str, Field(min_length=1)], Annotated[str, Field(min_length=1)]] = {}
    redis_url: SecretStr | None = None
    redis_prefix: Annotated[str, AfterValidator(key_prefix)] = DEFAULT_PREFIX
    embedded: Embedded = Embedded()

    balancing: PolicyName = "two_choices"
    health: Health = Health()
    retries: Retries = Retries()
    hedges: Hedges = Hedges()

    default_strategy: Strategy = "single"
    presets: dict[str, Strategy] = {}
    prices: dict[str, Price] = {}

    limits: Limits = Limits()
    admission: Admission = Admission()
    timeouts: Timeouts = Timeouts()
    runs: Runs = Runs()
    sandbox: Sandbox = Sandbox()
    webhooks: Webhooks = Webhooks()

    @field_validator("host")
    @classmethod
    def _alone(cls, host: str) -> str:
        if (":" in host and not is_ip(host)) or any(sign in host for sign in "/[] "):
            raise ValueError("must be an address or a name alone, without scheme, brackets, spaces or port")
        return host

    @field_validator("api_keys", "admin_keys", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        return split_commas(value)

    @field_validator("workers", mode="before")
    @classmethod
    def _tables(cls, value: object) -> object:
        """Let an address stand for the table that holds nothing else."""
        listed = split_commas(value)
        if not isinstance(listed, (list, tuple)):
            return listed
        entries = cast("Sequence[object]", listed)
        if not all(isinstance(one, (str, dict, WorkerEntry)) for one in entries):
            raise ValueError("each entry must be an address such as http://HOST:PORT, or a table with a url")
        return [{"url": one} if isinstance(one, str) else one for one in entries]

    @field_validator("workers")
    @classmethod
    def _told_apart(cls, workers: tuple[WorkerEntry, ...]) -> tuple[WorkerEntry, ...]:
        names = [worker.name for worker in workers if worker.name is not None]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two workers are called {twice[0]!r}")
        urls = [worker.announced.url for worker in workers]
        if twice := [url for url in urls if urls.count(url) > 1]:
            raise ValueError(f"{twice[0]} is listed twice: list each worker once")
        return workers

    @field_validator("redis_url")
    @classmethod
    def _of_redis(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            checked_url(url.get_secret_value())
        return url

    @field_validator("admin_keys")
    @classmethod
    def _no_clients(cls, keys: tuple[SecretStr, ...], info: ValidationInfo) -> tuple[SecretStr, ...]:
        if set(keys) & set(info.data.get("api_keys", ())):
            raise ValueError("a key of a client may not open the admin API: admin_keys and api_keys have one in common")
        return keys

    @property
    def embeds(self) -> bool:
        """Whether the embedded worker runs, as no other is configured."""
        return not (self.workers or self.discovery.dns or self.redis_url)

    @model_validator(mode="after")
    def _guarded_unless_local(self) -> Self:
        if not (self.api_keys or self.insecure or is_loopback(self.host)):
            raise ValueError(
                f"host {self.host!r} can be reached from other machines: set api_keys (QUORUM_API_KEYS), or say "
                "--insecure if something else guards the server"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - no .env file is read
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - nor a directory of secrets
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Rank the sources: flags, environment, file."""
        return init_settings, env_settings, cls.written(settings_cls)

    @classmethod
    def written(cls, settings_cls: type[BaseSettings]) -> PydanticBaseSettingsSource:
        """Return what the configuration file says."""
        path = os.environ.get(CONFIG_VARIABLE, DEFAULT_CONFIG)
        return TomlConfigSettingsSource(settings_cls, toml_file=path)


def configured_file(named: Path | None) -> Path | None:
    """Return the configuration file: the one `named`, or else that of `QUORUM_CONFIG`, or `quorum.toml` if it is there.

    Raises `ConfigurationError` where the variable is empty.
    """
    if named is not None:
        return named
    if (variable := os.environ.get(CONFIG_VARIABLE)) is None:
        return Path(DEFAULT_CONFIG) if os.path.lexists(DEFAULT_CONFIG) else None
    if not variable:
        raise ConfigurationError(f"{CONFIG_VARIABLE} is empty: let it name a file, or unset it")
    return Path(variable)


def read_toml(path: Path) -> dict[str, object]:
    """Return what the configuration file holds. Raises `ConfigurationError`."""
    named = f"{path}, which {CONFIG_VARIABLE} names," if os.environ.get(CONFIG_VARIABLE) == str(path) else str(path)
    try:
        return told_apart(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise NoFileError(f"there is no configuration file {named.rstrip(',')}") from None
    except OSError as error:
        raise ConfigurationError(f"the configuration file {named} can't be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ConfigurationError(f"{named} is not TOML, which is written in UTF-8") from None
    except RecursionError:
        raise ConfigurationError(f"{named} is nested too deep") from None
    except ValueError as error:
        raise ConfigurationError(f"{named} is not TOML: {error}") from error


def told_apart(written: dict[str, object]) -> dict[str, object]:
    """Return what is written; raises ValueError where a key stands twice, in capitals and not, as one would be lost."""
    names = [name.lower() for name in written]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"{twice[0]} stands twice in it")
    return written


def load_settings(file: Path | None, flags: Mapping[str, object]) -> Settings:
    """Return the settings of `flags`, environment and the `configured_file`.

    Raises `ConfigurationError`, whose message says in one line what to change.
    """
    path = configured_file(file)
    written = read_toml(path) if path is not None else {}
    if unknown := unknown_variables(os.environ):
        raise ConfigurationError(no_variables(unknown, Settings))

    class Configured(Settings):
        """The settings with their file."""

        @classmethod
        def written(cls, settings_cls: type[BaseSettings]) -> PydanticBaseSettingsSource:
            return InitSettingsSource(settings_cls, init_kwargs=written)

    try:
        return Configured(**cast("dict[str, Any]", flags))
    except ValidationError as error:
        origin = Origin(flags=flags, environment=os.environ, written=written, file=path)
        raise ConfigurationError(complaint(error, Settings, origin)) from error
    except SettingsError as error:
        raise ConfigurationError(unreadable(error)) from None


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Return the variables that look like settings and are none."""
    known = {CONFIG_VARIABLE, *(PREFIX + name.upper() for name in Settings.model_fields)}
    ours = (name for name in environment if name.upper().startswith(PREFIX))
    return sorted(name for name in ours if name.upper().partition("__")[0] not in known)


def split_commas(value: object) -> object:
    """Return the parts of a text that is a list, as the environment writes it; anything else as it is."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
