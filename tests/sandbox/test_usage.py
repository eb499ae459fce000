from __future__ import annotations

import os

from app.sandbox.usage import Usage, used


def test_a_process_that_still_has_this_machines_files_holds_nothing_of_a_sandboxs() -> None:
    assert used(os.getpid()) == Usage(0, 0)


def test_a_process_that_has_ended_holds_nothing() -> None:
    assert used(2**22 + 1) == Usage(0, 0)
