"""The diversity of a run's candidates, as every response reports it, and how a candidate stands to earlier ones.

Work of up to about two milliseconds is done in place, as a thread that counts words would hold up the event loop
for longer than that (the interpreter lets go of its lock every 5 ms); longer work goes to a thread. An embedder that
breaks costs the similarities, never the request.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import msgspec
import numpy as np
import structlog

from app.diversity.answers import answer_entropy, distinct_answers
from app.diversity.lexical import copy_ratio, distinct_2
from app.diversity.spectral import Matrix, max_similarity, similarity_and_vendi

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.candidates import Candidate
    from app.diversity.embedding import Embedder

R = TypeVar("R")
A = ParamSpec("A")

_INLINE_CHARACTERS = 32_000
_INLINE_ROWS = 32


class Diversity(msgspec.Struct, frozen=True, kw_only=True):
    """How unlike each other the finished candidates of a run are.

    None where a measure has no meaning: no answer to take an entropy of, no pair to compare, no bigram, no
    candidate at all, or an embedder that broke. `undecided_comparisons` are pairs of answers that may be the same and
    were not compared, for want of time or room, or because they are too long: each may have cost a vote its company.
    """

    distinct_answers: int
    answer_entropy: float | None
    mean_pairwise_similarity: float | None
    vendi_score: float | None
    distinct_2: float | None
    mean_copy_ratio: float
    undecided_comparisons: int = 0


async def measure(candidates: Sequence[Candidate], embedder: Embedder, *, undecided_comparisons: int = 0) -> Diversity:
    """Return the diversity of those `candidates` that finished; `undecided_comparisons` is told along with it."""
    finished = [candidate for candidate in candidates if candidate.finished]
    texts = [solution_text(candidate) for candidate in finished]
    similarity, vendi = await _similarities(texts, embedder)
    return Diversity(
        distinct_answers=distinct_answers(candidate.cluster for candidate in finished),
        answer_entropy=answer_entropy(candidate.cluster for candidate in finished),
        mean_pairwise_similarity=similarity,
        vendi_score=vendi,
        distinct_2=await _off_loop_if(_long(texts), distinct_2, texts),
        mean_copy_ratio=sum(candidate.copy_ratio for candidate in finished) / max(1, len(finished)),
        undecided_comparisons=undecided_comparisons,
    )


async def similarity_to_previous(
    candidate: Candidate, previous: Sequence[Candidate], embedder: Embedder
) -> float | None:
    """Return the greatest cosine of the candidate's text with an earlier one; None without any, or if it broke."""
    text, earlier = solution_text(candidate), [solution_text(other) for other in previous]
    if not earlier or text in earlier:
        return 1.0 if earlier else None
    matrix = await _embedded([text, *earlier], embedder)
    return None if matrix is None else max_similarity(matrix[0], matrix[1:])


async def copy_ratio_of(text: str, shown: Sequence[str]) -> float:
    """Return `copy_ratio`, the share of the word 8-grams of `text` that stand in the texts it was shown."""
    return await _off_loop_if(_long([text, *shown]), copy_ratio, text, shown)


def solution_text(candidate: Candidate) -> str:
    """Return what is compared of a candidate: its text without the thinking or, where there is none, its tool calls."""
    reply = candidate.reply
    return reply.text or "\n".join(f"{call.name} {call.arguments}" for call in reply.tool_calls)


async def _similarities(texts: list[str], embedder: Embedder) -> tuple[float | None, float | None]:
    """Return the mean pairwise similarity and the Vendi score; equal texts need no embedding."""
    if len(set(texts)) <= 1:
        return (1.0 if len(texts) > 1 else None), (1.0 if texts else None)
    matrix = await _embedded(texts, embedder)
    if matrix is None:
        return None, None
    return await _off_loop_if(len(texts) > _INLINE_ROWS, similarity_and_vendi, matrix)


async def _embedded(texts: list[str], embedder: Embedder) -> Matrix | None:
    """Return the texts' embeddings, or None, with a warning in the log, where the embedder gave no such thing."""
    try:
        return _checked(await embedder.embed(texts), len(texts))
    except Exception as error:  # noqa: BLE001 - an embedder may be any code or server, and measures are not the answer
        structlog.get_logger(__name__).warning("embedder_broke", error=type(error).__name__, texts=len(texts))
        return None


def _checked(matrix: Matrix, rows: int) -> Matrix:
    """Return the matrix if it has that many rows of numbers; raise ValueError otherwise."""
    if matrix.ndim != 2 or len(matrix) != rows or not np.isfinite(matrix).all():  # noqa: PLR2004 - rows and columns
        raise ValueError(f"the embeddings of {rows} texts are no such matrix: shape {matrix.shape}")
    return matrix


def _long(texts: Sequence[str]) -> bool:
    """Whether counting the words of all these would hold up the event loop."""
    return sum(map(len, set(texts))) > _INLINE_CHARACTERS


async def _off_loop_if(heavy: bool, function: Callable[A, R], *args: A.args, **kwargs: A.kwargs) -> R:  # noqa: FBT001 - `to_thread` keeps its own signature
    """Return the function's result, computed in a thread if `heavy`."""
    return await asyncio.to_thread(function, *args, **kwargs) if heavy else function(*args, **kwargs)
