"""What an operator says to one process of a server holds in all of them."""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from tests.scripted.hosted import hosted
from tests.scripted.reply import Reply
from tests.scripted.scripts import always
from tests.scripted.upstream import Upstream
from tests.served import PATIENCE_S, Served, frozen, staged, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.scripted.hosted import Hosted

pytestmark = pytest.mark.slow

SLOW = Reply(texts=("word " * 60,), delay_per_chunk_s=0.05)
NOWHERE = [f"http://127.0.0.1:{port}" for port in range(1, 9)]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Hosted]]:
    with staged(tmp_path_factory.mktemp("pair")) as pair:
        yield pair


@pytest.fixture
def pair(running: tuple[Served, Hosted]) -> Iterator[Served]:
    """Two processes before one worker, `w0`; what a test has added is removed after it."""
    served, worker = running
    worker.upstream.script = always(Reply())
    yield served
    for name, told in workers(served).items():
        if "admin" in told["sources"]:
            call(served, "DELETE", f"/{name}")
    call(served, "POST", "/w0/resume")
    until(lambda: workers(served).keys() == {"w0"})


@pytest.fixture
def another() -> Iterator[Hosted]:
    with hosted(Upstream(always(Reply()), models=("another",))) as worker:
        yield worker


def call(served: Served, method: str, path: str = "", **worker: object) -> httpx2.Response:
    url = f"{served.url}/admin/workers{path}"
    return httpx2.request(method, url, json=worker or None, timeout=PATIENCE_S)


def workers(served: Served) -> dict[str, dict[str, Any]]:
    return {worker["name"]: worker for worker in call(served, "GET").json()["data"]}


def outcomes(served: Served, **question: object) -> list[int]:
    """Have each process answer a question alone; return the statuses."""
    statuses: list[int] = []
    for pid in served.children():
        with frozen(pid):
            statuses.append(served.ask(**question).status_code)
    return statuses


def test_a_worker_that_was_added_drained_resumed_and_removed_is_so_in_every_process(
    pair: Served, another: Hosted
) -> None:
    added = call(pair, "POST", url=another.url, name="b", limit=8)
    assert (added.status_code, added.json()["state"], added.json()["processes_missing"]) == (201, "up", [])
    assert outcomes(pair, model="another") == [200, 200]
    drained = call(pair, "POST", "/b/drain").json()
    assert (drained["state"], drained["limit"], drained["processes_missing"]) == ("draining", 8, [])
    assert outcomes(pair, model="another") == [503, 503]
    assert call(pair, "POST", "/b/resume").json()["processes_missing"] == []
    assert outcomes(pair, model="another") == [200, 200]
    assert call(pair, "DELETE", "/b").json()["state"] == "leaving"
    assert not set(outcomes(pair, model="another")) & {200}


def test_a_process_that_is_started_later_knows_what_was_wished(pair: Served, another: Hosted) -> None:
    call(pair, "POST", url=another.url, name="b")
    call(pair, "POST", "/w0/drain")
    before = pair.children()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(pair.children()) == 2 and not set(before) & set(pair.children()))
    pair.until_all_serve()
    assert outcomes(pair, model="another") == [200, 200]
    assert outcomes(pair) == [503, 503]


def test_changes_at_several_processes_at_once_are_all_made(pair: Served) -> None:
    adding = [pair.threads.submit(call, pair, "POST", url=url) for url in (*NOWHERE, *NOWHERE)]
    statuses = Counter(request.result().status_code for request in adding)
    assert statuses == {201: len(NOWHERE), 409: len(NOWHERE)}
    limits = {worker["url"]: worker["limit"] for worker in workers(pair).values()}
    assert [limits[url] for url in NOWHERE] == [256] * len(NOWHERE)  # the parts of both processes


def test_a_process_that_hangs_is_named_and_catches_up_by_itself(pair: Served, another: Hosted) -> None:
    one, other = pair.children()
    with frozen(one):
        added = call(pair, "POST", url=another.url, name="b").json()
        assert (added["state"], len(added["processes_missing"])) == ("up", 1)
    with frozen(other):
        until(lambda: pair.ask(model="another").status_code == 200)
    until(lambda: call(pair, "GET", "/b").json()["processes_missing"] == [])


def test_what_a_worker_has_to_do_is_told_for_all_processes_together(
    running: tuple[Served, Hosted], pair: Served
) -> None:
    _, worker = running
    worker.upstream.script = always(SLOW)
    one, other = pair.children()
    with frozen(other):
        requests = pair.begin(1)
        worker.wait_until(lambda upstream: upstream.in_flight == 1)
    with frozen(one):
        requests += pair.begin(2)
        worker.wait_until(lambda upstream: upstream.in_flight == 3)
    assert (workers(pair)["w0"]["in_flight"], workers(pair)["w0"]["limit"]) == (3, 256)
    drained = call(pair, "POST", "/w0/drain").json()
    assert (drained["in_flight"], drained["state"]) == (3, "draining")
    assert [request.result().status_code for request in requests] == [200] * 3
    assert call(pair, "GET", "/w0").json()["in_flight"] == 0


def test_what_is_not_there_or_not_the_operators_is_refused_as_by_one_process(pair: Served) -> None:
    assert call(pair, "GET", "/nobody").status_code == 404
    assert call(pair, "POST", "/nobody/drain").status_code == 404
    assert call(pair, "DELETE", "/w0").json()["error"]["code"] == "conflict"
    assert call(pair, "POST", url=NOWHERE[0], name="w0").json()["error"]["param"] == "name"
