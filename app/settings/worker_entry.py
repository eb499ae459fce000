"""A worker as the list of workers, or an operator, names it."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, AnyHttpUrl, Field, field_validator

from app.settings.kinds import Section, worker_name
from app.workers.discovery.address import address
from app.workers.discovery.base import MAX_LABELS, MAX_LIMIT, Announced, check_labels


class WorkerEntry(Section):
    """A worker of the list: a table, or just its address."""

    url: AnyHttpUrl
    name: Annotated[str, AfterValidator(worker_name)] | None = None
    limit: int | None = Field(default=None, ge=1, le=MAX_LIMIT)
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
