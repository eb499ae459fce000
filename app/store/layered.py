"""Runs in several stores, the nearest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.store.base import RunStore


class LayeredRunStore:
    """Keeps a run in each of `stores`, and finds it in the first that has it."""

    def __init__(self, *stores: RunStore) -> None:
        self._stores = stores

    async def put(self, run_id: str, record: bytes) -> None:
        """Keep `record` in all of them."""
        for store in self._stores:
            await store.put(run_id, record)

    async def get(self, run_id: str) -> bytes | None:
        """Return the record of `run_id`, or None where none of them has it."""
        for store in self._stores:
            if (record := await store.get(run_id)) is not None:
                return record
        return None
