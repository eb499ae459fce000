"""The servers that several modules share: two that generate, and a gateway before them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import httpx2
import pytest

from app.settings.settings import Settings
from tests.stage import gateway
from tests.vllm.fleet import MODEL, Fleet
from tests.vllm.servers import vllm

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tests.vllm.servers import Vllm

SETTINGS = {"timeouts": {"probe_s": 1.0}}
CALM = {"hedges": {"share": 0.0, "burst": 0.0}, "health": {"strikes": 1_000}}
"""A machine that stands still for a while makes workers slow: their calls would be hedged, and prompts read twice."""
PATIENCE_S = 300.0
"""Seconds that an answer may take: a busy machine needs a minute for 8 times 256 tokens, and they may be drawn anew."""

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
        yield stack.enter_context(before(servers))


@pytest.fixture
def calm_fleet(fleet: Fleet) -> Iterator[Fleet]:
    """The same servers, behind a gateway that takes none of them for slow."""
    with before(fleet.servers, **CALM) as calm:
        yield calm


@contextmanager
def before(servers: tuple[Vllm, ...], **settings: object) -> Generator[Fleet]:
    """Run a gateway before servers."""
    given = {"workers": [server.url for server in servers], **SETTINGS, **settings}
    with (
        gateway(Settings.model_validate(given)) as url,
        httpx2.Client(base_url=url, timeout=PATIENCE_S, limits=UNPOOLED) as client,
    ):
        yield Fleet(servers=servers, url=url, client=client)
