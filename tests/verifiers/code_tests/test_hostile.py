"""Candidates that mean harm, or mean to pass without solving anything, each run for real.

Each is a program with a function `f` that should return 42, judged by a call, by a test program, or by both. Where an
attack would do something else than pass, `f` returns 42 once it has succeeded, so that it must have failed.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from app.candidates import Candidate, Reply
from app.verifiers.tests import CodeTests, harness
from tests.tools import verifier_tools

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from app.candidates import Verdict
    from app.sandbox.bubblewrap import Bubblewrap
    from tests.verifiers.code_tests.conftest import Judge

    Fails: TypeAlias = Callable[..., Verdict]

CALL: dict[str, Any] = {"args": [], "expected": 42}
PROGRAM: dict[str, Any] = {"program": "assert f() == 42"}
LIMITS: dict[str, Any] = {"time_limit_s": 1.5, "memory_mb": 128}
MARKER = "31415.9265"


@pytest.fixture(scope="module", autouse=True)
def _server_unchanged(runner: asyncio.Runner, box: Bubblewrap) -> Iterator[None]:
    """See in the end that nothing of the server's has changed, and that programs still run."""
    source = Path(harness.__file__)
    before = (source.read_bytes(), os.getpid(), sorted(os.environ))
    yield
    assert (source.read_bytes(), os.getpid(), sorted(os.environ)) == before
    verifier = CodeTests.model_validate({"entry_point": "f", "public": [CALL, PROGRAM]})
    candidate = Candidate(index=0, reply=Reply(text="def f(): return 42"), finish_reason="stop")
    assert runner.run(verifier.verify(candidate, verifier_tools(sandbox=box))).status == "pass"


@pytest.fixture
def fails(judge: Judge) -> Fails:
    """Return the verdict on a program, which must fail every test."""

    def failed(code: str, *cases: dict[str, Any], **fields: object) -> Verdict:
        tests = cases or (CALL, PROGRAM)
        verdict = judge(f"```python\n{code}\n```", public=list(tests), **{**LIMITS, **fields})
        assert (verdict.status, verdict.score) == ("fail", 0.0), verdict
        return verdict

    return failed


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("def f():\n while True: pass", id="loops"),
        pytest.param("while True: pass", id="loops when loaded"),
        pytest.param("import time\ndef f(): time.sleep(100)", id="sleeps"),
        pytest.param("def f():\n while True: print('a' * 1000)", id="prints without end"),
        pytest.param("def f(): return 10 ** 10 ** 10", id="reckons without end"),
        pytest.param("import re\ndef f(): re.match('(a+)+$', 'a' * 100 + 'b')", id="backtracks"),
        pytest.param("import signal, time\ndef f():\n for n in range(1, 32):\n  try: signal.signal(n, lambda *_: 0)\n"
            "  except OSError: pass\n time.sleep(100)", id="ignores signals"),
        pytest.param("def f():\n while True:\n  try: [*iter(int, 1)]\n  except BaseException: pass", id="catches all"),
    ],
)  # fmt: skip
def test_what_does_not_end_is_ended(fails: Fails, code: str) -> None:
    begun = time.monotonic()
    assert set(fails(code, CALL, PROGRAM, time_limit_s=0.5).outputs) <= {"!timeout", "fail"}
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("code", "outputs"),
    [
        pytest.param("import os, time\ndef f():\n for _ in range(64):\n  if os.fork() == 0: time.sleep(9)\n return 42",
            {"!BlockingIOError"}, id="forks"),
        pytest.param("import threading, time\ndef f():\n for _ in range(64): threading.Timer(9, id).start()\n"
            " return 42", {"!RuntimeError"}, id="starts threads"),
        pytest.param("def f():\n x = [bytearray(2 ** 24) for _ in range(16)]\n return 42",
            {"!MemoryError", "!killed"}, id="allocates"),
        pytest.param("def f():\n x = bytearray(2 ** 40)\n return 42", {"!MemoryError"}, id="allocates at once"),
        pytest.param("def f(): return 'a' * 10 ** 7", {"!too much output"}, id="returns a huge text"),
        pytest.param("def f(): return [0] * 10 ** 6", {"!too much output"}, id="returns a huge list"),
        pytest.param("def f():\n x = []\n x += [x, x, x]\n return x", {"!too much output"},
            id="returns a list of itself"),
        pytest.param("def f():\n while True: yield 42", {'={"not_data":"generator"}'},
            id="returns an endless generator"),
        pytest.param("def f(): return f()", {"!RecursionError"}, id="recurses"),
        pytest.param("import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(): return [f()]",
            {"!killed", "!RecursionError", "!MemoryError", "!SystemError", "!timeout"}, id="overflows the stack"),
        pytest.param("def f():\n with open('big', 'w') as file:\n  for _ in range(256): file.write('a' * 2 ** 20)\n"
            " return 42", {"!OSError", "!killed"}, id="fills the disk"),
        pytest.param("import os\ndef f():\n for _ in range(10 ** 5): os.open('/dev/null', 0)\n return 42", {"!OSError"},
            id="opens files"),
        pytest.param("import ctypes\ndef f():\n ctypes.string_at(0)\n return 42", {"!killed"}, id="crashes"),
    ],
)  # fmt: skip
def test_what_takes_more_than_it_may_fails(fails: Fails, code: str, outputs: set[str]) -> None:
    assert set(fails(code, time_limit_s=4).outputs) <= {*outputs, "fail"}


