"""What a replay refuses, each with a message of one line that says what to change."""

from __future__ import annotations

from app.errors import QuorumError


class ReplayError(QuorumError):
    """The replay can't be run or came to no end."""


class RecordingError(ReplayError):
    """A recording can't be read; the message begins with the file and, where one is at fault, the line."""


class PolicyError(ReplayError):
    """A policy is unknown, or can't be replayed from independent samples."""


class PlotError(ReplayError):
    """The plot can't be drawn or written."""
