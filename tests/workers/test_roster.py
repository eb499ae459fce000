from __future__ import annotations

from app.workers.discovery.base import Announced
from app.workers.roster import Roster

A, B = Announced(url="http://a:1"), Announced(url="http://b:2", name="big", labels={"gpu": "h100"}, limit=7)


def ids(roster: Roster) -> list[str]:
    return [worker.id for worker in roster.workers]


def test_workers_are_called_by_their_name_their_address_or_their_number() -> None:
    roster = Roster()
    assert [one.id for one in roster.take("dns", [A, B])] == ["a:1", "big"]
    assert [one.id for one in roster.take("urls", [Announced(url="http://c")], numbered=True)] == ["w0"]
    assert (roster.workers[1].labels, roster.workers[1].limit) == ({"gpu": "h100"}, 7)


def test_what_is_named_again_is_not_new_and_what_is_said_of_it_anew_counts() -> None:
    roster = Roster()
    roster.take("s", [A])
    assert roster.take("s", [Announced(url="http://a:1", limit=3)]) == []
    assert [worker.limit for worker in roster.workers] == [3]


def test_a_worker_stays_as_long_as_any_source_names_it_and_until_it_has_drawn_its_last() -> None:
    roster = Roster()
    (worker,) = roster.take("one", [A])
    roster.take("other", [A])
    roster.take("one", [])
    assert not worker.dismissed
    assert roster.sources(worker) == ["other"]
    worker.load.begin(1, 10)
    roster.take("other", [])
    assert worker.dismissed
    assert roster.forget_drained() == []
    worker.load.end(1, 10)
    assert roster.forget_drained() == [worker]
    assert roster.workers == []


def test_a_worker_that_is_named_again_while_it_drains_stays() -> None:
    roster = Roster()
    (worker,) = roster.take("s", [A])
    roster.take("s", [])
    roster.take("s", [A])
    assert not worker.dismissed


def test_of_two_workers_with_one_name_the_first_keeps_it_and_the_other_is_refused_once() -> None:
    roster = Roster()
    roster.take("s", [B])
    for _ in range(3):
        assert roster.take("t", [Announced(url="http://other", name="big"), A])[:1] != ["big"]
    assert ids(roster) == ["big", "a:1"]
    assert roster.refused["name_taken"] == 1


def test_a_worker_that_had_been_refused_comes_in_when_the_name_is_free() -> None:
    roster = Roster()
    roster.take("s", [B])
    late = Announced(url="http://other", name="big")
    assert roster.take("t", [late]) == []
    assert [one.url for one in roster.take("s", [])] == ["http://other"]
    assert roster.take("t", [late]) == []
    assert [worker.url for worker in roster.workers if worker.id == "big"] == ["http://other"]


def test_a_name_that_moves_to_another_address_is_free_at_once() -> None:
    roster = Roster()
    (old,) = roster.take("s", [B])
    old.load.begin(1, 10)
    assert [one.url for one in roster.take("s", [Announced(url="http://c:3", name="big")])] == ["http://c:3"]
    assert {worker.id: worker.url for worker in roster.workers} == {"big": "http://c:3", "big@b:2": "http://b:2"}


def test_an_operators_drain_ends_with_what_it_was_for() -> None:
    roster = Roster()
    (worker,) = roster.take("s", [A])
    worker.draining = True
    roster.take("s", [A])
    assert worker.draining
    roster.take("s", [])
    roster.take("s", [A])
    assert not worker.draining


def test_limit_and_labels_are_what_is_said_now_first_by_who_says_anything() -> None:
    roster = Roster(max_in_flight=9)
    (worker,) = roster.take("one", [B])
    roster.take("other", [Announced(url=B.url, limit=4)])
    assert (worker.limit, worker.labels) == (7, {"gpu": "h100"})
    roster.take("one", [Announced(url=B.url)])
    assert (worker.limit, worker.labels) == (4, {})
    roster.take("other", [])
    assert worker.limit == 9
