from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.verifiers.tests.finding import find_any, find_python
from app.verifiers.tests.pieces import parsed

CODE = "import math\n\n\ndef f(x):\n    if x:\n        return math.floor(x)\n\n    return 0"
PROSE = st.lists(
    st.text(st.characters(categories=["L", "N", "Zs"], include_characters=".,;:'()!?-*"), max_size=60).filter(
        lambda line: not any(mark in line for mark in ("=", "@", "\N{NO-BREAK SPACE}")),
    ),
    max_size=6,
).map(lambda lines: "\n".join(f"So {line}." for line in lines))


def runs(code: str | None) -> dict[str, object]:
    names: dict[str, object] = {}
    assert code is not None
    exec(code, names)  # noqa: S102 - our own code
    return names


@given(PROSE, PROSE)
def test_fenced_code_is_found_in_any_prose(before: str, behind: str) -> None:
    assert find_python(f"{before}\n```python\n{CODE}\n```\n{behind}", "f") == CODE


@given(PROSE, PROSE)
def test_code_without_a_fence_is_found_in_any_prose(before: str, behind: str) -> None:
    found = find_python(f"{before}\n\n{CODE}\n\n{behind}", "f")
    assert found is not None
    assert found.startswith(CODE)
    assert parsed(found) is not None


@given(st.text())
def test_any_text_is_searched_without_an_error(text: str) -> None:
    find_python(text, "f")
    find_python(f"```python\n{text}", None)
    find_any(text, "main.js")


@given(st.lists(st.sampled_from(["def f(x):", "    return x", "```", "```python", "So it is.", "x = (", '"""', ""])))
def test_what_is_found_without_a_fence_is_python_that_defines_the_entry_point(lines: list[str]) -> None:
    text = "\n".join(lines)
    found = find_python(text, "f")
    if found is not None and "```" not in text:
        assert "f" in runs(found)


def test_the_last_block_that_defines_the_entry_point_is_taken() -> None:
    first, better, use = (
        f"```python\n{code}\n```\n" for code in ("def f(): return 1", "def f(): return 2", "print(f())")
    )
    text = f"{first}Better:\n{better}Use:\n{use}"
    assert find_python(text, "f") == "def f(): return 2"


def test_usage_and_output_behind_the_program_are_left_out() -> None:
    text = "```python\ndef f(): return 2\n```\n```\n2\n```\n```text\ndef f(): nothing\n```\n```bash\npython f.py\n```"
    assert find_python(text, "f") == "def f(): return 2"


def test_definitions_that_it_needs_come_along_and_nothing_else_of_their_blocks() -> None:
    text = (
        "```python\nfrom math import sqrt\nraise SystemExit\n```\n"
        "```python\nSTEP = 2\n\n@staticmethod\ndef other():\n    pass\n\ndef helper(x):\n    return sqrt(x) + STEP\n\n"
        "print(helper(undefined))\n```\n```python\ndef f(x):\n    return helper(x) + last()\n```\n"
        "```python\ndef last():\n    return 1\n```"
    )
    found = find_python(text, "f")
    assert found == (
        "from math import sqrt\n\nSTEP = 2\n\ndef helper(x):\n    return sqrt(x) + STEP\n\n"
        "def f(x):\n    return helper(x) + last()\n\ndef last():\n    return 1"
    )
    assert runs(found)["f"](4) == 5  # type: ignore[operator]


def test_the_latest_earlier_definition_of_a_name_is_the_one_that_comes_along() -> None:
    text = "".join(f"```python\n{code}\n```\n" for code in ("K = 1", "K = 2", "def f(): return K", "K = 3"))
    assert find_python(text, "f") == "K = 2\n\ndef f(): return K"


@pytest.mark.parametrize(
    ("text", "entry_point"),
    [
        ("```python\nclass Solution:\n    def f(self): return 1\n```", "f"),
        ("```python\nclass Solution:\n    def f(self): return 1\n```", "Solution.f"),
        ("```python\nclass A:\n    async def f(self): return 1\n```\n```python\nclass B: pass\n```", "A.f"),
        ("```python\nf = lambda x: x\n```\n```python\ndef g(): pass\n```", "f"),
        ("```python\nasync def f(): pass\n```", "f"),
        ("```python\ndef f(x:\n    return\n```\n```python\nprint(1)\n```", "f"),
        ("```python\nclass Solution:\n    def f(x: return\n```\n```python\ndef g(): pass\n```", "f"),
        ("~~~~ python\ndef f(): pass\n~~~~", "f"),
        ("> ```py\ndef f(): pass", "f"),
        ("  1. So:\n     ```python\n     def f(): pass\n     ```", "f"),
        ("```\ndef f(): pass\n```\n```\n[1, 2]\n```", "f"),
        ("```leetcode\ndef f(): pass\n```", "f"),
    ],
)
def test_every_way_of_giving_the_entry_point_is_seen(text: str, entry_point: str) -> None:
    found = find_python(text, entry_point)
    assert found is not None
    assert "f" in found.splitlines()[0] or "f" in found.splitlines()[1]


def test_a_program_that_reads_input_is_the_last_block_that_defines_or_does_something() -> None:
    assert find_python("```python\nn = int(input())\nprint(n)\n```\n```\n3\n```", None) == "n = int(input())\nprint(n)"
    assert find_python("n = int(input())\nprint(n * 2)", None) == "n = int(input())\nprint(n * 2)"
    assert (
        find_python("You do this:\n\n    n = int(input())\n    print(n)\n\nDone.", None) == "n = int(input())\nprint(n)"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I don't know.",
        "import the data and return it",
        "    return sorted(x)",
        "    total = 0\n    for x in xs:\n        total += x\n    return total",
        "f",
        "42",
        "```text\nno\n```",
        "```\n```",
        "class of problems: def of f",
    ],
)
def test_prose_and_a_bare_body_are_no_code(text: str) -> None:
    assert find_python(text, "f") is None


