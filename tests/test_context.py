from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from pydantic import ValidationError

from app.candidates import Answer, Ask, Candidate, Reply, ToolCall, Verdict, plain_text
from app.context import ANOTHER, AVOID, IMPROVE, Context, append_text
from app.padding import filler, pad

if TYPE_CHECKING:
    from app.candidates import Message

TEXTS = st.text(max_size=20)
CALL = {"id": "1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:,"}}
CONTENTS = TEXTS | st.just([{"type": "text", "text": "What is it?"}, IMAGE])
ANSWERED: list[Message] = [
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "1", "content": "3"},
]
SPOKEN: st.SearchStrategy[Message] = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user"]), "content": CONTENTS}
)
MESSAGES = SPOKEN | st.sampled_from(ANSWERED)
CONVERSATIONS = st.lists(MESSAGES, min_size=1, max_size=6)
CANDIDATES = st.builds(
    Candidate,
    index=st.integers(0, 9),
    finish_reason=st.just("stop"),
    reply=st.builds(
        Reply,
        text=TEXTS,
        thinking=st.sampled_from(["", "SECRET THOUGHT"]),
        tool_calls=st.sampled_from([(), (ToolCall(id="1", name="add", arguments='{"a": 1}'),)]),
    ),
    answer=st.none() | st.builds(Answer, kind=st.just("text"), text=TEXTS, key=TEXTS),
    verdict=st.none()
    | st.builds(
        Verdict,
        status=st.sampled_from(["pass", "fail", "abstain", "error"]),
        feedback=st.none() | st.just("Off by one."),
    ),
)
ASKS = st.builds(Ask, shown=st.lists(CANDIDATES, max_size=4).map(tuple), avoid=st.booleans())
CONTEXTS = st.builds(
    Context,
    history=st.sampled_from(["answers", "solutions", "transcript"]),
    keep_thinking=st.booleans(),
    max_previous=st.none() | st.integers(1, 3),
    feedback=st.sampled_from(["none", "verdict", "detail"]),
    pad_tokens=st.sampled_from([0, 7]),
)
QUESTION: list[Message] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1+1?"}]


def solution(index: int = 0, text: str = "It is 3.", thinking: str = "") -> Candidate:
    return Candidate(
        index=index,
        finish_reason="stop",
        reply=Reply(text=text, thinking=thinking),
        answer=Answer(kind="math", text="3", key="3"),
        verdict=Verdict(status="fail", score=0.0, feedback="Off by one."),
    )


def said(messages: list[Message]) -> str:
    return "\n".join(plain_text(message.get("content")) for message in messages)


@given(CONTEXTS, CONVERSATIONS, ASKS)
def test_the_callers_conversation_stays_where_it_is(context: Context, messages: list[Message], ask: Ask) -> None:
    base = pad(messages, context.pad_tokens) if context.pad_tokens else messages
    sent = context.conversation(messages, ask)
    if context.history == "transcript" or not ask.shown or base[-1]["role"] != "user":
        assert sent[: len(base)] == base
    else:
        assert sent[:-1] == base[:-1]
        assert {**sent[-1], "content": None} == {**base[-1], "content": None}
        old, new = base[-1]["content"], sent[-1]["content"]
        extended = isinstance(new, list) and new[:-1] == old
        assert extended or (isinstance(new, str) and isinstance(old, str) and new.startswith(old))


@given(CONTEXTS, CONVERSATIONS, ASKS)
def test_the_callers_messages_are_left_as_they_were(context: Context, messages: list[Message], ask: Ask) -> None:
    before = [dict(message) for message in messages]
    context.conversation(messages, ask)
    assert messages == before


@given(CONTEXTS, CONVERSATIONS, ASKS)
def test_thinking_stays_out_unless_it_is_asked_for(context: Context, messages: list[Message], ask: Ask) -> None:
    shown = ask.shown[-context.max_previous :] if context.max_previous else ask.shown
    wanted = context.keep_thinking and context.history != "answers" and any(one.reply.thinking for one in shown)
    assert ("SECRET THOUGHT" in said(context.conversation(messages, ask))) == wanted


