"""All of the configuration, as one frozen object."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Literal, Self, cast

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from app.loopback import is_ip, is_loopback
from app.price import Price
from app.redis_client import checked_url
from app.settings.kinds import Key, Keys, Strategy, key_prefix, no_truth, split_commas
from app.settings.origin import CONFIG_VARIABLE, DEFAULT_CONFIG, PREFIX
from app.settings.sections import (
    Admission,
    Discovery,
    Embedded,
    Health,
    Hedges,
    Limits,
    Retries,
    Runs,
    Sandbox,
    Timeouts,
    Webhooks,
)
from app.settings.worker_entry import WorkerEntry
from app.workers.balancing import PolicyName
from app.workers.discovery.keys import DEFAULT_PREFIX

if TYPE_CHECKING:
    from collections.abc import Sequence


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

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth(cls, value: object, info: ValidationInfo) -> object:
        return no_truth(cls, info.field_name, value)

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
