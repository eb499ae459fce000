"""Where the registry is in Redis."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_PREFIX = "quorum"
PREFIX_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9:._-]{0,63}$"


@dataclass(frozen=True, slots=True)
class Keys:
    """The registry's keys, under a prefix by which several installations share a Redis.

    `index` is the set of all ids, a worker's id its URL; `since` changes when Redis has lost what it knew.
    """

    prefix: str = DEFAULT_PREFIX

    @property
    def index(self) -> str:
        """The set of ids."""
        return f"{self.prefix}:workers"

    @property
    def since(self) -> str:
        """A random text that the first reader leaves there."""
        return f"{self.prefix}:workers:since"

    @property
    def entries(self) -> str:
        """What stands before an id in the key of its entry."""
        return f"{self.prefix}:worker:"

    def entry(self, id_: str) -> str:
        """Return the key of a worker's entry."""
        return self.entries + id_
