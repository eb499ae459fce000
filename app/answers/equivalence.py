"""Equivalence: whether two answers mean the same."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, cast

import structlog

from app.answers.reading.mathematics import MAX_CHARACTERS, is_plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from app.candidates import Answer
    from app.offload import Offload

    _Parse: TypeAlias = Callable[..., list[object]]
    _Verify: TypeAlias = Callable[..., bool]

_REMEMBERED = 4_096
"""Pairs whose outcome is kept."""

_Pair = tuple[str, str]


class UndecidedError(Exception):
    """The answers were not compared, so whether they are equivalent is unknown; says why, without either."""


class Equivalence:
    """Decides whether answers mean the same, by their keys wherever that tells, and by math-verify where it doesn't.

    math-verify is HuggingFace's; it parses LaTeX and compares by sympy, which hostile input can keep busy for ever. So
    it runs in `offload`, for at most `timeout_s` seconds a pair. All runs share what was found out, and only that: a
    comparison that failed is tried again by the next one to ask.
    """

    def __init__(self, offload: Offload, *, timeout_s: float = 3.0) -> None:
        self._offload = offload
        self._timeout_s = timeout_s
        self._outcomes: OrderedDict[_Pair, bool] = OrderedDict()
        self._log = structlog.get_logger(__name__)

    def known(self, a: Answer, b: Answer) -> bool | None:
        """Return whether the answers are equivalent as far as that takes no work; None where it does."""
        if (a.kind, a.key) == (b.kind, b.key):
            return True
        if a.kind != b.kind or a.kind != "math" or (is_plain(a.key) and is_plain(b.key)):
            return False
        return self._outcomes.get(_pair(a, b))

    async def equivalent(self, a: Answer, b: Answer, *, within_s: float | None = None) -> bool:
        """Return whether the answers are equivalent; symmetric, and the same each time that it returns.

        Raises `UndecidedError` where that can't be told: an answer is too long, the comparison took too long or broke,
        or all of it, waiting for a process included, took more than `within_s` seconds.
        """
        known = self.known(a, b)
        if known is not None:
            return known
        if max(len(a.key), len(b.key)) > MAX_CHARACTERS:
            raise UndecidedError(f"an answer of more than {MAX_CHARACTERS} characters is not compared")
        outcome = await self._compare(_pair(a, b), within_s)
        self._remember(_pair(a, b), outcome)
        return outcome

    async def _compare(self, pair: _Pair, within_s: float | None) -> bool:
        """Return what math-verify finds; raises `UndecidedError`."""
        limit_s = self._timeout_s if within_s is None else min(self._timeout_s, within_s)
        try:
            async with asyncio.timeout(within_s):
                return await self._offload.call(same_mathematics, *pair, timeout_s=limit_s)
        except Exception as error:  # sympy raises whatever it likes for what strangers write
            reason = type(error).__name__
            self._log.warning("answers_not_compared", reason=reason)
            raise UndecidedError(f"the comparison of the answers failed ({reason})") from error

    def _remember(self, pair: _Pair, outcome: bool) -> None:  # noqa: FBT001 - it is what is remembered
        """Keep an outcome, and drop the oldest where there are too many."""
        self._outcomes[pair] = outcome
        if len(self._outcomes) > _REMEMBERED:
            self._outcomes.popitem(last=False)


def same_mathematics(a: str, b: str) -> bool:
    """Return whether math-verify takes the expressions for the same, in either order; runs in a process of the pool.

    Only its LaTeX reader is used: the one for plain expressions ends in Python's `eval`.
    """
    import math_verify  # noqa: PLC0415 # pyright: ignore[reportMissingTypeStubs] - sympy stays out of the server

    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that it has no time limit of its own
    parse, verify = cast("_Parse", math_verify.parse), cast("_Verify", math_verify.verify)
    readers = [math_verify.LatexExtractionConfig()]
    left, right = (parse(f"${text}$", readers, fallback_mode="no_fallback", parsing_timeout=None) for text in (a, b))
    if not left or not right:
        return False
    return any(verify(gold, target, timeout_seconds=None) for gold, target in ((left, right), (right, left)))


def _pair(a: Answer, b: Answer) -> _Pair:
    return min(a.key, b.key), max(a.key, b.key)
