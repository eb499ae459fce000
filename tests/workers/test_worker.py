from __future__ import annotations

import msgspec
import pytest

from app.workers.traits import LLAMA_CPP, OPENAI, VLLM, Traits
from app.workers.worker import ModelList, Worker


def worker_that_says(body: bytes) -> Worker:
    worker = Worker(id="w1", locate=lambda: "http://worker:1")
    worker.learn(msgspec.json.decode(body, type=ModelList))
    return worker


@pytest.mark.parametrize(
    ("owner", "traits"), [(b"vllm", VLLM), (b"llamacpp", LLAMA_CPP), (b"somebody", OPENAI), (b"", OPENAI)]
)
def test_the_engine_is_known_by_the_owner_of_its_models(owner: bytes, traits: Traits) -> None:
    assert worker_that_says(b'{"data": [{"id": "m", "owned_by": "' + owner + b'"}]}').traits is traits


def test_a_worker_that_serves_nothing_is_a_plain_one() -> None:
    worker = worker_that_says(b'{"data": []}')
    assert (worker.models, worker.traits) == ({}, OPENAI)


@pytest.mark.parametrize(
    ("fields", "context"),
    [(b'"max_model_len": 4096', 4096), (b'"meta": {"n_ctx": 2048}', 2048), (b'"meta": null', None), (b'"x": 1', None)],
)
def test_the_context_is_told_in_the_engines_words(fields: bytes, context: int | None) -> None:
    assert worker_that_says(b'{"data": [{"id": "m", ' + fields + b"}]}").models["m"].context == context


def test_a_worker_is_asked_where_it_is_now() -> None:
    places = iter(["http://worker:1", "http://worker:2"])
    worker = Worker(id="w1", locate=lambda: next(places))
    assert worker.completions_url == "http://worker:1/v1/chat/completions"
    assert worker.url == "http://worker:2"
