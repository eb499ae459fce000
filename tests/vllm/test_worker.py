"""`quorum worker` over a real vLLM."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.redis_server import free_port
from tests.vllm.servers import HOME

if TYPE_CHECKING:
    from tests.redis_server import RedisServer

ROOT = Path(__file__).parents[2]


@pytest.mark.vllm
@pytest.mark.timeout(300)
def test_a_worker_that_is_told_to_end_takes_itself_back_and_finishes_what_it_began(redis_server: RedisServer) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = (
        *(sys.executable, "-m", "app.cli", "worker", str(HOME / "weights" / "generate"), "--port", str(port)),
        *("--python", str(HOME / "bin" / "python")),
        *("--", "--served-model-name", "smol", "--max-model-len", "2048", "--enforce-eager"),
    )
    environment = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
    body = {"model": "smol", "prompt": "Once", "max_tokens": 64, "ignore_eos": True, "stream": True}
    with subprocess.Popen(  # noqa: S603 - our own command
        command, cwd=ROOT, env={**environment, "QUORUM_REDIS_URL": redis_server.url}
    ) as process:
        try:
            while not redis_server.keys(f"quorum:worker:{url}"):
                assert process.poll() is None
                time.sleep(0.05)
            with httpx2.stream("POST", f"{url}/v1/completions", json=body, timeout=60) as answer:
                lines = answer.iter_lines()
                assert "choices" in next(lines)
                process.send_signal(signal.SIGTERM)
                while redis_server.keys("quorum:worker:*"):
                    time.sleep(0.05)
                rest = "".join(lines)
            assert '"finish_reason":"length"' in rest
            assert process.wait() == 0
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
