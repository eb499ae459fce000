"""Where an operator's wishes are written down."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Protocol

from app.workers.wishes import Wishes

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager


class Notebook(Protocol):
    """Keeps the wishes for whoever reads them."""

    def read(self) -> Wishes:
        """Return what is written down. Raises `UnavailableError`."""
        ...

    def write(self, wishes: Wishes) -> None:
        """Write down what is wished from now on; while it is held. Raises `UnavailableError`."""
        ...

    def held(self) -> AbstractAsyncContextManager[None]:
        """Keep all others from writing while the context lasts, which is to be short. Raises `UnavailableError`."""
        ...


class PrivateNotebook:
    """The notebook of a server that has one process: in memory, where nobody else writes."""

    def __init__(self) -> None:
        self._wishes = Wishes()

    def read(self) -> Wishes:
        """Return what is written down."""
        return self._wishes

    def write(self, wishes: Wishes) -> None:
        """Write down what is wished from now on."""
        self._wishes = wishes

    def held(self) -> AbstractAsyncContextManager[None]:
        """Provide for nothing: what is done without a pause is done alone."""
        return nullcontext()
