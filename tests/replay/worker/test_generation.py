"""Completions as they are generated."""

from __future__ import annotations

import asyncio

import pytest

from app.replay.worker.generation import Generation
from app.replay.worker.pace import Pace


@pytest.mark.parametrize(
    ("pace", "interval", "tokens"),
    [
        (Pace(tokens_per_second=50), 8, 8),
        (Pace(tokens_per_second=50, speedup=40), 8, 320),
        (Pace(tokens_per_second=50, speedup=0.5), 8, 8),
        (Pace(tokens_per_second=50, speedup=40), 1, 40),
        (Pace(tokens_per_second=5_000), 1, 100),
    ],
)
def test_a_piece_has_what_was_asked_for_as_many_times_as_it_is_sped_up_or_20_ms_of_tokens(
    pace: Pace, interval: int, tokens: int
) -> None:
    assert pace.piece(interval) == tokens


def test_pieces_follow_each_other_to_the_end() -> None:
    async def pieces() -> list[tuple[int, int]]:
        generation = Generation(95, rate=1_000.0)
        found = [piece async for piece in generation.pieces(40, asyncio.Event())]
        assert generation.generated == 95
        return found

    found = asyncio.run(pieces())
    assert [start for start, _ in found] == [0, *(end for _, end in found[:-1])]
    assert found[-1][1] == 95
    assert all(end - start >= 40 for start, end in found[:-1])


def test_tokens_count_as_generated_before_they_are_handed_out_and_never_beyond_the_last() -> None:
    async def generated() -> tuple[int, int]:
        slow, short = Generation(10**9, rate=1_000.0), Generation(3, rate=1_000.0)
        await asyncio.sleep(0.05)
        return slow.generated, short.generated

    slow, short = asyncio.run(generated())
    assert slow >= 50
    assert short == 3


def test_nothing_is_handed_out_once_the_worker_ends() -> None:
    async def pieces() -> list[tuple[int, int]]:
        ended = asyncio.Event()
        ended.set()
        return [piece async for piece in Generation(10**9, rate=1_000.0).pieces(8, ended)]

    assert asyncio.run(pieces()) == []
