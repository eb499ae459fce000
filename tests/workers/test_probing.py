from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from app.errors import WorkerStatusError
from app.workers.load import Load
from app.workers.probing import Prober
from app.workers.worker import Worker

if TYPE_CHECKING:
    from app.workers.call import Call

MODELS = b'{"data": [{"id": "m", "owned_by": "%s"%s}]}'
DEEP = b'{"data": [], "more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


class Answers:
    """A client that answers GETs by their path; for any other the status is 404."""

    def __init__(self, **pages: bytes | int) -> None:
        self.pages: dict[str, bytes | int] = {"v1/models": MODELS % (b"vllm", b""), **pages}

    def stream(self, url: str, body: bytes) -> Call:
        raise NotImplementedError(url, body)

    async def fetch(self, url: str, *, timeout_s: float) -> bytes:
        assert timeout_s > 0
        page = self.pages.get(url.removeprefix("http://w/"), 404)
        if isinstance(page, int):
            raise WorkerStatusError(f"answered with status {page}", worker_status=page)
        return page


def probed(**pages: bytes | int) -> tuple[Worker, str | None]:
    worker = Worker(id="w", locate=lambda: "http://w")
    pages = {name.replace("_", "/"): page for name, page in pages.items()}
    return worker, asyncio.run(Prober(Answers(**pages)).problem(worker))  # pyright: ignore[reportArgumentType] - posts nothing


@pytest.mark.parametrize("health", [b"", b"ok", 404, 405, 401])
def test_a_worker_that_is_well_or_has_no_page_on_that_can_be_used(health: bytes | int) -> None:
    worker, problem = probed(health=health)
    assert (problem, set(worker.models)) == (None, {"m"})


@pytest.mark.parametrize("status", [500, 503])
def test_a_worker_that_says_it_is_not_well_can_not_be_used_although_it_lists_models(status: int) -> None:
    _, problem = probed(health=status)
    assert problem == f"its /health answers with status {status}"


@pytest.mark.parametrize(
    "models", [DEEP, b"<html>", b"\xff", b'{"data": 3}', b'{"data": [{"id": 1e999}]}', b"1" * 5_000]
)
def test_a_list_of_models_that_is_none_is_a_problem_and_nothing_worse(models: bytes) -> None:
    _, problem = probed(v1_models=models)
    assert problem is not None
    assert "is this the address of a model server?" in problem


@pytest.mark.parametrize("context", [b"-1", b"0", b"99999999999999999999", b"null"])
def test_a_context_that_can_not_be_is_not_believed(context: bytes) -> None:
    worker, problem = probed(v1_models=MODELS % (b"vllm", b', "max_model_len": ' + context))
    assert problem is None or "is this the address" in problem
    assert all(model.context is None for model in worker.models.values())


def test_of_a_list_without_end_as_many_models_are_taken_as_is_reasonable() -> None:
    listed = b", ".join(b'{"id": "m%d"}' % number for number in range(1_500)) + b', {"id": "%s"}' % (b"m" * 300)
    worker, problem = probed(v1_models=b'{"data": [%s]}' % listed)
    assert (problem, len(worker.models), worker.ignored) == (None, 1_000, 501)


@pytest.mark.parametrize("slots", [b"0", b"-3", b"1000000", b'"many"', DEEP])
def test_slots_that_can_not_be_are_a_problem(slots: bytes) -> None:
    worker, problem = probed(v1_models=MODELS % (b"llamacpp", b""), props=b'{"total_slots": %s}' % slots)
    assert problem is not None
    assert worker.slots == 1


def load_of(metrics: bytes) -> Load:
    worker = Worker(id="w", locate=lambda: "http://w", load=Load(running=7, waiting=7, kv_usage=0.7))
    asyncio.run(Prober(Answers(metrics=metrics)).read_load(worker))  # pyright: ignore[reportArgumentType] - posts nothing
    return worker.load


def test_the_load_of_all_of_a_workers_engines_is_read() -> None:
    load = load_of(
        b'vllm:num_requests_running{engine="0"} 3.0\nvllm:num_requests_running{engine="1"} 2.0\n'
        b'vllm:num_requests_waiting{engine="0"} 4.0\nvllm:kv_cache_usage_perc{engine="0"} 0.25\n'
        b'vllm:kv_cache_usage_perc{engine="1"} 0.5\n'
    )
    assert (load.running, load.waiting, load.kv_usage) == (5, 4, 0.5)


@pytest.mark.parametrize("value", [b"1e", b"1e999", b"-1e999", b"--", b"-5", b"+.e"])
def test_a_gauge_that_is_no_number_of_requests_counts_for_nothing(value: bytes) -> None:
    names = (b"num_requests_running", b"num_requests_waiting", b"kv_cache_usage_perc")
    load = load_of(b"".join(b"vllm:%s %s\n" % (name, value) for name in names))
    assert (load.running, load.waiting, load.kv_usage) == (0, 0, 0.0)


def test_a_gauge_beyond_reason_is_bounded() -> None:
    load = load_of(b"vllm:num_requests_waiting 1e30\nvllm:kv_cache_usage_perc 42\n")
    assert (load.waiting, load.kv_usage) == (1_000_000, 1.0)
