from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.candidates import Answer

    Key = Callable[..., str | None]

DEFINITION = "def f(x):\n    return x + 1"


def test_comments_layout_and_quotes_make_no_difference_in_python(key: Key) -> None:
    fancy = "```python\n# adds one\ndef f( x ):\n\n    return (x+1)  # done\n```"
    assert key("code", f"```python\n{DEFINITION}\n```") == key("code", fancy) == DEFINITION
    assert key("code", '```\nimport os\nx = "a"\n```') == key("code", "```py\nimport os\nx = 'a'\n```")


@pytest.mark.parametrize(
    "text",
    [
        f"First try:\n```python\ndef f(x): return x\n```\nBetter:\n```python\n{DEFINITION}\n```",
        f"```python\n{DEFINITION}\n```\nUse it:\n```python\nprint(f(1))\n```\nwhich prints\n```text\n2\n```",
        f"~~~ python\n{DEFINITION}\n~~~",
        f"```python\n{DEFINITION}",
        f"````\n{DEFINITION}\n````",
        "1. A step:\n   ```python\n   def f(x):\n       return x + 1\n   ```",
        f"```\n```\n```python\n{DEFINITION}\n```",
        DEFINITION,
    ],
)
def test_the_last_block_that_defines_something_is_the_answer(key: Key, text: str) -> None:
    assert key("code", text) == DEFINITION


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```js\nconst f = (x) => {\n  return 1;\n}\n```\n```js\nf(2)\n```", "const f = (x) => { return 1; }"),
        ("```sql\nSELECT  1;\n```", "SELECT 1;"),
        ("```\nSELECT  1 FROM t;\n```", "SELECT 1 FROM t;"),
        ("```output\n3\n```", "3"),
        ("import os", "import os"),
        ("x = 1", "x = 1"),
        ("Just prose about code.", None),
        ("x", None),
        ("42", None),
        ("```\n\n```", None),
        ("", None),
    ],
)
def test_other_languages_bare_modules_and_prose(key: Key, text: str, expected: str | None) -> None:
    assert key("code", text) == expected


@pytest.mark.parametrize(
    "code",
    [
        "not " * 2_400 + "1",
        "-" * 9_000 + "1",
        "a" + ".b" * 4_500,
        "x = '\\d'\n" * 2_000,
        "1 if 1 else " * 800 + "1",
        "x = \0",
    ],
)
def test_hostile_python_is_compared_without_its_layout(extract: Callable[..., Answer | None], code: str) -> None:
    answer = extract("code", f"```python\n{code}\n```")
    assert answer is not None
    assert answer.key == " ".join(code.split())


def test_odd_escapes_in_python_raise_no_warning(key: Key) -> None:
    assert key("code", "```python\nx = '\\d'\n```") == "x = '\\\\d'"
