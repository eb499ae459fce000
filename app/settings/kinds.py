"""Kinds of values that several settings have, and how each may be written."""

from __future__ import annotations

import re
from typing import Annotated, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import NoDecode

from app.workers.discovery.base import NAME_PATTERN
from app.workers.discovery.keys import PREFIX_PATTERN


def split_commas(value: object) -> object:
    """Return the parts of a text that is a list, as the environment writes it; anything else as it is."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


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
NUMBERS: tuple[object, ...] = (int, float, int | None, float | None)


def no_truth(model: type[BaseModel], name: str | None, value: object) -> object:
    """Return a value; raises ValueError where it is true or false for a number: pydantic takes them for 1 and 0."""
    annotation: object = model.model_fields[name].annotation if name else None
    if isinstance(value, bool) and annotation in NUMBERS:
        raise ValueError(f"must be a number, not {str(value).lower()}")
    return value


class Section(BaseModel):
    """A table of the configuration file; unknown keys are errors, so that no typing mistake goes unnoticed."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth(cls, value: object, info: ValidationInfo) -> object:
        return no_truth(cls, info.field_name, value)