def test_a_deep_list_is_cut_where_it_is_too_deep(fails: Fails) -> None:
    verdict = fails("def f():\n x = 42\n for _ in range(10 ** 5): x = [x]\n return x", CALL)
    assert "nested too deeply" in verdict.outputs[0]


@pytest.mark.parametrize(
    "how",
    [
        "raise BaseException",
        "raise SystemExit",
        "raise SystemExit(0)",
        "raise KeyboardInterrupt",
        "raise GeneratorExit",
        "import sys; sys.exit()",
        "import os; os._exit(0)",
        "import os; os.abort()",
        "import os; os.kill(os.getpid(), 9)",
        "import os; os.kill(os.getppid(), 9); os._exit(0)",
        "import os; os.kill(-1, 9); os._exit(0)",
        "import os; os.killpg(0, 9)",
        "import os; os.execv('/bin/true', ['true'])",
        "import os; os.fork() or os._exit(0); raise SystemExit",
        "import atexit; atexit.register(print, 'passed'); raise SystemExit",
        "import threading, os; threading.Timer(0.1, os._exit, [0]).start(); import time; time.sleep(9)",
        "raise AssertionError",
        "raise StopIteration",
        "assert False",
    ],
)
@pytest.mark.parametrize("when", ["when loaded", "when called"])
def test_leaving_early_is_no_pass(fails: Fails, how: str, when: str) -> None:
    fails(how if when == "when loaded" else f"def f():\n {how}")


FORGERIES = [
    '{"passed": true}',
    '{"passed": true, "nonce": null}',
    '{"passed": true, "nonce": ""}',
    '{"passed": true, "nonce": "00000000000000000000000000000000"}',
    '{"broken": "the test", "nonce": "0"}',
    '{"value": 42, "passed": true}',
    "pass",
    "42",
    "[" * 60_000,
    "",
]


@pytest.mark.parametrize("forged", FORGERIES, ids=lambda text: text[:40])
@pytest.mark.parametrize("end", ["os._exit(0)", "return 42.5"])
def test_printing_what_a_pass_prints_is_no_pass(fails: Fails, forged: str, end: str) -> None:
    code = (
        "import os, sys\ndef f():\n for fd in range(64):\n  try: os.write(fd, TEXT)\n  except OSError: pass\n"
        f" print(TEXT.decode())\n {end}\nTEXT = {forged.encode()!r}"
    )
    fails(code)


