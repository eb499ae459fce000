from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from app.answers.clusters import Clusters
from app.answers.equivalence import Equivalence
from app.assessor import Assessor
from app.candidates import Answer, Candidate, Question, Reply
from app.offload import Offload
from app.strategies.parallel import Parallel
from app.verifiers.judge import JudgeVerifier
from tests.tools import ScriptedModels, verifier_tools

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.diversity.embedding import Matrix

WRITTEN = Candidate(index=3, finish_reason="stop", reply=Reply(text="The answer is 42."), synthesized=True)
QUESTION = Question(messages=[{"role": "user", "content": "How many?"}])


class Unasked:
    """An embedder: candidates that nothing was drawn before aren't compared with anything."""

    async def embed(self, texts: Sequence[str]) -> Matrix:
        raise AssertionError(texts)


class Stuck(Clusters):
    """Never finds out which answers are equal."""

    async def assign(self, answer: Answer) -> int:
        await asyncio.Event().wait()
        raise AssertionError(answer)


def taken(clusters: type[Clusters] = Clusters, *, score: int = 9, deadline_s: float = 10.0) -> Candidate:
    async def scenario() -> Candidate:
        offload = Offload()
        assessor = Assessor(
            strategy=Parallel(n=2, verifiers=(JudgeVerifier(),)),
            question=QUESTION,
            tools=verifier_tools(offload, models=ScriptedModels(lambda _: f"Score: {score}")),
            embedder=Unasked(),
            clusters=clusters(Equivalence(offload)),
        )
        deadline = asyncio.get_running_loop().time() + deadline_s
        return await assessor.take_written(WRITTEN, deadline=deadline)

    return asyncio.run(scenario())


def test_what_an_aggregator_has_written_is_examined_like_any_candidate() -> None:
    written = taken()
    assert written.answer is not None
    assert written.verdict is not None
    assert (written.answer.text, written.verdict.score, written.cluster, written.rejection) == ("42", 0.9, 0, None)


@pytest.mark.parametrize("score", [0, 4])
def test_nor_does_it_count_where_a_verifier_fails_it(score: int) -> None:
    assert taken(score=score).rejection == "failed verification"


def test_nor_where_it_could_not_be_examined_before_the_deadline() -> None:
    assert taken(Stuck, deadline_s=0.2).rejection == "not examined in time"
