"""Reading the configuration: the file, the environment and the flags, later ones winning."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError
from pydantic_settings import InitSettingsSource, SettingsError

from app.settings.origin import CONFIG_VARIABLE, DEFAULT_CONFIG, PREFIX, Origin
from app.settings.settings import Settings
from app.settings.wording import complaint, no_variables, unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_settings import BaseSettings, PydanticBaseSettingsSource


class ConfigurationError(Exception):
    """The configuration can't be used; the message says what to change."""


class NoFileError(ConfigurationError):
    """There is no file where one is named."""


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
    return settings_of(written_in(path), path, flags)


def written_in(path: Path | None) -> dict[str, object]:
    """Return what the `configured_file` holds: nothing where there is none. Raises `ConfigurationError`."""
    return read_toml(path) if path is not None else {}


def settings_of(written: Mapping[str, object], path: Path | None, flags: Mapping[str, object]) -> Settings:
    """Return the settings of `flags`, environment and what is `written` in a file. Raises `ConfigurationError`."""
    if unknown := unknown_variables(os.environ):
        raise ConfigurationError(no_variables(unknown, Settings))

    class Configured(Settings):
        """The settings with their file."""

        @classmethod
        def written(cls, settings_cls: type[BaseSettings]) -> PydanticBaseSettingsSource:
            return InitSettingsSource(settings_cls, init_kwargs=dict(written))

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
