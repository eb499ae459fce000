# Every target first installs what it needs; `make` alone lists them. ARGS="..." is handed on to the command.

bin := .venv/bin

# Types are checked with the pyright that is pinned; its wrapper must not ask the index for a newer one.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install demo serve check test test-vllm bench chaos lock

help: ## List the targets.
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

install: ## Install Quorum and all that it needs into .venv.
	@deploy/install.sh

demo: install ## Ask the embedded model a few questions under every strategy.
	$(bin)/quorum demo $(ARGS)

serve: install ## Keep a server up on http://127.0.0.1:8000.
	$(bin)/quorum serve $(ARGS)

check: install ## The gates: formatting, lint, types, architecture, dependencies.
	$(bin)/ruff format --check .
	$(bin)/ruff check .
	$(bin)/pyright
	$(bin)/lint-imports
	$(bin)/deptry app

test: check ## The gates, then the tests with their coverage; `.venv/bin/coverage report` shows what is missing.
	$(bin)/coverage erase
	$(bin)/coverage run -m pytest $(ARGS)
	$(bin)/coverage combine --quiet
	@$(bin)/coverage report --format=total >/dev/null || $(bin)/coverage report

test-vllm: install ## The tests on real vLLM workers, on CPUs; the first time it installs vLLM into .vllm (3 GB).
	tests/vllm/install.sh
	$(bin)/python -m pytest -m vllm $(ARGS) tests/vllm

bench: install ## Measure speed, memory, what verifying costs and brings, and what a real vLLM prefills.
	$(bin)/python -m tests.bench $(ARGS)

chaos: install ## Let four workers fail in turn, in five ways, under load: is any request lost? Takes 7 minutes.
	$(bin)/python -m tests.chaos $(ARGS)

lock: install ## Compile the pins anew from pyproject.toml; ARGS=--upgrade takes newer versions.
	deploy/lock.sh $(ARGS)
