from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.stopping.window import Window
from tests.stopping.runs import board_of, lost, stopped, vote, votes


def test_windows_follow_one_another_and_do_not_overlap() -> None:
    assert stopped(board_of(Window(size=3)), votes(0, 0, 0)) == (3, "window")
    assert stopped(board_of(Window(size=3)), votes(1, 0, 0, 0, 2)) is None
    assert stopped(board_of(Window(size=3)), votes(1, 0, 0, 2, 2, 2)) == (6, "window")


def test_what_has_no_vote_is_in_no_window() -> None:
    arriving = [vote(0), lost(1), vote(2, None), vote(3, rejection="no answer found"), vote(4)]
    assert stopped(board_of(Window(size=2)), arriving) == (5, "window")


def test_a_window_that_agreed_is_remembered_until_enough_have_finished() -> None:
    assert stopped(board_of(Window(size=2), enough=5), votes(0, 0, 1, 2, 1, 2)) == (5, "window")


@given(st.lists(st.integers(0, 2), max_size=20), st.integers(2, 5))
def test_it_ends_with_the_first_window_of_one_answer(clusters: list[int], size: int) -> None:
    windows = [clusters[start : start + size] for start in range(0, len(clusters) - size + 1, size)]
    alike = [place for place, window in enumerate(windows, 1) if len(set(window)) == 1]
    wanted = (alike[0] * size, "window") if alike else None
    assert stopped(board_of(Window(size=size)), votes(*clusters)) == wanted
