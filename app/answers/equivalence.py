"""Equivalence: whether two answers mean the same."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, TypeVar, cast

import structlog

from app.answers.reading.mathematics import MAX_CHARACTERS, is_plain
from app.offload import OffloadBusyError, OffloadError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from app.candidates import Answer
    from app.offload import Offload

    _Parse: TypeAlias = Callable[..., list[object]]
    _Verify: TypeAlias = Callable[..., bool]

_REMEMBERED = 4_096
"""Pairs whose outcome is kept, and expressions whose time-outs are."""

_PATIENCE = 2
"""Comparisons of one expression that may run out of time before it is compared by its key alone."""

_K = TypeVar("_K")
_V = TypeVar("_V")
_Pair = tuple[str, str]


class Equivalence:
    """Decides whether answers mean the same, by their keys wherever that tells, and by math-verify where it doesn't.

    math-verify is HuggingFace's; it parses LaTeX and compares by sympy, which hostile input can keep busy for ever. So
    it runs in `offload`, for at most `timeout_s` seconds a pair, and a comparison that fails says "not equivalent".
    """

    def __init__(self, offload: Offload, *, timeout_s: float = 3.0) -> None:
        self._offload = offload
        self._timeout_s = timeout_s
        self._outcomes: OrderedDict[_Pair, bool] = OrderedDict()
        self._exhausted: OrderedDict[str, int] = OrderedDict()
        self._log = structlog.get_logger(__name__)

    def known(self, a: Answer, b: Answer) -> bool | None:
        """Return whether the answers are equivalent as far as that takes no work; None where it does."""
        if (a.kind, a.key) == (b.kind, b.key):
            return True
        if a.kind != b.kind or a.kind != "math" or (is_plain(a.key) and is_plain(b.key)):
            return False
        if any(len(key) > MAX_CHARACTERS or self._exhausted.get(key, 0) >= _PATIENCE for key in (a.key, b.key)):
            return False
        return self._outcomes.get(_pair(a, b))

    async def equivalent(self, a: Answer, b: Answer) -> bool:
        """Return whether the answers are equivalent; symmetric, and the same each time it is asked."""
        known = self.known(a, b)
        return await self._compare(_pair(a, b)) if known is None else known

    async def _compare(self, pair: _Pair) -> bool:
        try:
            outcome = await self._offload.call(same_mathematics, *pair, timeout_s=self._timeout_s)
        except OffloadBusyError:
            self._log.warning("answers_not_compared", reason="busy")
            return False
        except (TimeoutError, OffloadError, RecursionError) as error:
            self._log.warning("answers_not_compared", reason=type(error).__name__)
            outcome = False
            for key in pair:
                _remember(self._exhausted, key, self._exhausted.get(key, 0) + 1)
        _remember(self._outcomes, pair, outcome)
        return outcome


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


def _remember(memory: OrderedDict[_K, _V], key: _K, value: _V) -> None:
    """Keep a value, and drop the oldest where there are too many."""
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > _REMEMBERED:
        memory.popitem(last=False)
