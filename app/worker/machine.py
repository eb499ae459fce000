"""Whether this machine has what a plan needs, found out before a model is loaded."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from app.worker.plan import UnusablePlanError

if TYPE_CHECKING:
    from app.worker.plan import Plan

LOOK_S = 30.0
"""Seconds that an interpreter has to say whether it finds vLLM; one that takes longer is believed to."""

MISSING = 3
FIND = f"import importlib.util, sys; sys.exit(0 if importlib.util.find_spec('vllm') else {MISSING})"
BEGINNINGS = ("/", "./", "../", "~")


def check_machine(plan: Plan) -> None:
    """Raise `UnusablePlanError` where the model or the interpreter that the plan names isn't there."""
    if not plan.model:
        raise UnusablePlanError("MODEL is empty: name what vLLM is to serve")
    if looks_like_path(plan.model) and not Path(plan.model).exists():
        raise UnusablePlanError(f"there is no model at {plan.model}: a name on the Hugging Face Hub is OWNER/NAME")
    if plan.python is not None:
        check_python(plan.python)


def looks_like_path(model: str) -> bool:
    """Whether a model can't be a name on the Hub, which is NAME or OWNER/NAME, nor an address such as s3://."""
    return model.startswith(BEGINNINGS) or model in {".", ".."} or ("://" not in model and model.count("/") > 1)


def check_python(python: Path) -> None:
    """Raise `UnusablePlanError` where there is no such interpreter, or it has no vLLM."""
    try:
        found = subprocess.run(  # noqa: S603 - the user's own interpreter
            [python, "-c", FIND],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=LOOK_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return
    except OSError as error:
        raise UnusablePlanError(f"--python {python} can't be run: {error.strerror}") from error
    if found.returncode == MISSING:
        raise UnusablePlanError(f"--python {python} has no vLLM: name the Python of vLLM's environment")
