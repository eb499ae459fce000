from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from app.diversity.embedding import WordLlamaEmbedder

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="package")
def embedder() -> Iterator[WordLlamaEmbedder]:
    model = WordLlamaEmbedder()
    yield model
    asyncio.run(model.close())
