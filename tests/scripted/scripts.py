"""Scripts: which action each request meets. Any function from a request to an action is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.scripted.actions import Action
    from tests.scripted.received import Received

    Script: TypeAlias = Callable[[Received], Action]


def always(action: Action) -> Script:
    """Return the script that does the same with every request."""
    return lambda _: action


def in_turn(*actions: Action) -> Script:
    """Return the script that takes one action a request, in order of arrival, and then the last one for ever."""
    return lambda received: actions[min(received.number, len(actions) - 1)]


def by_seed(*actions: Action) -> Script:
    """Return the script that takes the action numbered by the request's seed, or by its arrival, round and round."""
    return lambda received: actions[(received.number if received.seed is None else received.seed) % len(actions)]
