from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
import structlog

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Generator[None]:
    root, server = logging.getLogger(), logging.getLogger("uvicorn.error")
    before = root.handlers[:], root.level, server.level
    yield
    root.handlers[:], root.level = before[0], before[1]
    server.setLevel(before[2])
    structlog.reset_defaults()
