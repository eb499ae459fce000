"""How candidates are sampled: the overrides of a strategy, and what differs from candidate to candidate."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.candidates import MAX_TOKENS

Temperature = Annotated[float, Field(strict=True, ge=0.0, le=2.0)]

MAX_SEED = 2**31 - 1
"""The largest seed that every engine takes (llama.cpp's are 32 bits)."""


class Sampling(BaseModel):
    """Sampling parameters that replace the request's own for every candidate.

    `temperature` may be a ladder: a list that the candidates walk through by their number, starting over at its end,
    so that `[0.3, 0.7, 1.1]` explores at several heats. A `seed` S (here or in the request) gives candidate i the
    seed S+i: repeatable, yet no two alike.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: Temperature | Annotated[tuple[Temperature, ...], Field(min_length=1, max_length=64)] | None = None
    top_p: float | None = Field(strict=True, default=None, gt=0.0, le=1.0)
    top_k: int | None = Field(strict=True, default=None, ge=-1)
    min_p: float | None = Field(strict=True, default=None, ge=0.0, le=1.0)
    presence_penalty: float | None = Field(strict=True, default=None, ge=-2.0, le=2.0)
    frequency_penalty: float | None = Field(strict=True, default=None, ge=-2.0, le=2.0)
    repetition_penalty: float | None = Field(strict=True, default=None, gt=0.0)
    max_tokens: int | None = Field(strict=True, default=None, ge=1, le=MAX_TOKENS)
    seed: int | None = Field(strict=True, default=None, ge=0, le=MAX_SEED)

    @cached_property
    def _fixed(self) -> dict[str, object]:
        """The fields that are every candidate's; the length is left to the run, which may have less to give."""
        return self.model_dump(exclude_none=True, exclude={"seed", "temperature", "max_tokens"})

    def fields_for(self, index: int, requested_seed: int | None) -> dict[str, object]:
        """Return the request fields that candidate `index` is drawn with, in OpenAI's names."""
        fields = dict(self._fixed)
        heat = self.temperature
        if isinstance(heat, tuple):
            heat = heat[index % len(heat)]
        if heat is not None:
            fields["temperature"] = heat
        seed = requested_seed if self.seed is None else self.seed
        if seed is not None:
            fields["seed"] = (seed + index) % (MAX_SEED + 1)
        return fields
