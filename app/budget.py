"""What a request may spend."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from app.candidates import MAX_TOKENS


class Budget(BaseModel):
    """Limits over all model calls of a request; None is no limit of the request's own.

    When one is reached the best answer so far is returned; it is an error only where there is none. `deadline_s`
    counts from the moment the request arrived, queueing included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_completion_tokens: int | None = Field(
        strict=True, default=None, ge=1, le=MAX_TOKENS, description="Generated tokens, judges' included."
    )
    max_cost_usd: float | None = Field(
        strict=True, default=None, gt=0.0, description="Money, by the server's configured prices."
    )
    deadline_s: float | None = Field(
        strict=True, default=None, gt=0.0, le=86_400.0, description="Seconds of wall-clock time."
    )
