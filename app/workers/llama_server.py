"""The embedded worker's process: llama.cpp's HTTP server over one model file, for as long as its parent lives.

    python -m app.workers.llama_server --model FILE.gguf --alias NAME [--port N] [--parallel N] [--context N]

`app.workers.embedded` starts this file as a plain script, so it imports nothing of `app`. The protocol between the two:

- stdout: one line, `{"url": "http://127.0.0.1:PORT"}`, once the model is loaded and the server answers; nothing else.
- stderr: whatever llama.cpp logs, errors only.
- stdin: a pipe whose other end the parent holds; its end is this process's end.
- exit status: `CANNOT_SERVE` if the model or the port can't be used.

Two ropes tie it to its parent, as neither holds alone. The kernel's parent-death signal works while llama.cpp loads
(it keeps Python's lock for all of that time), but only on Linux, and it follows the *thread* that started this process:
when that thread ends, so does this process. The pipe works everywhere, but only once the model is loaded, and not while
a process forked from the parent holds a copy of its end.

SIGTERM keeps its default, an immediate end; llama.cpp installs no handler here. SIGINT is ignored: a Ctrl-C is the
parent's to answer.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import signal
import socket
import sys
from typing import Any, Protocol

import xllamacpp  # pyright: ignore[reportMissingTypeStubs] - compiled, without types

CANNOT_SERVE = 3
"""Exit status: the reason is on stderr, and starting again won't help until it is gone."""

_HOST = "127.0.0.1"
_PR_SET_PDEATHSIG = 1
_LOG_ERRORS_ONLY = 1
_BATCH_TOKENS = 256
_CONNECTIONS_PER_SLOT = 16


class _Server(Protocol):
    """What is used of a running `xllamacpp.Server`; it serves as long as the object lives."""

    listening_address: str


def main() -> None:
    """Serve until stdin ends."""
    options = _options()
    _die_with_parent(options.parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    report = _claim_stdout()
    try:
        server = _server(options)
    except RuntimeError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(CANNOT_SERVE)
    os.write(report, json.dumps({"url": server.listening_address}).encode() + b"\n")
    while os.read(0, 4096):
        pass
    os._exit(0)  # taking the server down in order would wait for the requests that it is still answering


def _options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="llama.cpp's HTTP server on the loopback interface, until stdin ends.")
    parser.add_argument("--model", required=True, help="a GGUF file")
    parser.add_argument("--alias", required=True, help="the name that /v1/models shows in place of the file's path")
    parser.add_argument("--port", type=int, default=0, help="wanted port; another one if it is taken; 0: any")
    parser.add_argument("--parallel", type=int, default=8, help="slots: sequences decoded at once")
    parser.add_argument("--context", type=int, default=2048, help="tokens a slot, prompt and completion together")
    parser.add_argument("--threads", type=int, default=None, help="threads that compute; llama.cpp's choice if absent")
    parser.add_argument("--parent", type=int, default=os.getppid(), help="the process whose death ends this one")
    return parser.parse_args()


def _die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the thread that started it ends (Linux; elsewhere nothing happens)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:  # it died before the line above
        sys.exit(CANNOT_SERVE)


def _claim_stdout() -> int:
    """Return a descriptor of the true stdout, and let all that others print there go to stderr."""
    report = os.dup(1)
    os.dup2(2, 1)
    return report


def _server(options: argparse.Namespace) -> _Server:
    """Load the model and serve it in the background; `RuntimeError` if llama.cpp can't, the reason being in its log.

    Where the settings differ from llama.cpp's defaults, and why:

    - `model_alias` (a set): the default name is the file's path, which clients would see.
    - `n_ctx` is divided among the slots. The cache is not unified: with one pool a few long sequences would abort the
      others, and on CPUs it is no faster.
    - `n_batch`: a decode step takes at most so many prompt tokens, and every other stream waits for that step. With
      the default of 2048, one long prompt silences all streams until it has been read.
    - `n_threads_http`: a thread serves one connection, queued requests included. With the default, 40 waiting requests
      on 8 slots blocked even `/health`.
    - `cache_ram_mib`: by default up to 8 GiB of memory for the caches of past prompts. Each slot still keeps its last.
    - No warm-up, no web page, no `/slots` (it shows prompts), and no web page of elsewhere may read answers (CORS).
    """
    engine: Any = xllamacpp
    params = engine.CommonParams()
    params.model.path = options.model
    params.model_alias = {options.alias}
    params.hostnames = [_HOST]
    params.port = options.port if _is_free(options.port) else 0
    params.n_parallel = options.parallel
    params.n_ctx = options.context * options.parallel
    params.n_batch = params.n_ubatch = _BATCH_TOKENS
    params.n_threads_http = options.parallel * _CONNECTIONS_PER_SLOT
    params.cache_ram_mib = 0
    params.endpoint_metrics = True
    params.endpoint_slots = False
    params.ui = False
    params.cors_origins = "localhost"
    params.cors_credentials = False
    params.warmup = False
    params.offline = True
    params.verbosity = _LOG_ERRORS_ONLY
    if options.threads is not None:
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options.threads
    return engine.Server(params)


def _is_free(port: int) -> bool:
    """Return whether nothing listens on the port; connections that linger after a crash don't count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
    return True


if __name__ == "__main__":
    main()
