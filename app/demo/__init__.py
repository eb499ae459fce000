"""The demo: a real model asked a few questions under every strategy, over HTTP, and a table of what came of it."""

from __future__ import annotations

from app.demo.show import run_demo, run_programs_demo

__all__ = ["run_demo", "run_programs_demo"]
