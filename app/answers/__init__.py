"""Answers: what a reply says in the end, extracted so that replies can be compared; one file an extractor."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from app.answers.base import Extractor
from app.parts import named_union, variants

EXTRACTORS = variants(__name__, Extractor)

if TYPE_CHECKING:
    AnyExtractor: TypeAlias = Extractor
else:
    AnyExtractor = named_union(EXTRACTORS)
