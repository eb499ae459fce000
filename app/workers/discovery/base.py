"""What every source of workers gives: `Announced` workers, by `Source.watch`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence  # noqa: TC003 - msgspec reads the annotations
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from app.workers.discovery.standing import Standing  # noqa: TC001 - part of what a source is

NAME_PATTERN = r"^[!-~]{1,64}$"
"""What a worker may be called: it stands in logs, metrics and responses."""

MAX_LABELS = 16
MAX_LABEL_CHARS = 64
MAX_URL_CHARS = 2_048
MAX_LIMIT = 1_000_000
"""Candidates that a worker may be said to draw at once."""


def check_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels; raises ValueError where there are too many, or one is empty or long."""
    if len(labels) > MAX_LABELS:
        raise ValueError(f"a worker has at most {MAX_LABELS} labels")
    if not all(1 <= len(text) <= MAX_LABEL_CHARS for pair in labels.items() for text in pair):
        raise ValueError(f"a worker's labels have 1 to {MAX_LABEL_CHARS} characters, and so have their values")
    return dict(labels)


LabelText = Annotated[str, Meta(min_length=1, max_length=MAX_LABEL_CHARS)]


class Announced(msgspec.Struct, frozen=True, kw_only=True):
    """A worker as a source names it.

    `url` is without user, trailing slash or `/v1` (see `address`); `name` is what logs, metrics and responses call the
    worker, found by the pool where it is None; `limit` is how many candidates it draws at once, at most.
    """

    url: Annotated[str, Meta(max_length=MAX_URL_CHARS)]
    name: Annotated[str, Meta(pattern=NAME_PATTERN)] | None = None
    labels: Annotated[Mapping[LabelText, LabelText], Meta(max_length=MAX_LABELS)] = {}
    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT)] | None = None


class Source(Protocol):
    """Somewhere that workers are known to. `standing` tells whether it can be asked."""

    @property
    def name(self) -> str:
        """What logs and metrics call it."""
        ...

    @property
    def standing(self) -> Standing:
        """Whether it can be asked, and how often it could not."""
        ...

    def watch(self) -> AsyncIterator[Sequence[Announced]]:
        """Yield all the workers that are known there, at once and then after each change; for one reader.

        It never ends and never raises: where the source can't be asked, what it last said stands.
        """
        ...
