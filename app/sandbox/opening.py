"""Which sandbox it is: the one on this machine, or one that is asked over the network."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.sandbox.bubblewrap import Bubblewrap
from app.sandbox.remote import Remote

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from app.sandbox.ceilings import Ceilings


@asynccontextmanager
async def open_sandbox(
    *,
    url: str | None,
    slots: int,
    max_waiting: int,
    python: Path | None,
    read_only: tuple[Path, ...],
    ceilings: Ceilings,
) -> AsyncGenerator[Bubblewrap | Remote]:
    """Provide the sandbox: the SandboxFusion server at `url`, bubblewrap here where there is none.

    Takes no time and can't fail: what is wrong with it, `check` says.
    """
    if url is None:
        yield Bubblewrap(slots=slots, max_waiting=max_waiting, python=python, read_only=read_only, ceilings=ceilings)
        return
    async with Remote(url, slots=slots, max_waiting=max_waiting, ceilings=ceilings).connected() as remote:
        yield remote
