from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from structlog.testing import capture_logs

from app.candidates import Candidate, Failure, Reply, ToolCall
from app.diversity.measure import Diversity, copy_ratio_of, measure, similarity_to_previous, solution_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.diversity.embedding import WordLlamaEmbedder
    from app.diversity.spectral import Matrix


def candidate(index: int, text: str, *, cluster: int | None = None, copied: float = 0.0) -> Candidate:
    return Candidate(index=index, reply=Reply(text=text), finish_reason="stop", cluster=cluster, copy_ratio=copied)


class Broken:
    """An embedder that raises, or gives what is not an embedding of every text."""

    def __init__(self, result: Matrix | None = None) -> None:
        self._result = result
        self.calls = 0

    async def embed(self, texts: Sequence[str]) -> Matrix:
        self.calls += 1
        if self._result is None:
            raise ConnectionError(f"secret-key refused for {texts}")
        return self._result


def test_unlike_candidates_are_measured_on_every_scale(embedder: WordLlamaEmbedder) -> None:
    texts = ["The sum is four.", "Bread needs flour and patience.", "Rivers carve stone slowly."]
    candidates = [candidate(i, text, cluster=i, copied=i / 4) for i, text in enumerate(texts)]
    found = asyncio.run(measure(candidates, embedder))
    assert found.distinct_answers == 3
    assert found.answer_entropy == pytest.approx(math.log(3))
    assert found.mean_pairwise_similarity is not None
    assert found.mean_pairwise_similarity < 0.6
    assert found.vendi_score is not None
    assert 2.0 < found.vendi_score <= 3.0
    assert found.distinct_2 == 1.0
    assert found.mean_copy_ratio == 0.25


def test_comparisons_left_undecided_are_told_along() -> None:
    assert asyncio.run(measure([], Broken())).undecided_comparisons == 0
    assert asyncio.run(measure([], Broken(), undecided_comparisons=3)).undecided_comparisons == 3


def test_only_candidates_that_finished_count(embedder: WordLlamaEmbedder) -> None:
    done = [candidate(0, "one answer", cluster=0), candidate(1, "another answer", cluster=1)]
    cut = Candidate(index=2, reply=Reply(text="cut off in the"), cluster=2, copy_ratio=1.0)
    failed = Candidate(index=3, finish_reason="stop", failure=Failure(message="broke"), cluster=3, copy_ratio=1.0)
    assert asyncio.run(measure([*done, cut, failed], embedder)) == asyncio.run(measure(done, embedder))


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], (None, None, None)),
        (["word"], (None, 1.0, None)),
        (["two words"], (None, 1.0, 1.0)),
        (["same again"] * 5, (1.0, 1.0, 0.2)),
        ([""] * 3, (1.0, 1.0, None)),
    ],
)
def test_equal_texts_need_no_embedding(texts: list[str], expected: tuple[float | None, ...]) -> None:
    embedder = Broken()
    found = asyncio.run(measure([candidate(i, text) for i, text in enumerate(texts)], embedder))
    assert (found.mean_pairwise_similarity, found.vendi_score, found.distinct_2) == expected
    assert (found.distinct_answers, found.answer_entropy, found.mean_copy_ratio) == (0, None, 0.0)
    assert embedder.calls == 0


@pytest.mark.parametrize(
    "result",
    [
        None,
        np.zeros((1, 4), dtype=np.float32),
        np.zeros(2, dtype=np.float32),
        np.full((2, 4), np.nan, dtype=np.float32),
    ],
)
def test_an_embedder_that_breaks_costs_only_the_similarities(result: Matrix | None) -> None:
    candidates = [candidate(0, "two words", cluster=0), candidate(1, "two others", cluster=0)]
    with capture_logs() as logs:
        found = asyncio.run(measure(candidates, Broken(result)))
        nearest = asyncio.run(similarity_to_previous(candidates[0], candidates[1:], Broken(result)))
    assert found == Diversity(
        distinct_answers=1,
        answer_entropy=0.0,
        mean_pairwise_similarity=None,
        vendi_score=None,
        distinct_2=1.0,
        mean_copy_ratio=0.0,
    )
    assert nearest is None
    assert [entry["log_level"] for entry in logs] == ["warning", "warning"]
    assert "secret-key" not in str(logs)


def test_many_long_candidates_are_measured_beside_the_event_loop(embedder: WordLlamaEmbedder) -> None:
    async def scenario() -> Diversity:
        texts = [f"candidate {number} " + "says a lot of words " * 100 for number in range(40)]
        return await measure([candidate(i, text) for i, text in enumerate(texts)], embedder)

    found = asyncio.run(scenario())
    assert found.mean_pairwise_similarity == pytest.approx(1.0, abs=0.05)
    assert found.distinct_2 is not None
    assert found.distinct_2 < 0.02


def test_similarity_to_previous_is_that_of_the_nearest(embedder: WordLlamaEmbedder) -> None:
    async def scenario() -> None:
        drawn = [candidate(0, "seven apples"), candidate(1, "The frozen harbour at night")]
        assert await similarity_to_previous(candidate(2, "apples"), [], embedder) is None
        assert await similarity_to_previous(candidate(2, "seven apples"), drawn, embedder) == 1.0
        near = await similarity_to_previous(candidate(2, "eight apples"), drawn, embedder)
        far = await similarity_to_previous(candidate(2, "eight apples"), drawn[1:], embedder)
        assert near is not None
        assert far is not None
        assert far < near < 1.0

    asyncio.run(scenario())


@pytest.mark.parametrize("length", [10, 20_000])
def test_copying_is_measured_against_what_was_shown(length: int) -> None:
    shown = " ".join(f"w{number}" for number in range(length))
    other = " ".join(f"v{number}" for number in range(length))
    assert asyncio.run(copy_ratio_of(shown, [other, shown])) == 1.0
    assert asyncio.run(copy_ratio_of(other, [shown])) == 0.0
    assert asyncio.run(copy_ratio_of(other, [])) == 0.0


def test_tool_calls_stand_for_the_text_that_is_not_there() -> None:
    calls = (ToolCall(id="1", name="add", arguments='{"a": 1}'), ToolCall(id="2", name="stop", arguments="{}"))
    silent = Candidate(index=0, reply=Reply(thinking="hm", tool_calls=calls))
    assert solution_text(silent) == 'add {"a": 1}\nstop {}'
    assert solution_text(Candidate(index=0, reply=Reply(text="Sure.", thinking="hm", tool_calls=calls))) == "Sure."
