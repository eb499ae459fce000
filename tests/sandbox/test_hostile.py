"""What hostile programs try, each in a real sandbox: it ends as it should, and nothing outside changes."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from app.sandbox.base import Limits
from tests.sandbox.programs import SECRET, living

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.sandbox.base import Ended
    from tests.sandbox.programs import Run

ATTEMPT = """
def attempt(name, action):
    try:
        action()
    except OSError as error:
        print(name, type(error).__name__)
    else:
        print(name, "DONE")
"""


def printed(ended: Ended) -> str:
    """Return what a program printed that came to its own end."""
    assert (ended.how, ended.code) == ("exited", 0), ended
    return ended.stdout.decode()


def test_an_endless_loop_is_cut_off(run: Run) -> None:
    ended = run("while True: pass", limits=Limits(wall_s=0.3))
    assert (ended.how, ended.code) == ("timed_out", None)
    assert 0.3 <= ended.seconds < 3


def test_a_sleeper_is_cut_off_with_what_it_printed(run: Run) -> None:
    ended = run("import time; print('first', flush=True); time.sleep(60)", limits=Limits(wall_s=0.5))
    assert (ended.how, ended.stdout) == ("timed_out", b"first\n")


def test_a_program_that_ignores_every_signal_is_cut_off(run: Run) -> None:
    code = """
    import signal, time
    for number in set(range(1, 65)) - {9, 19, 32, 33}:
        signal.signal(number, signal.SIG_IGN)
    while True: time.sleep(1)
    """
    assert run(code, limits=Limits(wall_s=0.5)).how == "timed_out"


def test_a_fork_bomb_gets_no_further_than_its_processes(run: Run) -> None:
    mark = uuid.uuid4().hex
    code = f"""
    import os, sys, time
    if len(sys.argv) == 1: os.execv(sys.executable, [sys.executable, "-S", "main.py", {mark!r}])
    made = 0
    while True:
        try:
            if os.fork() == 0:
                time.sleep(60)
            made += 1
        except BlockingIOError:
            break
    print(made)
    sys.stdout.flush()
    while True:
        try: os.fork()
        except OSError: pass
    """
    ended = run(code, limits=Limits(wall_s=4.0, processes=8))
    assert ended.how == "timed_out"
    assert ended.stdout.split()[0] == b"7"  # and itself
    assert not living(mark)


def test_threads_count_as_processes(run: Run) -> None:
    code = """
    import threading, time
    made = 0
    try:
        while True:
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
            made += 1
    except RuntimeError:
        print(made, flush=True)
    """
    assert run(code, limits=Limits(wall_s=5.0, processes=5)).stdout == b"4\n"


def test_one_process_gets_no_more_than_its_memory(run: Run) -> None:
    code = """
    held = []
    try:
        while True: held.append(bytearray(2**20))
    except MemoryError:
        print(len(held))
    """
    assert 100 < int(printed(run(code, limits=Limits(memory_mb=128, wall_s=5.0)))) < 128


def test_many_processes_together_get_no_more_memory(run: Run) -> None:
    code = """
    import os, time
    for _ in range(3): os.fork()
    held = bytearray(b"x" * (40 * 2**20))
    time.sleep(60)
    """
    ended = run(code, limits=Limits(memory_mb=128, wall_s=10.0))
    assert ended.how == "killed"
    assert ended.stderr.endswith(b"quorum: killed, as it took more than 128 MiB of memory\n")
    assert ended.seconds < 9


def test_the_memory_of_a_process_whose_first_thread_has_ended_counts(run: Run) -> None:
    code = """
    import ctypes, os, threading, time
    for _ in range(2): os.fork()
    def hog():
        time.sleep(0.3)
        held = bytearray(60 * 2**20)
        for place in range(0, len(held), 4096): held[place] = 1
        time.sleep(2)
        os._exit(0)
    threading.Thread(target=hog).start()
    ctypes.CDLL(None).syscall({exit}, 0)
    """.replace("{exit}", "93" if os.uname().machine == "aarch64" else "60")
    ended = run(code, limits=Limits(memory_mb=128, wall_s=10.0))
    assert (ended.how, ended.stdout) == ("killed", b"")
    assert b"more than 128 MiB" in ended.stderr


def test_pages_in_pipes_are_no_memory_beyond_the_limit(run: Run) -> None:
    code = """
    import ctypes, errno, os
    libc = ctypes.CDLL(None, use_errno=True)
    class Piece(ctypes.Structure): _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
    page = ctypes.create_string_buffer(4096)
    _, end = os.pipe()
    piece = Piece(ctypes.addressof(page), 4096)
    print(libc.vmsplice(end, ctypes.byref(piece), 1, 0), errno.errorcode.get(ctypes.get_errno()))
    """
    assert printed(run(code)) == "-1 EPERM\n"


def test_what_waits_in_sockets_is_bounded(run: Run) -> None:
    code = """
    import socket
    held, waiting = [], 0
    try:
        while True: held += socket.socketpair()
    except OSError:
        pass
    for end in held:
        try: end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**30)
        except PermissionError: pass
        end.setblocking(False)
        try:
            while True: waiting += end.send(b"x" * 32_000)
        except BlockingIOError:
            pass
    print(waiting // len(held))
    """
    default = int(Path("/proc/sys/net/core/wmem_default").read_text())
    assert 0 < int(printed(run(code))) <= default + 32_000


def test_shared_memory_and_files_in_memory_count_too(run: Run) -> None:
    code = """
    import mmap, time
    shared = mmap.mmap(-1, 50 * 2**20)
    with open("/tmp/large", "wb") as file:
        for _ in range(50):
            shared.write(b"x" * 2**20)
            file.write(b"x" * 2**20)
    time.sleep(60)
    """
    assert run(code, limits=Limits(memory_mb=96, wall_s=10.0)).how == "killed"


def test_memory_that_no_limit_sees_is_refused(run: Run) -> None:
    code = (
        ATTEMPT
        + """
import ctypes, os, errno
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    if getattr(libc, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)
attempt("memfd", lambda: os.memfd_create("x"))
attempt("shmget", lambda: call("shmget", 1, 2**20, 0o1600))
attempt("msgget", lambda: call("msgget", 1, 0o1600))
attempt("semget", lambda: call("semget", 1, 2, 0o1600))
"""
    )
    assert printed(run(code)).split() == [
        *("memfd", "PermissionError", "shmget", "PermissionError"),
        *("msgget", "PermissionError", "semget", "PermissionError"),
    ]


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_endless_printing_is_cut_off_at_the_limit(run: Run, stream: str) -> None:
    ended = run(f"import sys\nwhile True: sys.{stream}.write('spam' * 1000)", limits=Limits(output_bytes=10_000))
    assert ended.how == "too_much_output"
    assert (ended.stdout if stream == "stdout" else ended.stderr) == (b"spam" * 2500)
    assert ended.seconds < 5


def test_deleting_everything_deletes_nothing(run: Run) -> None:
    code = """
    import os, shutil
    for path in ["/usr/bin", "/usr/local", "/etc", "/bin", "/root", "/home", "/proc/self", "/dev", "/tmp"]:
        shutil.rmtree(path, ignore_errors=True)
    print(os.path.exists("/usr/bin/env"), os.path.exists("/dev/null"))
    """
    before = sorted(os.listdir("/")), sorted(os.listdir("/usr/bin"))  # noqa: PTH208
    assert printed(run(code, limits=Limits(wall_s=60.0))) == "True True\n"
    assert (sorted(os.listdir("/")), sorted(os.listdir("/usr/bin"))) == before  # noqa: PTH208


def test_a_program_can_write_to_its_scratch_space_and_nowhere_else(run: Run) -> None:
    code = """
    import os
    written = []
    for folder, folders, _ in os.walk("/"):
        if folder.startswith("/proc") or folder.count("/") > 3:
            folders.clear()
            continue
        try:
            with open(os.path.join(folder, "written"), "w"): written.append(folder)
        except OSError:
            pass
    print(sorted(written))
    """
    assert printed(run(code)) == "['/tmp', '/tmp/box']\n"


def test_the_scratch_space_is_bounded(run: Run) -> None:
    code = """
    import errno
    size = 0
    try:
        for number in range(100):
            with open(f"/tmp/box/{number}", "wb", buffering=0) as file:
                for _ in range(16): size += file.write(b"x" * 2**20)
    except OSError as error:
        print(errno.errorcode[error.errno], size)
    """
    free = os.statvfs("/").f_bfree
    code, size = printed(run(code, limits=Limits(memory_mb=512))).split()
    assert (code, int(size) <= 64 * 2**20) == ("ENOSPC", True)
    assert free - os.statvfs("/").f_bfree < 2**18  # blocks: others write too


def test_one_file_is_bounded(run: Run) -> None:
    code = """
    import errno
    with open("large", "wb") as file:
        try: file.truncate(2**40)
        except OSError as error: print(errno.errorcode[error.errno])
    """
    assert printed(run(code)) == "EFBIG\n"


def test_files_without_end_are_cut_off(run: Run) -> None:
    code = """
    number = 0
    while True:
        number += 1
        open(f"/tmp/{number}", "w").close()
    """
    ended = run(code, limits=Limits(wall_s=20.0))
    assert (ended.how, ended.stderr) == ("killed", b"\nquorum: killed, as it had more than 16384 files\n")


def test_open_files_are_bounded(run: Run) -> None:
    code = """
    import errno, os
    held = []
    try:
        while True: held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        print(errno.errorcode[error.errno], len(held))
    """
    code, count = printed(run(code)).split()
    assert (code, int(count) < 80) == ("EMFILE", True)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)  # noqa: FBT003
        yield server


def test_there_is_no_network(run: Run, listener: socket.socket) -> None:
    code = (
        ATTEMPT
        + f"""
import socket
attempt("tcp", lambda: socket.create_connection(("127.0.0.1", {listener.getsockname()[1]}), timeout=1))
attempt("udp", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 53)))
attempt("tcp6", lambda: socket.socket(socket.AF_INET6))
attempt("netlink", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
attempt("vsock", lambda: socket.socket(40))
attempt("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
"""
    )
    assert printed(run(code)).split()[1::2] == ["PermissionError"] * 6
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_there_are_no_interfaces_but_its_own_loopback(run: Run) -> None:
    assert printed(run("print([line.split(':')[0].strip() for line in list(open('/proc/net/dev'))[2:]])")) == "['lo']\n"


def test_abstract_sockets_of_this_machine_are_out_of_reach(run: Run) -> None:
    name = f"\0quorum-{uuid.uuid4().hex}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        ended = run(
            f"import socket\ntry: socket.socket(socket.AF_UNIX).connect({name!r})\nexcept OSError as e: print(e)"
        )
    assert "refused" in printed(ended)


def test_asyncio_works_all_the_same(run: Run) -> None:
    assert printed(run("import asyncio\nprint(asyncio.run(asyncio.sleep(0, 'awake')))")) == "awake\n"


@pytest.mark.parametrize("pool", ["multiprocessing.Pool", "concurrent.futures.ProcessPoolExecutor"])
def test_pools_of_processes_work_all_the_same(run: Run, pool: str) -> None:
    code = f"""
    import concurrent.futures, multiprocessing, os
    with {pool}(2) as pool: print(list(pool.map(abs, [-1, -2, -3])))
    """
    assert printed(run(code)) == "[1, 2, 3]\n"


def test_shared_memory_by_name_counts_as_its_scratch_space(run: Run) -> None:
    code = """
    import os
    from multiprocessing.shared_memory import SharedMemory
    free = os.statvfs("/tmp").f_bavail
    shared = SharedMemory(create=True, size=2**20)
    shared.buf[:] = b"x" * 2**20
    print((free - os.statvfs("/tmp").f_bavail) * os.statvfs("/tmp").f_frsize)
    shared.unlink()
    """
    assert printed(run(code)) == f"{2**20}\n"


def test_the_hosts_accounts_cannot_be_read(run: Run) -> None:
    code = ATTEMPT + "".join(
        f"attempt({path!r}, lambda: open({path!r}).read())\n"
        for path in ("/etc/shadow", "/etc/passwd", "/etc/hostname")
    )
    assert set(printed(run(code)).split()[1::2]) == {"FileNotFoundError"}


def test_the_servers_environment_cannot_be_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUORUM_API_KEYS", SECRET)
    code = """
    import os, glob
    print(dict(os.environ))
    for path in glob.glob("/proc/*/environ"):
        try: print(open(path).read())
        except OSError: pass
    """
    text = printed(run(code))
    assert SECRET not in text
    assert set(text.partition("}")[0].split("'")[1::4]) <= {"PATH", "HOME", "TMPDIR", "LANG", "PWD", "LC_CTYPE"}


def test_killing_everybody_reaches_nobody_outside(run: Run) -> None:
    bystander = subprocess.Popen(["sleep", "60"])  # noqa: S607
    code = f"""
    import os
    for pid in (*range(1, 50_000), {os.getpid()}, {bystander.pid}, -1, 0):
        if pid != os.getpid():
            try: os.kill(pid, 9)
            except OSError: pass
    """
    try:
        assert run(code, limits=Limits(wall_s=5.0)).how == "killed"  # by itself: its group is 0
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
    assert printed(run("print('alive')")) == "alive\n"  # so is who runs the sandboxes, whose user may be the same


def test_the_kernels_switches_cannot_be_turned(run: Run) -> None:
    paths = (
        *("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sysrq-trigger"),
        *("/proc/self/oom_score_adj", "/proc/1/oom_score_adj", "/proc/self/attr/current", "/proc/self/uid_map"),
    )
    before = Path("/proc/sys/kernel/core_pattern").read_text(), socket.gethostname()
    code = ATTEMPT + "".join(f"attempt({path!r}, lambda: open({path!r}, 'w').write('0'))\n" for path in paths)
    assert set(printed(run(code)).split()[1::2]) <= {"PermissionError", "OSError", "FileNotFoundError"}
    assert (Path("/proc/sys/kernel/core_pattern").read_text(), socket.gethostname()) == before


def test_children_that_hide_do_not_outlive_it(run: Run) -> None:
    mark = uuid.uuid4().hex
    code = f"""
    import os, sys, time
    if os.fork() == 0:
        os.setpgid(0, 0)
        if os.fork() == 0:
            for fd in range(3): os.close(fd)
            os.execv(sys.executable, [sys.executable, "-S", "-c", "import time; time.sleep(60)", {mark!r}])
        os._exit(0)
    time.sleep(0.2)
    print(sum({mark!r} in open(f"/proc/{{pid}}/cmdline").read() for pid in os.listdir("/proc") if pid.isdecimal()))
    """
    assert printed(run(code)) == "1\n"
    assert not living(mark)


def test_children_that_hold_the_output_open_do_not_hold_up_the_end(run: Run) -> None:
    ended = run("import os, time\nif os.fork() == 0: time.sleep(60)\nelse: print('parent', flush=True); os._exit(0)")
    assert printed(ended) == "parent\n"
    assert ended.seconds < 5


@pytest.mark.parametrize(
    "call",
    [
        "ptrace(0, 0, 0, 0)",
        "unshare(0x10000000)",  # a namespace of users
        "unshare(0x00020000)",  # of mounts
        "setns(3, 0)",
        "mount(b'none', b'box', b'tmpfs', 0, None)",
        "umount2(b'/proc', 2)",
        "chroot(b'.')",
        "syscall(250, 0, 0)",  # keyctl
        "syscall(321, 0, 0, 0)",  # bpf
        "syscall(425, 1, 0)",  # io_uring_setup
        "syscall(310, 1, 0, 0, 0, 0, 0)",  # process_vm_readv
        "setsid()",
        "syscall(56, 0x10000011, 0, 0, 0, 0)",  # clone, with a namespace of users
    ],
)
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of system calls are x86-64's")
def test_system_calls_that_reach_beyond_a_program_are_refused(run: Run, call: str) -> None:
    code = f"""
    import ctypes, errno
    libc = ctypes.CDLL(None, use_errno=True)
    print(libc.{call}, errno.errorcode[ctypes.get_errno()])
    """
    assert printed(run(code)) == "-1 EPERM\n"


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of system calls are x86-64's")
def test_system_calls_that_nobody_has_looked_at_do_not_exist(run: Run) -> None:
    code = """
    import ctypes, errno
    libc = ctypes.CDLL(None, use_errno=True)
    for number in (435, 451, 470, 0x40000000 + 39):
        print(libc.syscall(number, 0, 0), errno.errorcode[ctypes.get_errno()])
    """
    assert printed(run(code)) == "-1 ENOSYS\n" * 4


def test_it_holds_no_rights_and_gains_none(run: Run) -> None:
    code = (
        ATTEMPT
        + """
import os
print(os.getuid() != 0, os.getgid() != 0, 0 not in os.getgroups())
for line in open("/proc/self/status"):
    if line.startswith(("Cap", "NoNewPrivs", "Seccomp:")): print(line.split()[1].lstrip("0"))
attempt("setuid", lambda: os.setuid(0))
attempt("setgid", lambda: os.setgid(0))
attempt("nice", lambda: os.setpriority(os.PRIO_PROCESS, 0, 0))
"""
    )
    lines = printed(run(code)).splitlines()
    assert lines[0] == "True True True"
    assert lines[1:6] == [""] * 5
    assert lines[6:8] == ["1", "2"]
    assert [line.split()[0] for line in lines[8:] if "DONE" not in line] == ["setuid", "setgid", "nice"]


def test_limits_cannot_be_raised(run: Run) -> None:
    code = """
    import resource
    for kind in ("AS", "NPROC", "FSIZE", "NOFILE", "CORE"):
        try: resource.setrlimit(getattr(resource, f"RLIMIT_{kind}"), (2**40, 2**40))
        except (ValueError, OSError): print("refused")
    """
    assert printed(run(code)) == "refused\n" * 5


def test_links_lead_nowhere(run: Run) -> None:
    code = (
        ATTEMPT
        + """
import os
for number, path in enumerate(["/etc/shadow", "/proc/1/root/etc/shadow", "/proc/self/root/etc/shadow",
                               "/proc/1/cwd/etc/passwd", "../../../../../../etc/shadow"]):
    os.symlink(path, f"link{number}")
    attempt(path, lambda: open(f"link{number}").read())
attempt("link", lambda: os.link("/usr/bin/env", "env"))
"""
    )
    assert "DONE" not in printed(run(code))


def test_what_it_is_handed_leads_to_nothing_of_the_servers(run: Run) -> None:
    code = (
        ATTEMPT
        + """
import os
print(sorted(int(fd) for fd in os.listdir("/proc/self/fd"))[:-1])
attempt("stdin", lambda: os.write(0, b"x"))
attempt("stdin reopened", lambda: open("/proc/self/fd/0", "r+b", buffering=0).write(b"x"))
attempt("stdin truncated", lambda: os.ftruncate(0, 2**30))
for fd in range(3, 64):
    try: os.write(fd, b"x")
    except OSError: pass
    else: print("wrote to", fd)
"""
    )
    lines = printed(run(code, stdin=b"given")).splitlines()
    assert lines[0] == "[0, 1, 2]"
    assert all(line.endswith("Error") for line in lines[1:])


def test_it_does_not_starve_others(run: Run) -> None:
    assert int(printed(run("import os; print(os.getpriority(os.PRIO_PROCESS, 0))"))) >= 10


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="this kernel has no groups of sessions")
def test_its_session_does_not_starve_others_either(run: Run) -> None:
    code = """
    import os, time
    time.sleep(1)
    try: os.setsid()
    except OSError: pass
    print(open("/proc/self/autogroup").read().split()[2])
    """
    assert int(printed(run(code))) >= 10


def test_it_is_the_first_that_the_kernel_ends_where_memory_is_short(run: Run) -> None:
    assert printed(run("print(open('/proc/self/oom_score_adj').read().strip())")) == "1000\n"


@pytest.mark.parametrize("above", ["/tmp", "/var/tmp"])  # noqa: S108 - hidden by its own, and not there at all
def test_a_directory_of_the_host_that_all_can_read_is_not_there(run: Run, above: str) -> None:
    with TemporaryDirectory(dir=above) as folder:
        Path(folder).chmod(0o755)
        assert printed(run(f"import os; print(os.path.exists({folder!r}))")) == "False\n"


def test_the_wall_clock_holds_for_a_whole_family(run: Run) -> None:
    mark = uuid.uuid4().hex
    began = time.monotonic()
    code = f"""
    import os, sys
    for _ in range(3): os.fork()
    os.execv(sys.executable, [sys.executable, "-S", "-c", "while True: pass", {mark!r}])
    """
    assert run(code, limits=Limits(wall_s=0.7)).how == "timed_out"
    assert time.monotonic() - began < 5
    assert not living(mark)
