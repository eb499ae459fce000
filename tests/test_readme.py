"""What the README tells people to run, run as it stands against the real model; only the port is another."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

from app.settings.settings import Settings
from tests.stage import gateway

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with gateway(Settings.model_validate({"embedded": {"context": 1024}})) as running:
        yield running


def blocks(language: str) -> list[str]:
    """Return the README's code of one language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def run(*command: str) -> str:
    """Run a command and return what it prints; it must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603 - our own
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_curl_example_gets_an_answer(url: str) -> None:
    (example,) = [block for block in blocks("sh") if block.startswith("curl")]
    found = re.fullmatch(rf"curl -s {ADDRESS}(\S+) -d '(.*)'\n", example, re.DOTALL)
    assert found  # and no curl is needed, which a fresh machine may not have
    answer = httpx2.post(url + found[1], content=found[2], timeout=120).json()
    assert answer["choices"][0]["message"]["content"]
    assert answer["quorum"]["strategy"]["type"] == "parallel"


def test_the_python_example_prints_an_answer_and_its_agreement(url: str) -> None:
    (example,) = blocks("python")[:1]
    assert ADDRESS in example
    printed = run(sys.executable, "-c", example.replace(ADDRESS, url))
    assert 0.0 < float(printed.split()[-1]) <= 1.0


def test_the_make_targets_that_it_names_exist() -> None:
    makefile = (Path(__file__).parents[1] / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
