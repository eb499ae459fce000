from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import httpx2
from app.telemetry.logs import configure_logging
configure_logging("info")
always_well = httpx2.MockTransport(lambda request: httpx2.Response(200))
with httpx2.Client(transport=always_well) as client:
    client.post("http://user:secret@sandbox.internal/run_code")
"""


def test_requests_to_other_servers_leave_no_line_with_their_url() -> None:
    run = subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True)  # noqa: S603 - ours
    assert run.stderr == ""
