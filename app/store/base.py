"""The one protocol behind which runs are kept."""

from __future__ import annotations

from typing import Protocol


class RunStore(Protocol):
    """Keeps rendered runs, as JSON, for as long as there is room."""

    async def put(self, run_id: str, record: bytes) -> None:
        """Keep `record` under `run_id`."""
        ...

    async def get(self, run_id: str) -> bytes | None:
        """Return what is kept under `run_id`, or None."""
        ...
