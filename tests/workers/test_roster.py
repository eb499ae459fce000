from __future__ import annotations

from app.workers.discovery.base import Announced
from app.workers.roster import Roster

A = Announced(url="http://10.0.0.7:8000", name="a")
B = Announced(url="http://10.0.0.8:8000", name="b")


def names(roster: Roster) -> dict[str, str]:
    return {worker.id: worker.url for worker in roster.workers}


def test_a_worker_stays_for_as_long_as_any_source_names_it() -> None:
    roster = Roster()
    (worker,) = roster.take("urls", [A])
    assert roster.take("registry", [A]) == []
    assert roster.sources(worker) == ["urls", "registry"]
    roster.take("urls", [])
    assert not worker.dismissed
    roster.take("registry", [])
    assert worker.dismissed
    assert roster.forget_drained() == [worker]
    assert roster.at(A.url) is None


def test_a_worker_that_leaves_goes_when_it_has_drawn_its_last() -> None:
    roster = Roster()
    (worker,) = roster.take("urls", [A])
    worker.load.begin(1, 10)
    roster.take("urls", [])
    assert roster.forget_drained() == []
    worker.load.end(1, 10)
    assert roster.forget_drained() == [worker]


def test_a_name_may_move_to_another_address() -> None:
    roster = Roster()
    (old,) = roster.take("urls", [A])
    old.load.begin(1, 10)
    moved = Announced(url=B.url, name="a")
    assert [worker.url for worker in roster.take("urls", [moved])] == [B.url]
    assert names(roster) == {"a": B.url, "a@10.0.0.7:8000": A.url}


def test_a_name_that_is_taken_is_refused_once_for_as_long_as_it_is_said() -> None:
    roster = Roster()
    roster.take("urls", [A])
    for _ in range(2):
        assert roster.take("registry", [Announced(url=B.url, name="a")]) == []
    assert roster.refused == {"name_taken": 1}


def test_a_worker_that_comes_back_before_it_has_gone_is_the_same_and_serves() -> None:
    roster = Roster()
    (worker,) = roster.take("urls", [A])
    worker.draining = True
    roster.take("urls", [])
    assert roster.take("urls", [A]) == []
    assert (worker.dismissed, worker.draining) == (False, False)


def test_limit_and_labels_are_what_is_said_now() -> None:
    roster = Roster(max_in_flight=9)
    (worker,) = roster.take("urls", [Announced(url=A.url, limit=3, labels={"zone": "b"})])
    assert (worker.max_in_flight, worker.labels) == (3, {"zone": "b"})
    roster.take("registry", [Announced(url=A.url, limit=4)])
    assert worker.max_in_flight == 3
    roster.take("urls", [A])
    assert (worker.max_in_flight, worker.labels) == (4, {})
    roster.take("registry", [])
    assert worker.max_in_flight == 9


def test_workers_without_a_name_are_numbered_or_called_by_their_address() -> None:
    roster = Roster()
    roster.take("urls", [Announced(url="http://a:1"), Announced(url="http://b:1")], numbered=True)
    roster.take("registry", [Announced(url="http://c:1")])
    assert names(roster) == {"w0": "http://a:1", "w1": "http://b:1", "c:1": "http://c:1"}
