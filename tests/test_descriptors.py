from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
from app.descriptors import allow_many
print(allow_many(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "then"),
    [(256, 512, 512), (512, 512, 512), (256, 1_024, 1_024)],
    ids=["raised", "as it is", "more"],
)
def test_as_many_may_be_open_as_the_system_allows(soft: int, hard: int, then: int) -> None:
    command = [sys.executable, "-c", SCRIPT, str(soft), str(hard)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own interpreter
    assert told.split() == [str(then), str(then), str(hard)]
