"""What tests of several folders share."""

from __future__ import annotations

import logging
import signal
from typing import TYPE_CHECKING

import pytest
import structlog

from tests.redis_server import RedisServer, redis_server_running
from tests.scripted.actions import Status
from tests.scripted.llamacpp import LlamaCpp
from tests.scripted.reply import Reply
from tests.scripted.scripts import always
from tests.stage import Stage, staged

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

TIMEOUTS = {"connect_s": 2.0, "idle_s": 1.0, "probe_s": 0.5}
ADMISSION = {"no_worker_wait_s": 0.2}
PRICES = {"scripted": {"prompt": 1.0, "prompt_cached": 0.5, "completion": 2.0}}
PRESETS = {"three": {"type": "parallel", "n": 3}}


def pytest_configure() -> None:
    """Let what tests start be interrupted, also where a shell runs them in the background, and so without SIGINT."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Generator[None]:
    """Undo what a test of a command has done to logging, which would filter what later tests look for."""
    root, server = logging.getLogger(), logging.getLogger("uvicorn.error")
    before = root.handlers[:], root.level, server.level
    yield
    root.handlers[:], root.level = before[0], before[1]
    server.setLevel(before[2])
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def vllm_stage() -> Iterator[Stage]:
    with staged(timeouts=TIMEOUTS, admission=ADMISSION, prices=PRICES, presets=PRESETS) as running:
        yield running


@pytest.fixture(scope="session")
def llama_stage() -> Iterator[Stage]:
    slots = Status(status=200, body=b'{"total_slots": 4}')
    with staged(LlamaCpp(slots=4), routes={"/props": slots}, timeouts=TIMEOUTS) as running:
        yield running


@pytest.fixture
def stage(vllm_stage: Stage) -> Stage:
    """A gateway before a worker that speaks vLLM's dialect and says `ok` unless told otherwise."""
    vllm_stage.play(always(Reply()))
    return vllm_stage


@pytest.fixture
def llama(llama_stage: Stage) -> Stage:
    """The same before a worker that speaks llama.cpp's dialect, with four slots."""
    llama_stage.play(always(Reply()))
    return llama_stage


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """A Redis of the test's own, empty."""
    with redis_server_running() as server:
        yield server
