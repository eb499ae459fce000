"""What no program gets more of, whatever it asks for."""

from __future__ import annotations

import msgspec

from app.sandbox.base import Limits


class Ceilings(msgspec.Struct, frozen=True, kw_only=True):
    """The most that a program may take: seconds of wall-clock time, MiB of memory, bytes of either output."""

    wall_s: float = 60.0
    memory_mb: int = 1_024
    output_bytes: int = 2**24

    @property
    def limits(self) -> Limits:
        """The ceilings as limits of a program."""
        return Limits(wall_s=self.wall_s, memory_mb=self.memory_mb, output_bytes=self.output_bytes)

    def lowered(self, limits: Limits) -> Limits:
        """Return the limits, lowered to the ceilings."""
        return Limits(
            wall_s=min(limits.wall_s, self.wall_s),
            memory_mb=min(limits.memory_mb, self.memory_mb),
            processes=limits.processes,
            output_bytes=min(limits.output_bytes, self.output_bytes),
        )
