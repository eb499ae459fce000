"""Verifiers: is this candidate right? One file each."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from app.parts import complete, named_union, variants
from app.verifiers.base import Verifier

VERIFIERS = variants(__name__, Verifier)

if TYPE_CHECKING:
    AnyVerifier: TypeAlias = Verifier
else:
    AnyVerifier = named_union(VERIFIERS)

complete(__name__, AnyVerifier=AnyVerifier)