@given(CONTEXTS, CONVERSATIONS, ASKS)
def test_a_model_is_shown_only_what_it_can_be_found_to_have_copied(
    context: Context, messages: list[Message], ask: Ask
) -> None:
    texts = context.shown_texts(ask)
    conversation = said(context.conversation(messages, ask))
    assert len(texts) == min(len(ask.shown), context.max_previous or len(ask.shown))
    assert all(text.rstrip() in conversation for text in texts)


@given(CONVERSATIONS, ASKS)
def test_a_later_round_of_a_transcript_begins_like_the_earlier_one(messages: list[Message], ask: Ask) -> None:
    context = Context()
    longer = context.conversation(messages, ask)
    shorter = context.conversation(messages, Ask(shown=ask.shown[:-1], avoid=ask.avoid))
    assert longer[: len(shorter)] == shorter


def test_a_transcript_replays_each_solution_as_a_turn_and_asks_for_another() -> None:
    sent = Context().conversation(QUESTION, Ask(shown=(solution(), solution(1, "Or 4."))))
    asking = {"role": "user", "content": f"A check found this solution wrong. {IMPROVE}"}
    assert sent == [
        *QUESTION,
        {"role": "assistant", "content": "It is 3."},
        asking,
        {"role": "assistant", "content": "Or 4."},
        asking,
    ]


def test_a_list_of_answers_joins_the_users_turn() -> None:
    (_, user) = Context(history="answers").conversation(QUESTION, Ask(shown=(solution(), solution(1))))
    content = plain_text(user["content"])
    assert content.startswith("1+1?\n\n")
    assert "Attempt 1:\n3\nA check found this solution wrong.\n\nAttempt 2:\n3\n" in content
    assert "It is 3." not in content
    assert content.endswith(IMPROVE)


def test_a_retry_is_told_to_avoid_what_was_there() -> None:
    for context in (Context(), Context(history="solutions"), Context(history="answers")):
        refused = replace(solution(), rejection="failed verification")
        text = said(context.conversation(QUESTION, Ask(shown=(refused,), avoid=True)))
        assert AVOID in text
        assert IMPROVE not in text


def test_a_solution_that_was_accepted_is_not_called_refused_when_another_is_wanted() -> None:
    for context in (Context(), Context(history="solutions"), Context(history="answers")):
        text = said(context.conversation(QUESTION, Ask(shown=(solution(),), avoid=True)))
        assert ANOTHER in text
        assert AVOID not in text


def test_a_template_that_says_nothing_without_feedback_leaves_no_turn_empty() -> None:
    silent = replace(solution(), verdict=None)
    turns = Context(template="{feedback}").conversation(QUESTION, Ask(shown=(silent,)))
    assert turns[-1]["content"] == IMPROVE


@pytest.mark.parametrize(
    ("feedback", "told"),
    [
        ("none", ""),
        ("verdict", "A check found this solution wrong."),
        ("detail", "A check found this solution wrong. Off by one."),
    ],
)
@pytest.mark.parametrize("history", ["answers", "solutions", "transcript"])
def test_the_model_is_told_as_much_of_the_verdict_as_wanted(history: str, feedback: str, told: str) -> None:
    context = Context.model_validate({"history": history, "feedback": feedback})
    text = said(context.conversation(QUESTION, Ask(shown=(solution(),))))
    assert told in text
    assert ("A check found" in text) == bool(told)
    assert ("Off by one." in text) == (feedback == "detail")


@pytest.mark.parametrize(
    ("status", "told"), [("pass", "A check found this solution correct."), ("abstain", ""), ("error", "")]
)
def test_only_a_pass_or_a_fail_is_told(status: str, told: str) -> None:
    verdict = Verdict(status="pass") if status == "pass" else Verdict(status="error", feedback="Traceback")
    shown = Candidate(index=0, finish_reason="stop", reply=Reply(text="x"), verdict=verdict)
    text = said(Context(feedback="detail").conversation(QUESTION, Ask(shown=(shown,))))
    assert told in text
    assert "Traceback" not in text


def test_a_template_replaces_the_turn_that_asks_for_another() -> None:
    sent = Context(template="[{feedback}] Again!").conversation(QUESTION, Ask(shown=(solution(),)))
    assert sent[-1] == {"role": "user", "content": "[A check found this solution wrong.] Again!"}
    listed = Context(history="answers", template="Seen: {previous}{feedback}. Again!")
    content = plain_text(listed.conversation(QUESTION, Ask(shown=(solution(),)))[-1]["content"])
    assert content == "1+1?\n\nSeen: Attempt 1:\n3\nA check found this solution wrong.. Again!"


