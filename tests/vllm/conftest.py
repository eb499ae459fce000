"""The servers that several modules share: two that generate, and a gateway before them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import httpx2
import pytest

from app.settings import Settings
from tests.stage import gateway
from tests.vllm.fleet import MODEL, Fleet
from tests.vllm.servers import vllm

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS = {"timeouts": {"probe_s": 1.0}}
UNPOOLED = httpx2.Limits(max_keepalive_connections=0)
"""Tests idle for about as long as a gateway keeps a connection, which may then close under a request."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what needs servers of its own come first: it ends them, while the fleet stays up until the end."""
    items.sort(key=lambda item: isinstance(item, pytest.Function) and "fleet" in item.fixturenames)


@pytest.fixture(scope="session")
def fleet() -> Iterator[Fleet]:
    """Two servers that start at the same time, as each of them waits more than it works."""
    with ExitStack() as stack:
        with ThreadPoolExecutor() as pool:
            starts = [pool.submit(stack.enter_context, vllm("generate", MODEL)) for _ in range(2)]
            servers = tuple(start.result() for start in starts)
        urls = [server.url for server in servers]
        url = stack.enter_context(gateway(Settings.model_validate({"workers": urls, **SETTINGS})))
        client = stack.enter_context(httpx2.Client(base_url=url, timeout=60, limits=UNPOOLED))
        yield Fleet(servers=servers, url=url, client=client)
