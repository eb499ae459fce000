from __future__ import annotations

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


def test_arguments_that_are_not_json_are_compared_as_text() -> None:
    assert key(("a", " x=1 ")) == key(("a", "x=1")) != key(("a", "x=2"))
    assert key(("a", "x=1")) != key(("a", '"x=1"'))


def test_no_arguments_are_empty_arguments() -> None:
    assert key(("a", "")) == key(("a", "{}"))


def test_ids_make_no_difference_and_no_call_is_no_answer() -> None:
    calls = [Reply(tool_calls=(ToolCall(id=name, name="f", arguments="{}"),)) for name in ("call_1", "call_2")]
    first, second = (ToolCalls().extract(reply, Question(messages=[])) for reply in calls)
    assert first == second
    assert first is not None
    assert first.text == "f({})"
    assert key() is None
