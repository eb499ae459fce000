from __future__ import annotations

import asyncio
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench import procfs
from tests.bench.bodies import asking, calling
from tests.bench.figures import Plan, Sample, percentile
from tests.bench.load import closed_loop
from tests.bench.measure import measure
from tests.bench.processes import BARE, StartError, front, upstream
from tests.bench.report import markdown
from tests.scripted.actions import Garbage, HalfBody, Status
from tests.scripted.scripts import always, in_turn
from tests.scripted.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.scripted.actions import Action


@pytest.fixture
def children() -> Iterator[None]:
    """Hold that a test leaves no process behind."""
    before = _children()
    yield
    assert _children() <= before


def _children() -> set[str]:
    threads = Path("/proc/self/task").iterdir()
    return {pid for thread in threads for pid in (thread / "children").read_text().split()}


@pytest.mark.slow
@pytest.mark.usefixtures("children")
def test_a_bench_of_the_bare_loop_against_itself_finds_every_figure_and_no_failure() -> None:
    plan = Plan.tiny()
    said: list[str] = []

    results = asyncio.run(measure(plan, BARE, said.append))

    assert results.failures == ()
    assert all(sample.latencies_s for sample in results.samples)
    assert [line.target for line in results.throughput] == ["upstream", "bare loop", "gateway"] * 2
    assert all(cost.tokens for cost in results.token_cost)
    assert all(held.upstream_in_flight > 0 and held.before > 0 for held in results.memory)
    assert "| gateway" in markdown(results, plan.connections)
    assert said[-1] == "memory"


@pytest.mark.slow
@pytest.mark.usefixtures("children")
def test_a_server_that_does_not_start_is_named_with_what_it_wrote() -> None:
    command = (sys.executable, "-c", "raise SystemExit('no such option')")
    with (
        upstream() as worker,
        pytest.raises(StartError, match="gateway did not start: no such option"),
        front("gateway", command, worker),
    ):
        pytest.fail("it can't have started")


@pytest.mark.slow
def test_the_command_says_so_where_the_gateway_does_not_start() -> None:
    command = [sys.executable, "-m", "tests.bench", "--tiny", "--gateway", f"{sys.executable} --no-such-option"]
    ended = subprocess.run(command, capture_output=True, check=False, text=True)  # noqa: S603 - a fixed command

    assert ended.returncode == 1
    assert "gateway did not start: unknown option --no-such-option" in ended.stderr


def test_the_load_sends_all_calls_of_a_turn_at_once_and_keeps_their_connections() -> None:
    async def scenario() -> None:
        async with Upstream() as server:
            sample = await closed_loop(server.port, calling("parallel-8"), connections=2, seconds=0.0)
            assert len(sample.latencies_s) == 2
            assert sorted(seen.seed or 0 for seen in server.seen) == sorted([*range(8)] * 2)
            assert len({seen.connection for seen in server.seen}) == 16

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("fault", "named"),
    [(Status(message="too much"), "too much"), (HalfBody(), "closed"), (Garbage(raw=True), "HttpParser")],
)
def test_an_answer_that_fails_is_counted_with_its_cause_and_not_timed(fault: Action, named: str) -> None:
    async def scenario() -> Sample:
        async with Upstream(always(fault)) as server:
            return await closed_loop(server.port, calling("single"), connections=1, seconds=0.0)

    sample = asyncio.run(scenario())

    assert sample.latencies_s == ()
    assert len(sample.failures) == 1
    assert named in sample.failures[0]


def test_the_load_reconnects_after_a_failure() -> None:
    async def scenario() -> None:
        async with Upstream(in_turn(HalfBody(), Status(), HalfBody())) as server:
            run = closed_loop(server.port, calling("single"), connections=1, seconds=60.0)
            async with asyncio.TaskGroup() as group:
                task = group.create_task(run)
                await server.wait_until(lambda upstream: upstream.totals.requests > 3)
                task.cancel()
            assert server.seen[0].connection != server.seen[1].connection == server.seen[2].connection

    asyncio.run(scenario())


def test_what_a_process_and_its_children_use_is_added_up() -> None:
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    process = subprocess.Popen([sys.executable, "-c", child], stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - a fixed command
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        tree = procfs.resident_bytes(process.pid)
        process.stdin.close()
        assert tree > 2 * 4_000_000  # two interpreters
    assert procfs.cpu_s(process.pid) == 0  # nothing is left to count
    assert procfs.cpu_s(os.getpid()) > 0


def test_a_request_asks_for_its_strategy() -> None:
    (request,) = asking("parallel-8", max_tokens=4)

    assert request.startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
    assert request.endswith(b'"strategy":"parallel-8","max_tokens":4}')


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1))
def test_a_percentile_is_one_of_the_values_with_that_share_of_them_below(values: list[float], share: float) -> None:
    found = percentile(values, share)

    assert found in values
    assert sum(value <= found for value in values) >= int(share * len(values))


def test_no_values_have_no_percentile() -> None:
    assert math.isnan(percentile([], 0.5))
