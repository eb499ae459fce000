from __future__ import annotations

import platform
import re
from pathlib import Path

import pytest

from app.errors import SandboxUnavailableError
from app.sandbox import syscalls
from app.sandbox.seccomp import filter_program

HEADERS = (Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), Path("/usr/include/asm-generic/unistd.h"))
NAMED = {
    "clone": syscalls.CLONE,
    "clone3": syscalls.CLONE3,
    "socket": syscalls.SOCKET,
    "socketpair": syscalls.SOCKETPAIR,
    "setsockopt": syscalls.SETSOCKOPT,
}


@pytest.mark.parametrize("column", [0, 1], ids=["x86-64", "arm64"])
def test_the_numbers_are_the_kernels(column: int) -> None:
    if not HEADERS[column].exists():
        pytest.skip("the kernel's headers are not installed")
    defined = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", HEADERS[column].read_text()))
    listed = {name: numbers[column] for name, numbers in (syscalls.REFUSED | NAMED).items()}
    assert listed == {name: int(defined[name]) for name in listed}


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_a_filter_is_whole_instructions_and_ends_by_allowing(machine: str) -> None:
    program = filter_program(machine)
    assert len(program) % 8 == 0
    assert program[-8:] == b"\x06\0\0\0\0\0\xff\x7f"


def test_this_machine_is_the_default() -> None:
    assert filter_program() == filter_program(platform.machine())


def test_another_machine_is_unavailable_with_what_to_do() -> None:
    with pytest.raises(SandboxUnavailableError, match=r"of type riscv64, only on x86_64, aarch64: set sandbox\.url"):
        filter_program("riscv64")
