"""What the processes of one server share out among themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.settings.reading import ConfigurationError

if TYPE_CHECKING:
    from app.settings.settings import Settings


def check_shares(settings: Settings, processes: int) -> None:
    """Make sure that each of so many processes can have its part of what the server as a whole is bounded by.

    None could do with less than 1, so together they would go beyond a smaller bound. Raises `ConfigurationError`.
    """
    bounds = {"admission.max_in_flight": settings.admission.max_in_flight, "sandbox.slots": settings.sandbox.slots}
    problems = [
        f"{key}: {bound} can't be shared out among {processes} processes, each of which needs at least 1: "
        f"raise it to {processes}, or have fewer processes"
        for key, bound in bounds.items()
        if bound is not None and bound < processes
    ]
    if problems:
        raise ConfigurationError("; ".join(problems))
