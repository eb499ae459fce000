"""Runs in this process's memory: the default store."""

from __future__ import annotations

from collections import OrderedDict


class MemoryRunStore:
    """Keeps the most recent runs, at most `keep` of them and at most `max_bytes` in sum; the oldest go first."""

    def __init__(self, *, keep: int, max_bytes: int) -> None:
        self._keep = keep
        self._max_bytes = max_bytes
        self._records: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    async def put(self, run_id: str, record: bytes) -> None:
        """Keep `record`; one that is larger than the whole store is not kept."""
        self._size += len(record) - len(self._records.pop(run_id, b""))
        self._records[run_id] = record
        while self._records and (len(self._records) > self._keep or self._size > self._max_bytes):
            _, oldest = self._records.popitem(last=False)
            self._size -= len(oldest)

    async def get(self, run_id: str) -> bytes | None:
        """Return the record of `run_id`, or None."""
        return self._records.get(run_id)
