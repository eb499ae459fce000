"""Work that ends when nobody waits for it: a request is raced against the client's going away.

uvicorn tells of a client that has gone only to whoever asks, and cancels nothing by itself.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from app.errors import QuorumError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from starlette.types import Receive

R = TypeVar("R")

GONE = "http.disconnect"


class ClientGoneError(QuorumError):
    """The client went away; there's nobody to tell."""

    status = 499
    code = "client_gone"


async def while_connected(receive: Receive, work: Coroutine[None, None, R], *beside: Coroutine[None, None, None]) -> R:
    """Return the result of `work`, or raise what it raises; cancel it and raise `ClientGoneError` once the client goes.

    The request's body must have been read, so that nothing but the disconnection is left to receive. What is to go
    on `beside` the work is cancelled with its end.
    """
    result, error = None, None
    try:
        async with asyncio.TaskGroup() as group:
            companions = [group.create_task(one) for one in (_until_gone(receive), *beside)]
            result, error = await _caught(work)
            for companion in companions:
                companion.cancel()
    except* ClientGoneError:
        error = ClientGoneError("the client went away")
    if error is not None:
        raise error
    return result  # pyright: ignore[reportReturnType] - there is a result where there is no error


async def _caught(work: Coroutine[None, None, R]) -> tuple[R | None, QuorumError | None]:
    """Return a typed error as a value: a task group would wrap it."""
    try:
        return await work, None
    except QuorumError as error:
        return None, error


async def _until_gone(receive: Receive) -> None:
    """Wait for the client to go away, and raise what cancels the group."""
    while (await receive())["type"] != GONE:
        pass
    raise ClientGoneError("the client went away")
