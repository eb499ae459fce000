from __future__ import annotations

import pytest

from app.answers.tool_call import ToolCalls
from app.candidates import Question, Reply, ToolCall


def key(*calls: tuple[str, str]) -> str | None:
    made = tuple(ToolCall(id=f"call_{n}", name=name, arguments=text) for n, (name, text) in enumerate(calls))
    answer = ToolCalls().extract(Reply(tool_calls=made), Question(messages=[]))
    return answer.key if answer else None


def test_the_order_of_keys_and_the_layout_make_no_difference() -> None:
    assert key(("get", '{"a": 1, "b": 2.0}')) == key(("get", '{"b":2,"a":1.0}')) == '[["get",{"a":1,"b":2}]]'


def test_the_order_of_calls_their_names_and_their_arguments_do() -> None:
    assert key(("a", "{}"), ("b", "{}")) != key(("b", "{}"), ("a", "{}"))
    assert key(("a", "{}")) != key(("b", "{}"))
    assert key(("a", '{"x": 1}')) != key(("a", '{"x": 2}'))


@pytest.mark.parametrize("arguments", ["x=1", '{"city": "Par', "{} {}"])
def test_a_call_whose_arguments_are_not_json_is_no_answer(arguments: str) -> None:
    calls = tuple(ToolCall(id="", name="f", arguments=one) for one in ("{}", arguments))
    assert ToolCalls().extract(Reply(tool_calls=calls), Question(messages=[])) is None


def test_no_arguments_are_empty_arguments() -> None:
    assert key(("a", "")) == key(("a", "{}"))


def test_ids_make_no_difference_and_no_call_is_no_answer() -> None:
    calls = [Reply(tool_calls=(ToolCall(id=name, name="f", arguments="{}"),)) for name in ("call_1", "call_2")]
    first, second = (ToolCalls().extract(reply, Question(messages=[])) for reply in calls)
    assert first == second
    assert first is not None
    assert first.text == "f({})"
    assert key() is None
