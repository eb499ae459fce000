"""Parts: the strategies, stop rules, aggregators, verifiers and answers that a request can name.

A part is one file in its package: a frozen pydantic class whose `type: Literal[...]` is its name, whose fields are
its parameters and whose docstring says what it does and where it comes from. `variants` finds the classes and
`named_union` makes of them the one type that a request is validated against, so that a new file is all it takes.
Where a part is made of others of its kind, a field of it is annotated with that type, and `complete` fills it in.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, TypeVar, Union

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Mapping

P = TypeVar("P", bound="Part")


class Part(BaseModel):
    """One named, parameterised piece of a strategy spec; a subclass that declares `type` can be named by requests."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    example: ClassVar[dict[str, object]] = {}
    """Parameters for a first try: at least those that it can't do without."""

    @cached_property
    def name(self) -> str:
        """The part's `type`."""
        return type_name(type(self))

    @cached_property
    def spec(self) -> dict[str, object]:
        """The part as a request would write it, its `type` first and every parameter spelled out."""
        return {"type": self.name, **self.model_dump(mode="json", by_alias=True)}

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy, changed by `update`, that spells itself out anew."""
        copy = super().model_copy(update=update, deep=deep)
        vars(copy).pop("spec", None)
        return copy


def variants(package: str, base: type[P]) -> tuple[type[P], ...]:
    """Return the subclasses of `base` that name a `type`, from every module of `package`, sorted by that name."""
    root = importlib.import_module(package)
    for module in pkgutil.iter_modules(root.__path__, f"{package}."):
        importlib.import_module(module.name)
    named = (part for part in _descendants(base) if "type" in part.model_fields)
    return tuple(sorted((part for part in named if part.__module__.startswith(f"{package}.")), key=type_name))


def type_name(part: type[Part]) -> str:
    """Return the name by which requests call for this part."""
    return str(part.model_fields["type"].default)


def example_of(part: type[Part]) -> dict[str, object]:
    """Return the part as a request may write it: its name, and the parameters of its `example`."""
    return {"type": type_name(part), **part.example}


def named_union(parts: tuple[type[Part], ...]) -> Any:  # noqa: ANN401 - a type built at run time has no static type
    """Return the discriminated union of `parts`; a bare name stands for the part with its defaults."""
    return Annotated[Union[parts], Field(discriminator="type"), BeforeValidator(_expand_name)]  # noqa: UP007


def complete(package: str, **names: object) -> None:
    """Fill `names` in where fields of the package's parts are annotated with them: the union that they are of."""
    for part in _descendants(Part):
        if part.__module__.startswith(f"{package}."):
            part.model_rebuild(_types_namespace=names)


def _descendants(base: type[P]) -> list[type[P]]:
    """Return the proper subclasses of `base` at every depth."""
    found: list[type[P]] = []
    for child in base.__subclasses__():
        found += [child, *_descendants(child)]
    return found


def _expand_name(value: object) -> object:
    """Write `"majority"` as `{"type": "majority"}`."""
    return {"type": value} if isinstance(value, str) else value
