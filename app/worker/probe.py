"""How vLLM is, by its own word."""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import TYPE_CHECKING

import httpx2
import msgspec

from app.worker.flags import value_of

if TYPE_CHECKING:
    from collections.abc import Sequence

TIMEOUT_S = 5.0
KEY_VARIABLE = "VLLM_API_KEY"


class Model(msgspec.Struct):
    """An entry of `/v1/models`."""

    id: str


class Models(msgspec.Struct):
    """The body of `/v1/models`."""

    data: list[Model]


class Probe:
    """Asks the server at `url`, with the API key that vLLM's `flags` or its environment give it."""

    def __init__(self, url: str, flags: Sequence[str] = (), *, timeout_s: float = TIMEOUT_S) -> None:
        key = value_of("--api-key", flags) or os.environ.get(KEY_VARIABLE)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx2.AsyncClient(base_url=url, headers=headers, timeout=timeout_s, trust_env=False)

    async def healthy(self) -> bool:
        """Whether `/health` answers that all is well."""
        try:
            return (await self._client.get("/health")).status_code == HTTPStatus.OK
        except httpx2.HTTPError:
            return False

    async def models(self) -> tuple[str, ...]:
        """Return the models that are served, none where the server doesn't say."""
        try:
            answer = await self._client.get("/v1/models")
            return tuple(model.id for model in msgspec.json.decode(answer.content, type=Models).data)
        except (httpx2.HTTPError, msgspec.DecodeError, UnicodeDecodeError):
            return ()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
