"""Answer `choice`: a letter of a multiple choice."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from app.answers.base import Extractor
from app.answers.reading.listing import listed
from app.answers.reading.options import chosen
from app.candidates import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.candidates import Question, Reply

_Option = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000)]
_Options = Annotated[tuple[_Option, ...], Field(min_length=2, max_length=26, fail_fast=True)]
_DEFAULT = dict.fromkeys("ABCDEFGHIJ", "")


class Choice(Extractor):
    r"""The letter that the reply chooses: `(B)`, `Answer: B`, `**B**`, `the correct option is B`, `\boxed{B}`.

    The end of the reply is looked at: 30,000 characters of it for a box or a phrase, 20,000 for a label set off.
    An option's whole text stands for its letter. Options are those of `choices`, or else those that the question lists,
    or else A to J.
    """

    example: ClassVar[dict[str, object]] = {"choices": ["10", "12", "15"]}

    type: Literal["choice"] = "choice"

    few_values: ClassVar[bool] = True

    choices: _Options | None = Field(
        default=None,
        description="The letters that may be chosen, or the texts of the options A, B, C, ...",
    )

    def extract(self, reply: Reply, question: Question) -> Answer | None:
        """Return the letter; None where the reply doesn't choose one of the options."""
        label = chosen(reply.text, self._options(question))
        return None if label is None else Answer(kind="choice", text=label, key=label)

    def _options(self, question: Question) -> Mapping[str, str]:
        if self.choices is None:
            return listed(question.text) or _DEFAULT
        if all(len(choice) == 1 and choice.isalpha() for choice in self.choices):
            return {choice.upper(): "" for choice in self.choices}
        return dict(zip(string.ascii_uppercase, self.choices, strict=False))
