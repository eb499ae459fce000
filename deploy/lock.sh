#!/bin/sh
# Compile the pins of requirements/*.txt from pyproject.toml: every package at an exact version, with its files' hashes.
# Versions that still fit stay as they are; `--upgrade` takes the newest of all, `--upgrade-package NAME` of one.
set -eu
cd "$(dirname "$0")/.."

compile() {
    .venv/bin/uv pip compile --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --quiet "$@"
}

compile --output-file requirements/build.txt --group build "$@"
compile --output-file requirements/runtime.txt pyproject.toml "$@"
compile --output-file requirements/dev.txt --group dev --extra plot pyproject.toml "$@"
compile --output-file requirements/vllm.txt --group vllm "$@"
