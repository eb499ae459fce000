"""A stand-in for vLLM's API server that dies, hangs and ignores signals when it is told to; a plain script.

It is called as vLLM is, prints the flags that it got, and has one engine: a child that ignores SIGTERM. Beside
`/health` and `/v1/models`, `POST /fake/ACTION` is understood: `hang`, `well`, `stubborn`, `die`; `GET /fake/pids`
tells its process and the engine's.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DIES_WITH = 7
ENGINE = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


class Handler(BaseHTTPRequestHandler):
    """Answers requests."""

    well = threading.Event()
    engine = 0

    def do_GET(self) -> None:
        """Say how it is, once it is well."""
        bodies = {
            "/health": {},
            "/v1/models": {"data": [{"id": "fake"}]},
            "/fake/pids": [os.getpid(), self.engine],
        }
        if not self.path.startswith("/fake"):
            self.well.wait()
        self._send(bodies[self.path])

    def do_POST(self) -> None:
        """Do what is asked for."""
        action = self.path.rpartition("/")[2]
        if action == "die":
            os._exit(DIES_WITH)
        if action == "stubborn":
            Handler.stubborn = True
        if action == "well":
            self.well.set()
        if action == "hang":
            self.well.clear()
        self._send({})

    stubborn = False

    def _send(self, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Keep silent."""


def end(_number: int, _frame: object) -> None:
    """End at once, unless it shall be stubborn."""
    if not Handler.stubborn:
        os._exit(0)


def main() -> None:
    """Serve until SIGTERM, at the address that the flags name."""
    flags = sys.argv[1:]
    if flags[0] == "-c":
        return  # it is asked whether there is a vLLM
    if "--break" in flags:
        sys.exit(DIES_WITH)
    sys.stdout.write("fake vLLM: " + " ".join(flags) + "\n")
    sys.stdout.flush()
    with subprocess.Popen([sys.executable, "-c", ENGINE]) as engine:  # noqa: S603 - our own
        Handler.engine = engine.pid
        if "--slow-start" not in flags:
            Handler.well.set()
        signal.signal(signal.SIGTERM, end)
        server = ThreadingHTTPServer(("127.0.0.1", int(flags[flags.index("--port") + 1])), Handler)
        server.daemon_threads = True
        server.serve_forever()


if __name__ == "__main__":
    main()
