"""The front door: FastAPI, with a way of their own in for chat completions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

CHAT_PATH = "/v1/chat/completions"


class FrontDoor(FastAPI):
    """FastAPI for everything but chat completions, which go straight to `chat`.

    FastAPI's middleware and router take a tenth of the gateway's time for a request and do nothing for this one: its
    body is read by hand (`app.api.schemas`), and its errors become responses in the same place as everybody's
    (`app.api.failures`). Middleware that is added here doesn't see chat completions.
    """

    def __init__(self, *, chat: ASGIApp, **fastapi: object) -> None:
        super().__init__(**fastapi)  # pyright: ignore[reportArgumentType] - FastAPI's own keywords
        self._chat = chat
        self.router.routes.append(Route(CHAT_PATH, chat, methods=["POST"]))  # the router refuses other methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection or request."""
        if scope["type"] == "http" and scope["path"] == CHAT_PATH and scope["method"] == "POST":
            scope["app"] = self
            await self._chat(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
