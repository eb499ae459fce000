"""Which strategy a request runs under: body, header, model suffix or default, first match wins."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, cast

import msgspec
from pydantic import TypeAdapter, ValidationError

from app.api.problems import invalid_strategy, unreadable
from app.errors import InvalidStrategyError
from app.parts import type_name
from app.strategies import STRATEGIES, AnyStrategy
from app.strategies.base import MAX_DRAWS
from app.strategies.presets import PRESETS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.strategies.base import Strategy

SHORT_FORMS = "single, parallel-N, sequential-K, hybrid-CxR, hybrid-W+W+..., reject-N"
PRESET_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
MAX_NAME = 200
MAX_SPEC_VALUES = 16_384
"""Values in a spec, at any depth: more than anybody writes, and few enough to tell what is wrong with each."""

MAX_SHORT_FORM = 8_192
"""Characters of a short form: more than any valid one has, and few enough to be remembered."""


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """The model and the strategy of a request, and what chose the strategy."""

    model: str
    strategy: Strategy
    selected_by: str


class Selector:
    """Reads strategies in all their forms. Raises `InvalidStrategyError` where presets or the default are wrong.

    `presets` come on top of those that every server has, in whose place one of the same name stands.
    """

    def __init__(self, *, default: object, presets: Mapping[str, object], max_candidates: int = MAX_DRAWS) -> None:
        self._adapter: TypeAdapter[Strategy] = TypeAdapter(AnyStrategy)
        self._max_candidates = max_candidates
        self.presets = {name: self.read(spec) for name, spec in PRESETS.items()}
        for name, spec in presets.items():
            if not PRESET_NAME.fullmatch(name) or name.partition("-")[0] in set(map(type_name, STRATEGIES)):
                raise InvalidStrategyError(
                    f"preset {name!r}: a name begins with a letter, goes on in letters, digits, '_', '.' and '-', "
                    "and is no strategy's own"
                )
            self.presets[name] = self._configured(f"preset {name}", spec)
        self.default = self._configured("default_strategy", default)

    def select(self, *, model: str, body: object, header: str | None, serves: Callable[[str], bool]) -> Selection:
        """Return what the request asks for; `serves` tells whether a name is a model's."""
        name, suffix = split_model(model, serves)
        if body is not None:
            return Selection(model=name, strategy=self.read(body), selected_by="body")
        if header is not None:
            return Selection(model=name, strategy=self.read(_from_header(header)), selected_by="header")
        if suffix is not None:
            return Selection(model=name, strategy=self.read(suffix), selected_by="model")
        return Selection(model=name, strategy=self.default, selected_by="default")

    def read(self, value: object) -> Strategy:
        """Return the strategy that `value` is or names. Raises `InvalidStrategyError`."""
        try:
            return self._from_name(value) if isinstance(value, str) else self._from_spec(value)
        except ValidationError as error:
            raise invalid_strategy(error, value) from error

    def _from_spec(self, value: object) -> Strategy:
        if not isinstance(value, dict):
            raise InvalidStrategyError(f"a strategy is an object or a string: {SHORT_FORMS}", param="strategy")
        if has_more_values(value, MAX_SPEC_VALUES):  # pyright: ignore[reportUnknownArgumentType] - any JSON
            raise InvalidStrategyError(f"the strategy has more than {MAX_SPEC_VALUES} values", param="strategy")
        return self._adapter.validate_python(value)

    def _from_name(self, text: str) -> Strategy:
        if len(text) <= MAX_SHORT_FORM and (strategy := short_form(text)):
            return strategy
        if text in self.presets:
            return self.presets[text]
        presets = ", ".join(sorted(self.presets))
        raise InvalidStrategyError(
            f"there is no strategy {text[:MAX_NAME]!r}; valid are {SHORT_FORMS}; or a preset: {presets}",
            param="strategy",
        )

    def _configured(self, what: str, value: object) -> Strategy:
        try:
            strategy = self.read(value)
        except InvalidStrategyError as error:
            raise InvalidStrategyError(f"{what}: {error.message}") from error
        if strategy.draws > self._max_candidates:
            raise InvalidStrategyError(
                f"{what}: draws up to {strategy.draws} candidates; limits.max_candidates is {self._max_candidates}"
            )
        return strategy


@lru_cache(maxsize=256)
def short_form(text: str) -> Strategy | None:
    """Return the strategy whose short form `text` is, or None."""
    return next((strategy for kind in STRATEGIES if (strategy := kind.parse(text))), None)


def has_more_values(value: object, most: int) -> bool:
    """Whether a JSON value holds more than `most` others, at any depth; looks at no more of them than that."""
    found = 0
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, (dict, list)):
            inner = cast("dict[str, object] | list[object]", one)
            found += len(inner)
            if found > most:
                return True
            waiting += inner.values() if isinstance(inner, dict) else inner
    return False


def split_model(model: str, serves: Callable[[str], bool]) -> tuple[str, str | None]:
    """Return (model, strategy suffix or None) of a name such as `qwen3-8b+parallel-8`.

    A model's own name may hold a `+`, and so may a suffix (`hybrid-1+1+6`): the longest name that is served counts.
    Where none is, the last `+` before a letter divides, so that the error speaks of the model and not of the whole.
    """
    places = [place for place, sign in enumerate(model) if sign == "+"]
    if not places or serves(model):
        return model, None
    for place in reversed(places):
        if serves(model[:place]):
            return model[:place], model[place + 1 :]
    divides = [place for place in places if model[place + 1 : place + 2].isalpha()]
    return (model[: divides[-1]], model[divides[-1] + 1 :]) if divides else (model, None)


def _from_header(text: str) -> object:
    """Return a header's value: a spec where it is a JSON object, else a name."""
    text = text.strip()
    if not text.startswith("{"):
        return text
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = unreadable(text.encode(errors="replace"), error)
        raise InvalidStrategyError(f"header X-Quorum-Strategy is {reason}", param="strategy") from error
