from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import numpy as np
import pytest

from app.diversity.embedding import MAX_CHARACTERS, WordLlamaEmbedder
from app.diversity.spectral import max_similarity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.diversity.spectral import Matrix


def embed(embedder: WordLlamaEmbedder, texts: Sequence[str]) -> Matrix:
    return asyncio.run(embedder.embed(texts))


def test_rows_have_length_1_and_the_order_of_the_texts(embedder: WordLlamaEmbedder) -> None:
    texts = [f"Text number {number} about something." for number in range(40)]
    matrix = embed(embedder, texts)
    assert matrix.shape == (40, 256)
    assert matrix.dtype == np.float32
    assert np.linalg.norm(matrix, axis=1) == pytest.approx(np.ones(40), abs=1e-5)
    assert np.array_equal(embed(embedder, texts[::-1]), matrix[::-1])


def test_no_texts_give_no_rows(embedder: WordLlamaEmbedder) -> None:
    assert embed(embedder, []).shape == (0, 256)


def test_paraphrases_are_more_alike_than_unrelated_texts(embedder: WordLlamaEmbedder) -> None:
    apples, fruit, night = embed(
        embedder,
        [
            "Add the three apples to the four that she already had: she has seven apples.",
            "She had four apples and gets three more, so now there are seven apples.",
            "The aurora borealis shone over the frozen harbour that night.",
        ],
    )
    near, far = max_similarity(apples, fruit[np.newaxis]), max_similarity(apples, night[np.newaxis])
    assert near is not None
    assert far is not None
    assert near > far + 0.2


@pytest.mark.parametrize("text", ["", " ", "\n", "\x00", "\ud800 broken", "🦆" * 10, "a" * 1_000_000])
def test_any_text_has_an_embedding(embedder: WordLlamaEmbedder, text: str) -> None:
    row = embed(embedder, [text])[0]
    assert float(np.linalg.norm(row)) == pytest.approx(1.0, abs=1e-5)


def test_only_the_beginning_of_a_long_text_counts(embedder: WordLlamaEmbedder) -> None:
    head = ("word " * MAX_CHARACTERS)[:MAX_CHARACTERS]
    first, second = embed(embedder, [head, head + "completely different"])
    assert np.array_equal(first, second)


def test_equal_texts_have_equal_rows_whether_remembered_or_forgotten() -> None:
    async def scenario() -> None:
        async with WordLlamaEmbedder(cached_texts=2) as embedder:
            matrix = await embedder.embed(["a", "b", "a", "c", "a"])
            assert np.array_equal(matrix[0], matrix[2])
            assert np.array_equal(await embedder.embed(["c", "b", "a"]), matrix[[3, 1, 0]])

    asyncio.run(scenario())


def test_requests_share_one_embedder_and_a_cancelled_one_leaves_it_working(embedder: WordLlamaEmbedder) -> None:
    async def scenario() -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(embedder.embed([f"text {n % 3}" for n in range(k)])) for k in range(1, 6)]
            doomed = group.create_task(embedder.embed([f"text of {n}" for n in range(100)]))
            await asyncio.sleep(0)
            doomed.cancel()
        assert [len(task.result()) for task in tasks] == [1, 2, 3, 4, 5]
        assert doomed.cancelled()

    asyncio.run(scenario())


def test_a_closed_embedder_refuses() -> None:
    async def scenario() -> None:
        embedder = WordLlamaEmbedder()
        await embedder.warm()
        await embedder.close()
        with pytest.raises(RuntimeError):
            await embedder.embed(["a"])

    asyncio.run(scenario())


def test_loading_opens_no_connection_and_leaves_the_root_logger_alone() -> None:
    script = """
        import asyncio, logging, sys, warnings

        warnings.simplefilter("error")

        def forbid(event, args):
            if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
                raise AssertionError(event)

        sys.addaudithook(forbid)
        from app.diversity.embedding import WordLlamaEmbedder
        assert "wordllama" not in sys.modules

        async def scenario():
            async with WordLlamaEmbedder() as embedder:
                await embedder.warm()
                assert (await embedder.embed(["offline"])).shape == (1, 256)

        asyncio.run(scenario())
        root = logging.getLogger()
        assert (root.handlers, root.level) == ([], logging.WARNING), (root.handlers, root.level)
    """
    done = subprocess.run(  # noqa: S603 - this interpreter, and the script above
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