def test_a_forged_value_counts_no_more_than_one_returned(fails: Fails) -> None:
    code = "import os\ndef f():\n for fd in range(3, 64):\n  try: os.write(fd, b'{\"value\": 42}')\n"
    code += "  except OSError: pass\n"
    fails(code + " os._exit(0)", PROGRAM)
    fails(code + " return 42", PROGRAM, CALL)


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import json\njson.dumps = lambda *_, **__: '{\"passed\": true}'", id="json.dumps"),
        pytest.param("import json\njson.JSONEncoder.encode = lambda *_: '{\"value\": 43}'", id="json's encoder"),
        pytest.param("import os\nos.write = lambda fd, data: len(data)\nos._exit = lambda _: None", id="os"),
        pytest.param("import os\nos.getpid = lambda: 1", id="os.getpid"),
        pytest.param("import sys\nsys.exit = sys.excepthook = lambda *_: None\nsys.stdout = None", id="sys"),
        pytest.param("import builtins\nbuiltins.AssertionError = ValueError", id="AssertionError"),
        pytest.param("import builtins\nbuiltins.exec = builtins.eval = lambda *_: None", id="exec"),
        pytest.param("import builtins\nbuiltins.compile = lambda *_, **__: (lambda: 0).__code__", id="compile"),
        pytest.param("import builtins\nbuiltins.isinstance = lambda *_: True", id="isinstance"),
        pytest.param(
            "import builtins\nbuiltins.print = lambda *_: None\nbuiltins.len = lambda _: 0", id="print and len"
        ),
        pytest.param(
            "import __main__\n__main__.load = __main__.entry = lambda *_: (lambda: 41)", id="the harness's names"
        ),
        pytest.param(
            "import __main__\n__main__.raised = lambda *_, **__: {'passed': True}", id="the harness's reports"
        ),
        pytest.param("import __main__\n__main__.MissingError = BaseException", id="the harness's errors"),
        pytest.param("import sys\nsys.modules['program'].check = lambda _: None\ndef check(_): pass", id="check"),
        pytest.param("import warnings, linecache, traceback\ntraceback.print_exc = lambda: None", id="traceback"),
    ],
)
def test_replacing_parts_of_python_is_no_pass(fails: Fails, code: str) -> None:
    fails(f"{code}\ndef f(): return 41")


def test_a_comparison_of_its_own_decides_nothing_about_a_call(fails: Fails) -> None:
    code = "class Any(int):\n __eq__ = lambda *_: True\n __ne__ = lambda *_: False\n __hash__ = None\n"
    fails(f"{code}def f(): return Any(41)", CALL)
    fails("class Any:\n __eq__ = lambda *_: True\ndef f(): return Any()", CALL)
    fails("class Any(list):\n __eq__ = lambda *_: True\n __iter__ = lambda _: iter([42])\ndef f(): return Any()", CALL)


SEARCHES = {
    "standard input": "import os\nos.lseek(0, 0, 0)\nfound = os.read(0, 10 ** 6)",
    "sys.stdin": "import sys\nfound = sys.stdin.read()",
    "its arguments": "import sys\nfound = sys.argv + sys.orig_argv",
    "its environment": "import os\nfound = dict(os.environ)",
    "its files": "import os\nfound = [open(name).read() for name in os.listdir('.')]",
    "the names of the harness": "import __main__\nfound = vars(__main__)",
    "the frames above": "import sys\nframe, found = sys._getframe(), []\nwhile frame:\n"
    "    found += [dict(frame.f_locals), frame.f_globals]\n    frame = frame.f_back",
    "open descriptors": "import os\nfound = []\nfor fd in range(64):\n    try: found.append(os.read(fd, 10 ** 6))\n"
    "    except OSError: pass",
    "other processes": "from glob import glob\nfound = []\nfor path in glob('/proc/*/fd/*') + glob('/proc/*/cmd*'):\n"
    "    try: found.append(open(path, 'rb').read(10 ** 6))\n    except OSError: pass",
}


@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
def test_the_word_that_a_pass_bears_is_nowhere_to_be_found(fails: Fails, search: str) -> None:
    """The candidate reports every word of 32 hexadecimal digits that it found, and fails; there must be none."""
    code = f"""
import re
try:
{"".join(f"    {line}" + chr(10) for line in search.splitlines())}
except (OSError, AttributeError):
    found = ''
words = re.findall('[0-9a-f]{{32}}', repr(found))
def f():
    raise ValueError(f'found {{len(words)}} of {{len(repr(found)) > 0}}')
"""
    verdict = fails(code, PROGRAM)
    assert "found 0 of True" in (verdict.feedback or "")


def test_expected_values_are_nowhere_in_the_sandbox(fails: Fails, judge: Judge) -> None:
    secret = 987_654_321
    code = (
        "import gc, glob\ndef f():\n for path in glob.glob('/proc/self/*') + glob.glob('*'):\n  try:\n"
        "   if b'987654321' in open(path, 'rb').read(10 ** 6): return 987654320 + 1\n  except OSError: pass\n"
        " for held in gc.get_objects():\n"
        "  held = held.values() if type(held) is dict else held if type(held) in (list, tuple, set) else ()\n"
        "  if any(type(value) is int and value == 987654320 + 1 for value in [*held]): return 987654320 + 1\n"
    )
    code = code.replace("987654321", "98765432' + b'1").replace("987654320", "int('987654320')")
    fails(code, {"args": [], "expected": secret})
    kept = f"KEPT = [{secret}]\n{code}"
    assert judge(f"```python\n{kept}\n```", public=[{"args": [], "expected": secret}]).status == "pass"


