"""What a model's tokens, or its machine's time, cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.candidates import Usage

MILLION = 1_000_000
SECONDS_AN_HOUR = 3_600


class Price(BaseModel):
    """US dollars for a million tokens of each kind, or for an hour of the GPUs that serve the model.

    `prompt_cached` is the price of prompt tokens that the worker had in its cache; it defaults to `prompt`. By the
    hour, a run costs the time during which any of its calls of the model was under way: an upper bound, since a
    worker serves many runs at once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    prompt: float = Field(default=0.0, ge=0.0)
    prompt_cached: float | None = Field(default=None, ge=0.0)
    completion: float = Field(default=0.0, ge=0.0)
    gpu_hour: float | None = Field(default=None, gt=0.0)

    @model_validator(mode="after")
    def _by_tokens_or_by_time(self) -> Self:
        if self.gpu_hour is not None and (self.prompt or self.prompt_cached or self.completion):
            raise ValueError("give prices per million tokens or per gpu_hour, not both")
        return self

    def of(self, usage: Usage, busy_s: float = 0.0) -> float:
        """Return the US dollars that `usage` and `busy_s` seconds of generation cost."""
        if self.gpu_hour is not None:
            return self.gpu_hour * busy_s / SECONDS_AN_HOUR
        cached = self.prompt if self.prompt_cached is None else self.prompt_cached
        fresh = usage.prompt - usage.cached
        return (fresh * self.prompt + usage.cached * cached + usage.completion * self.completion) / MILLION


def seconds_for(usd: float, prices: Iterable[Price | None]) -> float | None:
    """Return how long `usd` pays for models with such prices, all busy at once; None where time isn't what costs."""
    an_hour = sum(price.gpu_hour or 0.0 for price in prices if price)
    return usd * SECONDS_AN_HOUR / an_hour if an_hour else None