def test_a_block_without_the_entry_point_is_code_all_the_same() -> None:
    assert find_python("```python\ndef g(): pass\n```", "f") == "def g(): pass"


def test_words_behind_the_code_that_happen_to_be_python_are_left_out() -> None:
    assert find_python("def f():\n    return 1\n\nDone\n", "f") == "def f():\n    return 1"


@pytest.mark.parametrize(
    "text",
    [
        "x = (\n" * 20_000,
        "def f(:\n" * 20_000,
        "import a\nThis is not Python.\n" * 10_000,
        "x = 1\n'" * 20_000,
        "(" * 200_000,
        "def f(): return " + "(" * 5_000 + ")" * 5_000,
        "```python\n" + "x = [" * 40_000,
        "```python\na = b\n```\n" * 5_000,
        "Answer:" + " " * 30_000 + "x",
        ("Answer:" + " " * 1_500 + "x\n") * 20,
        "a" + " ," * 15_000 + "x",
        "a: " + ".," * 15_000 + "x",
        "import a" + " , a" * 8_000 + "!",
        "for" + ": " * 15_000 + "x",
        "```python\n"
        + "".join(f"def g{n}(): return g{n + 1}()\n" for n in range(3_000))
        + "```\n```python\ndef f(): g0()",
    ],
    ids=lambda text: repr(text[:20]),
)
def test_texts_made_to_take_long_do_not(text: str) -> None:
    begun = time.perf_counter()
    find_python(text, "f")
    assert time.perf_counter() - begun < 5


READS = "def main():\n    print(int(input()))"


@pytest.mark.parametrize(
    ("blocks", "entry_point", "found"),
    [
        (["def f(): return 1", "from solution import f\nprint(f())"], "f", "def f(): return 1"),
        (["def f(): return 1", "import f"], "f", "def f(): return 1"),
        (["def f(n): return 1", "def f(n): ..."], "f", "def f(n): return 1"),
        (["def f(n): return 1", "def f(n):\n  'Adds.'\n  raise NotImplementedError"], "f", "def f(n): return 1"),
        (["def f(n): pass"], "f", "def f(n): pass"),
        ([READS, "main()"], None, f"{READS}\n\nmain()"),
        ([READS, "if __name__ == '__main__':\n    main()"], None, f"{READS}\n\nif __name__ == '__main__':\n    main()"),
        ([f"{READS}\nmain()", "main()"], None, f"{READS}\nmain()"),
        ([f"{READS}\nmain()", "def helper(): return 1"], None, f"{READS}\nmain()"),
        ([f"{READS}\nmain()", "assert 1 == 1"], None, f"{READS}\nmain()"),
        (["def g(): return 1", "print(g())"], None, "def g(): return 1\n\nprint(g())"),
        (["from math import *", "def f(): return sqrt(4)"], "f", "from math import *\n\ndef f(): return sqrt(4)"),
        (
            ["import sys\nsys.setrecursionlimit(10**6)", "x = 1", "def f(): return sys"],
            "f",
            "import sys\nsys.setrecursionlimit(10**6)\n\ndef f(): return sys",
        ),
        ([">>> def f():\n...     return 1\n...\n>>> f()\n1"], "f", "def f():\n    return 1\n\nf()"),
    ],
)
def test_the_program_is_told_from_its_usage_and_its_outline(
    blocks: list[str], entry_point: str | None, found: str
) -> None:
    text = "\n".join(f"```python\n{block}\n```" for block in blocks)
    assert find_python(text, entry_point) == found


@pytest.mark.parametrize("mark", ["\x0c", "\N{LINE SEPARATOR}", "\x85", "\x1c"])
def test_lines_are_those_of_python(mark: str) -> None:
    helper = f'S = "a{mark}b"\ndef helper(x):\n    return x + 1'
    found = find_python(f"```python\n{helper}\nY = 2\n```\n```python\ndef f(): return helper(1)\n```", "f")
    assert found == "def helper(x):\n    return x + 1\n\ndef f(): return helper(1)"
    code = f"def f(s):\n    return s.split('{mark}')"
    assert find_python(f"{code}\n\nThat is it.", "f") == code


def test_windows_line_ends_are_line_ends() -> None:
    assert find_python("So:\r\n```python\r\ndef f():\r\n    return 1\r\n```\r\n", "f") == "def f():\n    return 1"


@pytest.mark.parametrize("indent", ["    ", "        ", "\t"])
def test_a_fence_within_a_docstring_closes_nothing(indent: str) -> None:
    code = f'def f():\n{indent}"""Like:\n\n{indent}```\n{indent}f()\n{indent}```\n{indent}"""\n{indent}return 1'
    assert find_python(f"```python\n{code}\n```\nDone.", "f") == code


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("```js\nlet a\n```\nor\n```python\nb = 1\n```\n```\nout\n```", "let a"),
        ("```javascript\nlet a\n```", "let a"),
        ("```rust\nfn a() {}\n```\n```text\nout\n```", "fn a() {}"),
        ("```text\nonly this\n```", "only this"),
        ("\nlet a\n", "let a"),
        (" \n", None),
        ("```js\n```", "```js\n```"),
    ],
)
def test_code_of_any_language_is_the_last_block_tagged_with_it(text: str, found: str | None) -> None:
    assert find_any(text, "main.js") == found
