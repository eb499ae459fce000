"""What a worker says, token by token."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.replay.recording import Sample
from app.replay.worker.script import Script


def said(script: Script, cuts: list[int]) -> dict[str, str]:
    """Return all that the script says where it is cut into pieces at these tokens."""
    ends = sorted({*(cut for cut in cuts if 0 < cut < script.tokens), script.tokens})
    words = {"reasoning": "", "content": ""}
    for start, end in zip([0, *ends], ends, strict=False):
        for name, text in script.said(start, end).items():
            words[name] += text
    return words


@given(st.text(max_size=80), st.integers(1, 60), st.lists(st.integers(1, 60)))
def test_a_recorded_text_comes_whole_however_it_is_cut(text: str, tokens: int, cuts: list[int]) -> None:
    script = Script(sample=Sample(text=text, completion_tokens=tokens), spoken=True)
    assert said(script, cuts) == {"reasoning": "", "content": text}


@given(st.integers(1, 60), st.lists(st.integers(1, 60)))
def test_without_a_text_the_last_token_says_the_answer(tokens: int, cuts: list[int]) -> None:
    script = Script(sample=Sample(answer="1/2", completion_tokens=tokens), spoken=False)
    assert said(script, cuts) == {"reasoning": " so" * (tokens - 1), "content": r"\boxed{1/2}"}


@given(st.text(min_size=1, max_size=80), st.integers(2, 60), st.lists(st.integers(1, 60)))
def test_a_text_without_the_recorded_answer_is_thinking(text: str, tokens: int, cuts: list[int]) -> None:
    script = Script(sample=Sample(text=text, answer="7", completion_tokens=tokens), spoken=False)
    assert said(script, cuts) == {"reasoning": text, "content": r"\boxed{7}"}
    none = Script(sample=Sample(text=text, answer=None, completion_tokens=tokens), spoken=False)
    assert said(none, cuts) == {"reasoning": text, "content": ""}


def test_a_sample_of_one_token_says_its_answer_and_thinks_nothing() -> None:
    script = Script(sample=Sample(text="Hm.", answer="7", completion_tokens=1), spoken=False)
    assert said(script, []) == {"reasoning": "", "content": r"\boxed{7}"}


def test_a_sample_without_an_answer_says_none() -> None:
    script = Script(sample=Sample(answer=None, completion_tokens=3), spoken=False)
    assert said(script, [2]) == {"reasoning": " so so so", "content": ""}


def test_a_limit_ends_it_before_the_answer() -> None:
    script = Script(sample=Sample(answer="7", completion_tokens=5), spoken=False, limit=4)
    assert (script.tokens, script.finish_reason) == (4, "length")
    assert said(script, [1]) == {"reasoning": " so so so so", "content": ""}
    whole = Script(sample=Sample(answer="7", completion_tokens=5), spoken=False, limit=5)
    assert (whole.tokens, whole.finish_reason) == (5, "stop")
