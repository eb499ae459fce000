from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from app.worker.announcing import Telling
from app.workers.discovery.base import Announced

if TYPE_CHECKING:
    import pytest


def test_a_worker_that_is_not_registered_is_told_of_on_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> None:
        async with Telling(announced=Announced(url="http://a:1"))(("m", "n")):
            pass

    asyncio.run(scenario())
    assert capsys.readouterr().out == "m, n can be served now: quorum serve --worker http://a:1\n"
