"""The house around the code: what is committed, pinned, shipped and documented as a command."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import pytest
import yaml

from app.settings.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
REGISTRY = re.compile(r"pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|deb\.debian\.org|docker\.io|ghcr\.io|quay\.io")
MACHINE_PATH = re.compile(r"(?<![\w.:/])/(?:root|home|work|Users)/\w")
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^]]*])?==(\S+)(.*)$")
COMMANDS = ("help", "install", "demo", "serve", "check", "test", "bench", "lock")

Service = dict[str, object]


def test_no_committed_file_names_a_registry() -> None:
    assert not _files_with(REGISTRY)


def test_no_committed_file_names_a_place_on_somebodys_machine() -> None:
    assert not _files_with(MACHINE_PATH)


@pytest.mark.parametrize("name", ["build", "dev", "runtime"])
def test_every_requirement_is_pinned_with_a_hash(name: str) -> None:
    for requirement in _requirements(name):
        pin = PIN.match(requirement)
        assert pin, requirement
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", pin[3]), requirement


def test_the_tests_run_with_the_versions_that_are_shipped_and_built_with() -> None:
    tested = _versions("dev").items()
    assert _versions("runtime").items() <= tested
    assert _versions("build").items() <= tested


def test_every_declared_dependency_is_among_the_pins() -> None:
    project = tomllib.loads(_read("pyproject.toml"))
    declared = cast("list[str]", project["project"]["dependencies"])
    groups = cast("dict[str, list[object]]", project["dependency-groups"])
    assert _names(declared) <= _versions("runtime").keys()
    assert _names(groups["build"]) <= _versions("build").keys()
    extras = cast("dict[str, list[str]]", project["project"]["optional-dependencies"])
    assert _names([*groups["build"], *groups["dev"], *(name for extra in extras.values() for name in extra)]) <= (
        _versions("dev").keys()
    )
    assert _names(groups["vllm"]) <= _versions("vllm").keys()


def test_ci_is_make_test_and_then_make_test_vllm() -> None:
    assert _read(".ci/run").rstrip().endswith("\nmake test </dev/null\nexec make test-vllm </dev/null")


@pytest.mark.parametrize(
    "script", [".ci/run", "deploy/install.sh", "deploy/lock.sh", "deploy/vllm/start.sh", "tests/vllm/install.sh"]
)
def test_scripts_can_be_executed_and_stop_at_the_first_error(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    assert re.search(r"^set -eu", _read(script), re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_makefile_documents_the_command(command: str) -> None:
    makefile = _read("Makefile")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert re.search(rf"^{command}:.* ## \S", makefile, re.MULTILINE)
    assert phony
    assert command in phony[1].split()


def test_the_image_runs_as_nobody_special_and_says_how_it_is() -> None:
    final_stage = _read("Dockerfile").split("\nFROM ")[-1]
    user = re.findall(r"^USER (\S+)", final_stage, re.MULTILINE)[-1]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert "/healthz" in re.findall(r"^HEALTHCHECK(?:.*\\\n)*.*$", final_stage, re.MULTILINE)[0]


def test_the_image_holds_pinned_packages_and_no_compiler() -> None:
    dockerfile = _read("Dockerfile")
    assert not re.search(r"\b(?:gcc|g\+\+|build-essential|clang|rustc)\b", dockerfile)
    downloads = re.findall(r"pip install (.*--requirement.*)", dockerfile)
    assert len(downloads) == 2
    assert all("--require-hashes" in download for download in downloads)


@pytest.mark.parametrize("name", ["gateway", "prometheus", "redis", "vllm"])
def test_each_service_is_watched_bounded_and_hardened(name: str) -> None:
    service = _services()[name]
    assert "healthcheck" in service or "build" in service  # the Dockerfile has its own
    assert {"mem_limit", "pids_limit"} <= service.keys()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert re.search(r":(\$\{VLLM_TAG:-)?v?\d+\.\d+\.\d+", cast("str", service["image"]))


def test_only_this_machine_reaches_a_published_port() -> None:
    published = [port for service in _services().values() for port in cast("list[str]", service.get("ports", []))]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_composing_without_api_keys_says_so() -> None:
    environment = cast("dict[str, str]", _services()["gateway"]["environment"])
    assert environment["QUORUM_API_KEYS"].startswith("${QUORUM_API_KEYS:?")


def test_prometheus_watches_services_that_exist() -> None:
    text = _read("deploy/prometheus/prometheus.yml")
    config = cast("dict[str, list[dict[str, list[dict[str, list[str]]]]]]", yaml.safe_load(text))
    jobs = config["scrape_configs"]
    targets = [target for job in jobs for static in job.get("static_configs", ()) for target in static["targets"]]
    names = [name for job in jobs for found in job.get("dns_sd_configs", ()) for name in found["names"]]
    assert {"gateway", "vllm"} <= {target.partition(":")[0] for target in targets} | {*names}
    assert {*(target.partition(":")[0] for target in targets), *names} <= {*_services(), "127.0.0.1"}


def test_the_gateway_finds_its_workers_and_its_redis_by_names_that_exist() -> None:
    environment = cast("dict[str, str]", _services()["gateway"]["environment"])
    given = {name.removeprefix("QUORUM_").lower(): value for name, value in environment.items() if "$" not in value}
    discovery = {"dns": given.pop("discovery__dns").split(",")}
    settings = Settings.model_validate({**given, "discovery": discovery})
    assert settings.redis_url is not None
    urls = [settings.redis_url.get_secret_value(), *map(str, settings.discovery.dns)]
    assert [urlsplit(url).hostname for url in urls] == ["redis", "vllm"]


def test_only_the_gateway_reaches_redis_and_a_worker_has_one_address_for_it() -> None:
    networks = {name: set(cast("list[str]", service["networks"])) for name, service in _services().items()}
    assert [name for name, own in networks.items() if own & networks["redis"]] == ["gateway", "redis"]
    assert len(networks["gateway"] & networks["vllm"]) == 1


def _read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def _services() -> dict[str, Service]:
    compose = cast("dict[str, dict[str, Service]]", yaml.safe_load(_read("docker-compose.yml")))
    return compose["services"]


def _files_with(pattern: re.Pattern[str]) -> list[str]:
    """Return `file: match` for every file of the repository, committed or about to be, in which `pattern` is found."""
    found = ((path, pattern.search(path.read_text(encoding="utf-8", errors="replace"))) for path in _files())
    return [f"{path.relative_to(ROOT)}: {match[0]}" for path, match in found if match]


def _files() -> list[Path]:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    command = [git, "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout  # noqa: S603 - fixed arguments
    return [path for path in sorted({ROOT / name for name in listing.split("\0") if name}) if path.is_file()]


def _requirements(name: str) -> list[str]:
    """Return the requirements of one file, each with its hashes on one line."""
    lines = _read(f"requirements/{name}.txt").replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _versions(name: str) -> dict[str, str]:
    pins = [PIN.match(requirement) for requirement in _requirements(name)]
    return {pin[1]: pin[2] for pin in pins if pin}


def _names(requirements: list[str] | list[object]) -> set[str]:
    """Return the normalised names of requirements; entries that include another group have none."""
    texts = [requirement for requirement in requirements if isinstance(requirement, str)]
    return {re.split(r"[^\w.-]", text)[0].lower().replace("_", "-").replace(".", "-") for text in texts}
