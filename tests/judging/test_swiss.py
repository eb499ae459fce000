from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.judging.swiss import Standings, default_rounds


def played(standings: Standings, better: list[float]) -> list[tuple[int, int]]:
    pairs = standings.pairs()
    standings.take(
        [((a, b), 1.0 if better[a] > better[b] else 0.0 if better[a] < better[b] else 0.5) for a, b in pairs]
    )
    return pairs


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_everybody_plays_every_round_nobody_twice_and_points_add_up(better: list[float]) -> None:
    count = len(better)
    standings = Standings(count)
    met: list[frozenset[int]] = []
    for number in range(1, default_rounds(count) + 1):
        pairs = played(standings, better)
        assert len({player for pair in pairs for player in pair}) == 2 * len(pairs) == count - count % 2
        met += [frozenset(pair) for pair in pairs]
        assert sum(standings.points) == number * count / 2
    assert len(set(met)) == len(met) == standings.played


@given(st.permutations(range(8)))
def test_with_a_power_of_two_the_best_player_alone_wins_every_match(strength: list[int]) -> None:
    standings = Standings(8)
    for _ in range(default_rounds(8)):
        played(standings, [float(one) for one in strength])
    best, second = standings.order()[:2]
    assert strength[best] == 7
    assert standings.points[best] == 3 > standings.points[second]


@pytest.mark.parametrize("players", [3, 5, 7])
def test_nobody_sits_out_twice_before_everybody_has(players: int) -> None:
    standings = Standings(players)
    out: list[int] = []
    for _ in range(players - 1):
        pairs = played(standings, [0.0] * players)
        out += {*range(players)} - {player for pair in pairs for player in pair}
    assert len(set(out)) == len(out)


@given(st.integers(2, 9), st.data())
def test_draws_byes_and_matches_that_were_not_played_change_no_order(players: int, data: st.DataObject) -> None:
    standings = Standings(players)
    for _ in range(data.draw(st.integers(0, players - 1))):
        pairs = standings.pairs()
        results = data.draw(st.lists(st.sampled_from([0.5, None, "off"]), min_size=len(pairs), max_size=len(pairs)))
        standings.take([(pair, got) for pair, got in zip(pairs, results, strict=True) if not isinstance(got, str)])
        assert standings.order() == [*range(players)]


def test_a_bye_is_worth_half_and_nothing_before_its_round_was_played() -> None:
    standings = Standings(3)
    assert standings.pairs() == [(0, 1)]
    assert standings.points == [0.0, 0.0, 0.0]
    standings.take([((0, 1), 1.0)])
    assert standings.points == [1.0, 0.0, 0.5]


def test_neighbours_in_the_standings_meet_and_equal_points_go_by_strength() -> None:
    standings = Standings(4)
    assert standings.pairs() == [(0, 1), (2, 3)]
    standings.take([((0, 1), 0.0), ((2, 3), 0.5)])
    assert standings.order() == [1, 2, 3, 0]
    assert standings.pairs() == [(1, 2), (3, 0)]


def test_when_everybody_has_met_nobody_plays() -> None:
    standings = Standings(2)
    played(standings, [0.0, 0.0])
    assert standings.pairs() == []


@pytest.mark.parametrize(("players", "rounds"), [(2, 1), (3, 2), (4, 2), (5, 3), (8, 3), (9, 4), (16, 4)])
def test_as_many_rounds_as_one_winner_takes(players: int, rounds: int) -> None:
    assert default_rounds(players) == rounds


def test_where_not_everybody_finds_an_opponent_the_others_play_all_the_same() -> None:
    standings = Standings(4)
    standings.take([((0, 1), 1.0), ((0, 2), 1.0), ((0, 3), 1.0)])
    assert standings.pairs() == [(1, 2)]


def test_pairing_many_players_who_nearly_all_have_met_takes_no_longer_for_it() -> None:
    standings = Standings(40)
    half = [(one, other) for one in range(39) for other in range(one + 1, 39)]
    standings.take([(pair, 0.5) for pair in half])
    assert len(standings.pairs()) == 1
