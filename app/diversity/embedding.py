"""Embeddings of texts: the seam, and the model that runs in this process."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from tokenizers import Tokenizer

    from app.diversity.spectral import Matrix

MAX_CHARACTERS = 32_768
"""How much of a text is embedded, from its beginning: about 8,000 tokens of English."""

DIMENSIONS = 256
_BATCH = 16
_BEGIN_OF_TEXT = 1

Vector: TypeAlias = NDArray[np.float32]


class Embedder(Protocol):
    """Turns texts into vectors whose cosines say how alike the texts are."""

    async def embed(self, texts: Sequence[str]) -> Matrix:
        """Return one row of length 1 for each text, in their order; float32, n x d. May raise anything."""
        ...


class WordLlamaEmbedder:
    """WordLlama: the mean of a text's token embeddings, 256 dimensions, from the weights inside its own package.

    Nothing is ever downloaded. The model is loaded at first use, or by `warm`, in the one thread in which all its
    work is done; a few texts at a time, so that requests take turns and a cancelled one stops soon. Equal texts are
    embedded once, and the vectors of the last `cached_texts` different ones are kept (1 KiB each). Only the first
    `MAX_CHARACTERS` of a text count. A text without tokens is embedded as the model's begin-of-text token.
    """

    def __init__(self, *, cached_texts: int = 1024) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedder")
        self._cached_texts = cached_texts
        self._cache: OrderedDict[bytes, Vector] = OrderedDict()
        self._model: _Model | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def warm(self) -> None:
        """Load the model now. Raises FileNotFoundError where the package lacks its weights."""
        await asyncio.get_running_loop().run_in_executor(self._executor, self._loaded)

    async def embed(self, texts: Sequence[str]) -> Matrix:
        """Return one row for each text. Raises RuntimeError after `close`."""
        heads = [text[:MAX_CHARACTERS] for text in texts]
        distinct = list(dict.fromkeys(heads))
        if known := self._remembered(distinct):
            return np.stack([known[head] for head in heads])
        loop = asyncio.get_running_loop()
        rows: dict[str, Vector] = {}
        for start in range(0, len(distinct), _BATCH):
            batch = distinct[start : start + _BATCH]
            rows |= zip(batch, await loop.run_in_executor(self._executor, self._embed, batch), strict=True)
        return np.stack([rows[head] for head in heads]) if heads else np.empty((0, DIMENSIONS), dtype=np.float32)

    def _remembered(self, texts: Sequence[str]) -> dict[str, Vector] | None:
        """Return the texts' vectors if all are at hand, as they are where a run has compared its rounds before."""
        found: dict[str, Vector] = {}
        for text in texts:
            vector = self._cache.get(_key(text.encode(errors="replace")))
            if vector is None:
                return None
            found[text] = vector
        return found

    async def close(self) -> None:
        """Drop what waits, let the batch at work end, and end the thread."""
        await asyncio.to_thread(self._executor.shutdown, cancel_futures=True)

    def _embed(self, texts: list[str]) -> list[Vector]:
        """Return the texts' vectors; runs in the thread, as does all below."""
        readable = [text.encode(errors="replace") for text in texts]
        keys = [_key(text) for text in readable]
        new = {key: text.decode() for key, text in zip(keys, readable, strict=True) if key not in self._cache}
        found = {key: self._cache[key] for key in keys if key in self._cache}
        found |= zip(new, self._loaded().embed(list(new.values())), strict=True) if new else ()
        self._remember(found)
        return [found[key] for key in keys]

    def _remember(self, vectors: dict[bytes, Vector]) -> None:
        """Put these vectors last in the order of forgetting."""
        for key, vector in vectors.items():
            self._cache[key] = vector
            self._cache.move_to_end(key)
        while len(self._cache) > self._cached_texts:
            self._cache.popitem(last=False)

    def _loaded(self) -> _Model:
        """Return the model, loaded at the first call."""
        if self._model is None:
            self._model = _Model()
        return self._model


def _key(text: bytes) -> bytes:
    """Return what a text is remembered by."""
    return blake2b(text, digest_size=16).digest()


class _WordLlama(Protocol):
    """What is used of WordLlama's inference object: its tokenizer, and its vocabulary's vectors, float32."""

    tokenizer: Tokenizer
    embedding: Matrix


class _Model:
    """The loaded weights. Pools by itself: WordLlama pads every text to the longest, which takes 10 times as long."""

    def __init__(self) -> None:
        model = _load()
        model.tokenizer.no_padding()
        self._tokenizer = model.tokenizer
        self._vocabulary = model.embedding

    def embed(self, texts: list[str]) -> list[Vector]:
        """Return a vector of length 1 for each text."""
        encodings = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return [self._pool(encoding.ids or [_BEGIN_OF_TEXT]) for encoding in encodings]

    def _pool(self, tokens: list[int]) -> Vector:
        """Return the tokens' mean vector, scaled to length 1."""
        distinct, counts = np.unique(np.array(tokens, dtype=np.int32), return_counts=True)
        total = counts.astype(np.float32) @ self._vocabulary[distinct]
        return total / np.float32(np.linalg.norm(total))


def _load() -> _WordLlama:
    """Return the model from the weights in its package, leaving the root logger as it was.

    Importing the package takes half a second, which only the embedder's thread should wait for. It also calls
    `logging.basicConfig`, which does nothing as long as the root logger has a handler.
    """
    guard = logging.NullHandler()
    logging.getLogger().addHandler(guard)
    try:
        import wordllama  # noqa: PLC0415 # pyright: ignore[reportMissingTypeStubs] - told above; the package has no types
    finally:
        logging.getLogger().removeHandler(guard)
    folder = Path(wordllama.__file__).parent
    return cast("_WordLlama", wordllama.WordLlama.load(cache_dir=folder, disable_download=True))
