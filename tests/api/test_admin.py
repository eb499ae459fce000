"""Workers are added, drained and removed while the server runs, by whoever may."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.scripted.hosted import hosted
from tests.scripted.reply import Reply
from tests.scripted.scripts import always
from tests.scripted.upstream import Upstream
from tests.stage import MODEL, QUESTION, staged

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2

    from tests.scripted.hosted import Hosted
    from tests.stage import Stage

NOWHERE = "http://127.0.0.1:9"
TIMEOUTS = {"connect_s": 2.0, "idle_s": 5.0, "probe_s": 0.2}


@pytest.fixture(scope="module")
def running() -> Iterator[Stage]:
    with staged(timeouts=TIMEOUTS, admission={"no_worker_wait_s": 0.1}) as stage:
        yield stage


@pytest.fixture
def stage(running: Stage) -> Iterator[Stage]:
    """A gateway with one worker, `w0`; what a test has added is removed after it."""
    yield running
    for name, worker in workers(running).items():
        if "admin" in worker["sources"]:
            running.client.delete(f"/admin/workers/{name}")
    until(running, {"w0"})


@pytest.fixture
def another() -> Iterator[Hosted]:
    with hosted(Upstream(always(Reply()), models=("another",))) as worker:
        yield worker


def add(stage: Stage, **worker: object) -> httpx2.Response:
    return stage.client.post("/admin/workers", json=worker)


def workers(stage: Stage) -> dict[str, dict[str, Any]]:
    """Return what there is, by name."""
    listed = stage.client.get("/admin/workers").json()
    assert listed["object"] == "list"
    return {worker["name"]: worker for worker in listed["data"]}


def until(stage: Stage, names: set[str]) -> None:
    """Return once just these workers are there."""
    limit = time.monotonic() + 10
    while workers(stage).keys() != names:
        assert time.monotonic() < limit, workers(stage)
        time.sleep(0.02)


def test_a_worker_is_listed_with_all_that_is_known_of_it(stage: Stage) -> None:
    assert workers(stage)["w0"] == {
        "object": "worker",
        "name": "w0",
        "url": stage.worker.url,
        "sources": ["urls"],
        "labels": {},
        "limit": 256,
        "engine": "vllm",
        "models": [MODEL],
        "state": "up",
        "problem": None,
        "in_flight": 0,
        "outstanding_tokens": 0,
        "reported": {"running": 0, "waiting": 0, "kv_usage": 0.0},
    }
    assert stage.client.get("/admin/workers/w0").json() == workers(stage)["w0"]


def test_an_added_worker_serves_at_once(stage: Stage, another: Hosted) -> None:
    added = add(stage, url=f"{another.url}/v1/", name="b", labels={"zone": "b"}, limit=7)
    body = added.json()
    assert (added.status_code, body["state"], body["models"], body["sources"]) == (201, "up", ["another"], ["admin"])
    assert (body["url"], body["labels"], body["limit"]) == (another.url, {"zone": "b"}, 7)
    assert stage.answer(model="another")["choices"][0]["message"]["content"] == "ok"


def test_an_unreachable_worker_is_added_and_said_to_be_so(stage: Stage) -> None:
    body = add(stage, url=NOWHERE).json()
    assert (body["name"], body["state"], body["models"]) == ("127.0.0.1:9", "down", [])
    assert body["problem"]
    assert stage.answer()


@pytest.mark.parametrize(
    ("worker", "param"),
    [
        ({}, "url"),
        ({"url": "not an address"}, "url"),
        ({"url": "ftp://127.0.0.1"}, "url"),
        ({"url": "http://me:secret@127.0.0.1:9"}, "url"),
        ({"url": f"{NOWHERE}/{'a' * 2_048}"}, "url"),
        ({"url": NOWHERE, "name": "two words"}, "name"),
        ({"url": NOWHERE, "limit": 0}, "limit"),
        ({"url": NOWHERE, "labels": {"zone": ""}}, "labels"),
        ({"url": NOWHERE, "colour": "red"}, "colour"),
    ],
)
def test_a_worker_that_can_not_be_used_is_refused(stage: Stage, worker: dict[str, object], param: str) -> None:
    refused = add(stage, **worker)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)
    assert "secret" not in refused.text
    assert workers(stage).keys() == {"w0"}


def test_a_body_that_is_no_object_or_too_large_is_refused(stage: Stage) -> None:
    assert stage.client.post("/admin/workers", content=b"[]").status_code == 400
    assert stage.client.post("/admin/workers", content=b" " * 70_000).json()["error"]["code"] == "request_too_large"


def test_names_and_addresses_are_taken_once(stage: Stage) -> None:
    assert add(stage, url=NOWHERE, name="b").status_code == 201
    for worker, param in (
        ({"url": NOWHERE}, "url"),
        ({"url": "http://127.0.0.1:10", "name": "w0"}, "name"),
        ({"url": "http://127.0.0.1:10", "name": "b"}, "name"),
        ({"url": stage.worker.url, "name": "c"}, "name"),
    ):
        error = add(stage, **worker).json()["error"]
        assert (error["code"], error["param"]) == ("conflict", param)
    assert workers(stage).keys() == {"w0", "b"}


def test_a_worker_that_another_source_names_may_be_added_too(stage: Stage) -> None:
    assert add(stage, url=stage.worker.url, labels={"zone": "a"}).json()["sources"] == ["urls", "admin"]
    left = stage.client.delete("/admin/workers/w0").json()
    assert (left["sources"], left["state"], left["labels"]) == (["urls"], "up", {})


def test_a_drained_worker_gets_nothing_more_until_it_is_resumed(stage: Stage) -> None:
    for _ in range(2):
        assert stage.client.post("/admin/workers/w0/drain").json()["state"] == "draining"
    refused = stage.ask()
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "no_worker")
    assert stage.client.post("/admin/workers/w0/resume").json()["state"] == "up"
    assert stage.answer()


def test_only_what_was_added_can_be_removed(stage: Stage) -> None:
    kept = stage.client.delete("/admin/workers/w0")
    assert (kept.status_code, kept.json()["error"]["code"]) == (409, "conflict")
    assert "urls" in kept.json()["error"]["message"]
    add(stage, url=NOWHERE, name="b")
    assert stage.client.delete("/admin/workers/b").json()["state"] == "leaving"
    until(stage, {"w0"})


def test_a_removed_worker_first_finishes_what_it_has_and_its_name_is_free(stage: Stage, another: Hosted) -> None:
    another.upstream.script = always(Reply(texts=("one two three four",), delay_per_chunk_s=0.2))
    add(stage, url=another.url, name="b")
    question = {**QUESTION, "model": "another", "stream": True}
    with stage.client.stream("POST", "/v1/chat/completions", json=question) as answer:
        another.wait_until(lambda upstream: upstream.in_flight == 1)
        for _ in range(2):
            assert stage.client.delete("/admin/workers/b").json()["state"] == "leaving"
        assert add(stage, url=NOWHERE, name="b").status_code == 201
        assert stage.ask(model="another").json()["error"]["code"] == "no_worker"
        assert "four" in answer.read().decode()
    until(stage, {"w0", "b"})
    assert workers(stage)["b"]["url"] == NOWHERE


@pytest.mark.parametrize("path", ["/nobody/drain", "/nobody/resume"])
def test_there_is_nothing_to_do_to_a_worker_that_is_not_there(stage: Stage, path: str) -> None:
    for answer in (
        stage.client.post(f"/admin/workers{path}"),
        stage.client.delete("/admin/workers/nobody"),
        stage.client.get("/admin/workers/nobody"),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://example.com"},
        {"Host": "rebound.example.com"},
        {"Host": "rebound.example.com:8000"},
        {"Host": "[not an address"},
        {"Host": ""},
        {"X-Forwarded-For": "203.0.113.7"},
        {"Forwarded": "for=203.0.113.7"},
        {"Via": "1.1 proxy"},
    ],
)
def test_neither_a_page_in_a_browser_nor_a_proxy_may_use_what_is_open_to_this_machine(
    stage: Stage, headers: dict[str, str]
) -> None:
    for refused in (
        stage.client.get("/admin/workers", headers=headers),
        stage.client.post("/admin/workers/w0/drain", headers=headers),
    ):
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
    assert workers(stage)["w0"]["state"] == "up"


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000"])
def test_whoever_calls_this_machine_by_a_name_of_its_own_may_use_it(stage: Stage, host: str) -> None:
    assert stage.client.get("/admin/workers", headers={"Host": host}).status_code == 200


def test_admin_keys_open_the_api_and_keys_of_clients_never_do() -> None:
    with staged(api_keys=["client"], admin_keys=["operator"]) as stage:
        for headers in ({}, {"Authorization": "Bearer client"}):
            refused = stage.client.get("/admin/workers", headers=headers)
            assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
        assert stage.client.get("/admin/workers", headers={"Authorization": "Bearer operator"}).status_code == 200
        assert stage.client.get("/v1/models", headers={"Authorization": "Bearer operator"}).status_code == 401


@pytest.mark.parametrize(
    "settings",
    [{"api_keys": ["client"]}, {"host": "0.0.0.0", "insecure": True}],  # noqa: S104 - the test listens on loopback
)
def test_without_admin_keys_the_api_is_closed_on_a_server_that_is_not_open_and_local(settings: dict[str, Any]) -> None:
    with staged(**settings) as stage:
        refused = stage.client.get("/admin/workers", headers={"Authorization": "Bearer client"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
        assert "admin_keys" in refused.json()["error"]["message"]
