from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest
from pydantic import TypeAdapter

from app.answers import AnyExtractor
from app.candidates import Question, Reply

if TYPE_CHECKING:
    from app.answers.base import Extractor
    from app.candidates import Answer


class Extract(Protocol):
    def __call__(self, spec: object, text: str, question: str = "", *, wants_json: bool = False) -> Answer | None: ...


@pytest.fixture(scope="session")
def extract() -> Extract:
    """Extract from a text by the extractor that a request would name so."""
    adapter: TypeAdapter[Extractor] = TypeAdapter(AnyExtractor)

    def run(spec: object, text: str, question: str = "", *, wants_json: bool = False) -> Answer | None:
        asked = Question(messages=[{"role": "user", "content": question}], wants_json=wants_json)
        return adapter.validate_python(spec).extract(Reply(text=text), asked)

    return run


@pytest.fixture(scope="session")
def key(extract: Extract) -> object:
    """Return the key of what is extracted, or None."""

    def run(spec: object, text: str, question: str = "") -> str | None:
        answer = extract(spec, text, question)
        return answer.key if answer else None

    return run