def test_files_of_the_server_stay_as_they_are(fails: Fails, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_text("alive", encoding="utf-8")
    for path in (canary, "/etc/passwd", "/usr/new", "/etc/new"):
        fails(f"def f():\n with open({str(path)!r}, 'w') as file: file.write('x')\n return 42")
    fails(
        f"import os, shutil\ndef f():\n for path in [{str(tmp_path)!r}, '/etc', '/usr/bin']:\n"
        "  shutil.rmtree(path, ignore_errors=True)\n return 41 if os.path.exists('/usr/bin/env') else 42"
    )
    assert canary.read_text(encoding="utf-8") == "alive"
    assert Path("/etc/passwd").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "path",
    ["/etc/shadow", "/proc/1/environ", "/proc/kcore", "/proc/1/mem", str(Path(__file__).resolve())],
)
def test_secrets_can_not_be_read(fails: Fails, path: str) -> None:
    fails(f"def f(): return 42 if open({path!r}, 'rb').read(100) else 41")


def test_the_environment_of_the_server_is_not_there(fails: Fails, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUORUM_SECRET", "hush-hush")
    fails(
        "import os\ndef f():\n found = [*os.environ.values(), open('/proc/self/environ').read()]\n"
        " return 42 if 'hush-hush' in str(found) else 41"
    )


@pytest.mark.parametrize(
    "path", ["/proc/sys/kernel/panic", "/proc/sysrq-trigger", "/proc/self/oom_score_adj", "/proc/1/oom_score_adj"]
)
def test_the_kernel_can_not_be_told_anything(fails: Fails, path: str) -> None:
    fails(f"def f():\n with open({path!r}, 'w') as file: file.write('-1000')\n return 42")


def test_no_connection_is_made(fails: Fails) -> None:
    accepted: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        port = server.getsockname()[1]

        def listen() -> None:
            with suppress(OSError):
                accepted.append(server.accept())

        listener = threading.Thread(target=listen)
        listener.start()
        fails(f"import socket\ndef f():\n socket.create_connection(('127.0.0.1', {port}), timeout=1)\n return 42")
        fails("import socket\ndef f():\n socket.create_connection(('1.1.1.1', 53), timeout=1)\n return 42")
        server.shutdown(socket.SHUT_RDWR)
        listener.join()
    assert not accepted


def test_no_child_begins_a_session_of_its_own(fails: Fails) -> None:
    fails("import subprocess\ndef f():\n subprocess.Popen(['true'], start_new_session=True)\n return 42")


def test_no_child_outlives_its_test(judge: Judge) -> None:
    code = (
        "import os, subprocess\ndef f():\n for _ in range(3):\n  if os.fork() == 0:\n"
        f"   os.execv('/bin/sleep', ['sleep', '{MARKER}'])\n"
        f" subprocess.Popen(['sleep', '{MARKER}'])\n return 42"
    )
    assert judge(f"```python\n{code}\n```", public=[CALL, PROGRAM]).outputs == ("!left processes", "fail")
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if MARKER.encode() in _bytes(path)]


def test_printing_much_within_the_limits_is_allowed(judge: Judge) -> None:
    code = "import sys\ndef f():\n print('a' * 10 ** 6)\n print('b' * 10 ** 6, file=sys.stderr)\n return 42"
    assert judge(f"```python\n{code}\n```", public=[CALL, PROGRAM]).status == "pass"


def test_a_fork_that_returns_twice_is_one_result(judge: Judge) -> None:
    code = "import os\ndef f():\n os.fork()\n return 42"
    assert judge(f"```python\n{code}\n```", public=[CALL, PROGRAM]).status == "pass"


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize("how", ["subprocess.Popen(['sleep', '300'])", "os.fork() or time.sleep(300)"])
def test_a_right_value_from_a_program_that_leaves_a_process_behind_fails(fails: Fails, how: str) -> None:
    verdict = fails(f"import os, subprocess, time\ndef f():\n {how}\n return 42", CALL, PROGRAM, time_limit_s=8)
    assert verdict.outputs == ("!left processes", "fail")
    assert "left processes behind" in (verdict.feedback or "")


def test_a_process_that_was_waited_for_is_not_left_behind(judge: Judge) -> None:
    code = "import subprocess\ndef f():\n return int(subprocess.run(['echo', '42'], capture_output=True).stdout)"
    assert judge(f"```python\n{code}\n```", public=[CALL, PROGRAM]).status == "pass"
