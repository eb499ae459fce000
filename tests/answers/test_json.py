from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.answers.json import Json
from app.candidates import Question, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    Key = Callable[..., str | None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"b": 1.0, "a": [true, null, "x"]}', '{"a":[true,null,"x"],"b":1}'),
        ('Here:\n```json\n{"a": 1}\n```\nDone, see [1].', '{"a":1}'),
        ('Draft {"a": 1}, final {"a": 2}.', '{"a":2}'),
        ("The result is [1, 2.50, -0.0, 1e2] as asked", "[1,2.5,0,100]"),
        ('He said ["oops] and then {"a": 1}', '{"a":1}'),
        ('[{"a": 1}, {"b": 2} cut off', '{"b":2}'),
        ('{"a": {"b": {}}} and {broken', '{"a":{"b":{}}}'),
        (r'{"a": "\u00e9\"{"}', r'{"a":"\u00e9\"{"}'),
        ('{"a": "é\\"{"}', r'{"a":"\u00e9\"{"}'),
        ('{"a": 1, "a": 2}', '{"a":2}'),
        ('{"a": 100000000000000000000000000000.0}', '{"a":100000000000000000000000000000}'),
        ('{"a": NaN}', None),
        ("[Infinity]", None),
        ("{'a': 1}", None),
        ("[1, 2,]", None),
        ("[1 2] {3}", None),
        ("[01]", None),
        ('{"a": 1e999999}', None),
        (f"[{'1' * 500}]", None),
        ("42", None),
        ("no json", None),
        ("", None),
    ],
)
def test_the_last_document_is_the_answer_in_one_way_of_writing(key: Key, text: str, expected: str | None) -> None:
    assert key("json", text) == expected


def test_nesting_is_bounded(key: Key) -> None:
    assert key("json", "[" * 60 + "]" * 60) == "[" * 60 + "]" * 60
    assert key("json", "[" * 100 + "1" + "]" * 100) != "[" * 100 + "1" + "]" * 100
    assert key("json", '{"a":' * 100 + "1" + "}" * 100 + " but [1]") == "[1]"


documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(
    document=st.lists(documents, max_size=3) | st.dictionaries(st.text(max_size=3), documents),
    indent=st.none() | st.just(2),
)
def test_a_document_is_found_in_prose_and_its_key_is_the_document(document: object, indent: int | None) -> None:
    text = json.dumps(document, indent=indent)
    answer = Json().extract(Reply(text=f"Sure! Here it is: {text} That's all."), Question(messages=[]))
    assert answer is not None
    assert answer.text == text
    assert json.loads(answer.key) == document
