from __future__ import annotations

import sys
from typing import TYPE_CHECKING, cast

import pytest
from pydantic import TypeAdapter, ValidationError

from app.aggregators import AGGREGATORS
from app.aggregators.base import Aggregator
from app.aggregators.majority import Majority
from app.candidates import Answer, Candidate
from app.parts import named_union, type_name, variants
from app.strategies.single import Single

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "more_aggregators"
LONGEST = '''
"""Aggregator `longest`: the candidate with the longest answer."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.aggregators.base import Aggregator, by_index


class Longest(Aggregator):
    """Whoever has the most to say."""

    type: Literal["longest"] = "longest"
    at_most: int = Field(default=80, ge=1, description="Characters that count.")

    def order(self, pool, tally):
        return sorted(by_index(pool), key=lambda one: -min(self.at_most, len(one.answer.text))), False

    def settled(self, pool, tally, waiting):
        return not waiting
'''
SHORTEST = '''
from typing import Literal

from app.aggregators.base import Aggregator


class Shared(Aggregator):
    """A base without a name, which no request can call for."""


class Shortest(Shared):
    """Whoever has the least to say."""

    type: Literal["shortest"] = "shortest"
'''


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[type[Aggregator], ...]]:
    """The aggregators there are once a package has two more."""
    folder = tmp_path_factory.mktemp("plugins") / PACKAGE
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "longest.py").write_text(LONGEST, encoding="utf-8")
    (folder / "shortest.py").write_text(SHORTEST, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(folder.parent), *sys.path])
        yield variants(PACKAGE, Aggregator)


def names(parts: tuple[type[Aggregator], ...]) -> list[str]:
    return [type_name(part) for part in parts]


def test_a_new_aggregator_is_one_file(found: tuple[type[Aggregator], ...]) -> None:
    adapter: TypeAdapter[Aggregator] = TypeAdapter(named_union(found))
    longest = adapter.validate_python({"type": "longest", "at_most": 2})
    pool = [Candidate(index=i, answer=Answer(kind="text", text=text, key=text)) for i, text in enumerate(("a", "bcd"))]
    assert names(found) == ["longest", "shortest"]
    assert longest.spec == {"type": "longest", "at_most": 2}
    assert longest.decide(pool).winner.id == "c1"


def test_a_new_aggregator_is_in_the_schema_and_in_the_error_for_a_name_that_is_none(
    found: tuple[type[Aggregator], ...],
) -> None:
    adapter: TypeAdapter[Aggregator] = TypeAdapter(named_union(found))
    mapping = cast("dict[str, dict[str, object]]", adapter.json_schema()["discriminator"])["mapping"]
    with pytest.raises(ValidationError, match=r"'longest'.*'shortest'"):
        adapter.validate_python({"type": "loudest"})
    assert "longest" in mapping


def test_parts_are_sorted_by_name_and_bases_without_a_name_are_none(found: tuple[type[Aggregator], ...]) -> None:
    assert names(found) == sorted(set(names(found)))


def test_a_bare_name_is_the_part_with_its_defaults() -> None:
    adapter: TypeAdapter[Aggregator] = TypeAdapter(named_union(AGGREGATORS))
    assert adapter.validate_python("majority") == Majority()
    assert Majority().spec == {"type": "majority", "ties": "asked"}
    assert Majority().name == "majority"


def test_a_part_refuses_parameters_that_it_has_not_and_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        Majority.model_validate({"votes": 3})
    with pytest.raises(ValidationError, match="frozen"):
        Majority().type = "majority"


def test_a_changed_copy_spells_out_what_it_is_now() -> None:
    strategy = Single()
    assert strategy.spec["n"] == 1
    assert strategy.model_copy(update={"n": 3}).spec == Single(n=3).spec
    assert strategy.spec["n"] == 1