def test_placeholders_in_a_solution_are_only_text() -> None:
    shown = solution(text="print('{feedback}', '{previous}')")
    for context in (Context(), Context(history="solutions"), Context(history="solutions", template="{previous}")):
        assert "print('{feedback}', '{previous}')" in said(context.conversation(QUESTION, Ask(shown=(shown,))))


@pytest.mark.parametrize(
    ("history", "template"), [("transcript", "{previous}"), ("answers", "{feedback}"), ("solutions", "Again!")]
)
def test_a_template_without_its_placeholder_is_refused(history: str, template: str) -> None:
    with pytest.raises(ValidationError, match="must contain the placeholder"):
        Context.model_validate({"history": history, "template": template})


def test_only_the_latest_are_shown() -> None:
    shown = tuple(solution(index, f"Number {index}.") for index in range(3))
    text = said(Context(max_previous=2).conversation(QUESTION, Ask(shown=shown)))
    assert ["Number 0." in text, "Number 1." in text, "Number 2." in text] == [False, True, True]


def test_thinking_that_is_kept_stands_before_the_solution() -> None:
    shown = solution(thinking="Hm.")
    sent = Context(keep_thinking=True).conversation(QUESTION, Ask(shown=(shown,)))
    assert sent[2]["content"] == "<think>\nHm.\n</think>\n\nIt is 3."


def test_tool_calls_are_shown_as_text_as_nobody_answered_them() -> None:
    reply = Reply(tool_calls=(ToolCall(id="1", name="add", arguments='{"a": 1}'),))
    shown = Candidate(index=0, finish_reason="tool_calls", reply=reply)
    silent = Candidate(index=1, finish_reason="stop")
    sent = Context().conversation(QUESTION, Ask(shown=(shown, silent)))
    assert [sent[2]["content"], sent[4]["content"]] == ['add({"a": 1})', "(no text)"]
    assert "tool_calls" not in sent[2]
    assert "(no final answer)" in said(Context(history="answers").conversation(QUESTION, Ask(shown=(silent,))))


def test_padding_comes_under_any_strategy_and_counts_its_tokens() -> None:
    (_, user) = Context(pad_tokens=50).conversation(QUESTION, Ask())
    assert filler(50) in plain_text(user["content"])
    assert Context().conversation(QUESTION, Ask()) == QUESTION


def test_text_is_appended_to_the_users_turn_or_as_one() -> None:
    assert append_text([{"role": "user", "content": None}], "x") == [{"role": "user", "content": "\n\nx"}]
    (parts,) = append_text([{"role": "user", "content": [IMAGE]}], "x")
    assert parts["content"] == [IMAGE, {"type": "text", "text": "x"}]
    assistant: Message = {"role": "assistant", "content": "Hi"}
    assert append_text([assistant], "x") == [assistant, {"role": "user", "content": "x"}]


@given(
    beginning=st.none() | st.text() | st.just([IMAGE]),
    history=st.sampled_from(["transcript", "solutions", "answers"]),
    rounds=st.integers(1, 3),
)
def test_roles_alternate_after_the_beginning_of_an_answer(
    beginning: object, history: Literal["transcript", "solutions", "answers"], rounds: int
) -> None:
    begun: list[Message] = [*QUESTION, {"role": "assistant", "content": beginning}]
    sent = Context(history=history).conversation(begun, Ask(shown=(solution(),) * rounds))
    roles = [message["role"] for message in sent if message["role"] != "system"]
    assert roles[::2] == ["user"] * (len(roles) // 2 + 1)
    assert roles[1::2] == ["assistant"] * (len(roles) // 2)


def test_the_beginning_of_an_answer_is_gone_on_with() -> None:
    begun: list[Message] = [*QUESTION, {"role": "assistant", "content": "Sure: "}]
    sent = Context().conversation(begun, Ask(shown=(solution(),)))
    assert sent[len(QUESTION)]["content"] == f"Sure: {solution().reply.text}"
    assert begun[-1]["content"] == "Sure: "
