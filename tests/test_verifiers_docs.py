"""docs/verifiers.md: every verifier stands there, its examples are valid, its code does what the page says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from pydantic import TypeAdapter

from app.parts import example_of, type_name
from app.strategies import AnyStrategy
from app.verifiers import VERIFIERS, AnyVerifier
from app.webhooks.signing import SIGNATURE, TIMESTAMP, signed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.parts import Part

    Check = Callable[[bytes, Mapping[str, str], bytes], bool]

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "verifiers.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## `([a-z_]+)`\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
PYTHON = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
VERIFIER = TypeAdapter[AnyVerifier](AnyVerifier)

ASKED = """
import asyncio, json, sys
import httpx2
from app.main import create_app
from app.server import serving
from app.settings.settings import Settings

async def main() -> None:
    settings = Settings.model_validate({"workers": [sys.argv[1]]})
    async with serving(create_app(settings)) as url, httpx2.AsyncClient(base_url=url, timeout=30) as client:
        told = {"listed": (await client.get("/v1/strategies")).json()["verifiers"]}
        told["openapi"] = (await client.get("/openapi.json")).json()["components"]["schemas"]
        for name, verifier in json.loads(sys.argv[2]).items():
            strategy = {"type": "single", "verifiers": [verifier]}
            body = {"model": "scripted", "messages": [{"role": "user", "content": "x"}], "strategy": strategy}
            told[name] = (await client.post("/v1/chat/completions", json=body)).json()
    print(json.dumps(told))

asyncio.run(main())
"""


def blocks(section: str) -> list[dict[str, object]]:
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", section, re.DOTALL)]


def test_every_verifier_has_a_section() -> None:
    assert SECTIONS.keys() >= {type_name(part) for part in VERIFIERS}


@pytest.mark.parametrize("part", VERIFIERS, ids=type_name)
def test_the_example_of_a_section_is_a_spec_of_it(part: type[Part]) -> None:
    (spec,) = blocks(SECTIONS[type_name(part)])
    assert VERIFIER.validate_python(spec).name == type_name(part)


@pytest.mark.parametrize("part", [part for part in VERIFIERS if part.example], ids=type_name)
def test_the_example_of_a_part_is_valid(part: type[Part]) -> None:
    verifier = VERIFIER.validate_python(example_of(part))
    assert verifier.name == type_name(part)


def test_the_strategy_at_the_top_is_valid() -> None:
    (spec,) = blocks(PAGE.partition("\n## ")[0])
    assert TypeAdapter[Any](AnyStrategy).validate_python(spec).verifiers


@pytest.fixture(scope="module")
def is_genuine() -> Check:
    namespace: dict[str, object] = {}
    exec(PYTHON[0], namespace)  # noqa: S102 - the page's own code is what is tested
    return cast("Check", namespace["is_genuine"])


def test_the_receiver_takes_what_is_ours_and_nothing_else(is_genuine: Check) -> None:
    secret, body = b"a secret of the operator", b'{"run": "r"}'
    headers = signed(secret, body, at=time.time(), delivery="d")
    assert is_genuine(secret, headers, body)
    assert not is_genuine(b"another secret", headers, body)
    assert not is_genuine(secret, headers, body + b" ")
    assert not is_genuine(secret, {**headers, TIMESTAMP: str(int(time.time()) - 1)}, body)
    assert not is_genuine(secret, {TIMESTAMP: headers[TIMESTAMP]}, body)
    assert not is_genuine(secret, {**headers, SIGNATURE: "v1=é"}, body)
    assert not is_genuine(secret, {}, body)
    assert not is_genuine(secret, signed(secret, body, at=time.time() - 400, delivery="d"), body)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a server says that differs from ours by the page's one file."""
    folder = tmp_path_factory.mktemp("user")
    shutil.copytree(ROOT / "app", folder / "app", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "app" / "verifiers" / "brief.py").write_text(PYTHON[1], encoding="utf-8")
    wrong = {
        "unknown": "oracle",
        "misfit": {"type": "any_of", "verifiers": ["brief", {"type": "brief", "words": 0}]},
        "right": {"type": "weighted", "verifiers": [{"verifier": "brief"}]},
    }
    command = [sys.executable, "-c", ASKED, "http://127.0.0.1:9", json.dumps(wrong)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)  # noqa: S603 - our own
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_new_verifier_is_listed_with_its_schema(told: dict[str, Any]) -> None:
    (brief,) = [one for one in told["listed"] if one["type"] == "brief"]
    assert brief["description"] == "Passes a candidate of at most so many words."
    assert brief["schema"]["properties"]["words"]["description"] == "The most words."
    any_of = next(one for one in told["listed"] if one["type"] == "any_of")["schema"]
    assert "BriefVerifier" in any_of["$defs"]
    assert any_of["properties"]["verifiers"]["items"]["discriminator"]["mapping"]["brief"] == "#/$defs/BriefVerifier"


def test_a_new_verifier_is_in_openapi_by_itself_and_inside_others(told: dict[str, Any]) -> None:
    here = {"$ref": "#/components/schemas/BriefVerifier"}
    schemas = told["openapi"]
    assert schemas["BriefVerifier"]["properties"]["words"]["minimum"] == 1
    assert here in schemas["Parallel"]["properties"]["verifiers"]["items"]["oneOf"]
    assert here in schemas["AllOf"]["properties"]["verifiers"]["items"]["oneOf"]


def test_a_new_verifier_is_in_the_errors_of_requests(told: dict[str, Any]) -> None:
    unknown, misfit = told["unknown"]["error"], told["misfit"]["error"]
    assert "'any_of', 'brief', 'choice'" in unknown["message"]
    assert (misfit["code"], misfit["param"]) == ("invalid_strategy", "strategy.verifiers.0.verifiers.1.words")
    assert told["right"]["error"]["code"] == "no_worker"
