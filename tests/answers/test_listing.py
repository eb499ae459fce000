"""What of a question is a list of options, and what only looks like one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answers.reading.listing import listed

if TYPE_CHECKING:
    from collections.abc import Callable

    Key = Callable[..., str | None]

AMC = r"""What is the value of $2^3 - 1^3$?

$\textbf{(A)}\ 1 \qquad \textbf{(B)}\ 7 \qquad \textbf{(C)}\ \dfrac{1}{2} \qquad \textbf{(D)}\ 9 \qquad
\textbf{(E)}\ 8$"""
AMC_OPTIONS = {"A": "1", "B": "7", "C": r"\dfrac{1}{2}", "D": "9", "E": "8"}
THREE = {"A": "4", "B": "7", "C": "9"}

PARTS = [
    "Let f(x) = x^2. (a) Find f(2). (b) Find f(3). (c) Show that f is even.",
    "A bag holds 3 balls. Answer these: a) What is the mean? b) What is the mode? c) Which is larger?",
    "Can you help me? (a) Compute 2 + 2. (b) Compute 3 + 3. (c) Compute 4 + 4.",
    "Suppose that (a) x > 0, (b) y > 0 and (c) x + y = 1. Find the maximum of xy.",
    "Let f be (a) continuous, (b) odd and (c) bounded. Is f constant?",
    "Make tea in these steps:\na) boil water\nb) add leaves\nc) wait\nHow long does it take?",
    "How many cups? Follow the steps.\na. boil water\nb. add leaves\nc. wait",
    "What is the median? Use (a) and (b) and (c) of the list.\n(a) 4 (b) 7 (c) 9",
    "Which of (a), (b), (c) is the largest?",
    "Choose the right letter: (a), (b), (c).",
    "Which is prime? (a) 4 (b) 7",
    "Which is prime? (a) 4 (c) 7 (d) 9",
    "Which is prime? (b) 4 (c) 7 (d) 9",
    "A. Smith, B. Jones and C. Brown share 12 apples. How many does each get?",
    r"Points $\textbf{A}$, $\textbf{B}$ and $\textbf{C}$ lie on a line. What is $AC$?",
    r"In \textbf{(A)} and \textbf{(B)} the sides are equal. What is the area?",
    "What is 2 + 2?",
    r"Let $\mathbb{P}(A)=0.3$, $\mathbb{P}(B)=0.5$ and $\mathbb{P}(C)=0.4$. What is $\mathbb{P}(A \cup B)$?",
    r"Given $\operatorname{rank}(A) = 2$, $\operatorname{rank}(B) = 3$, $\operatorname{rank}(C) = 4$, find $r$.",
    "Statements $(A)$, $(B)$ and $(C)$ are true. How many are false?",
    r"\textbf{(A)} Compute $1+1$. \textbf{(B)} Compute $2+2$. \textbf{(C)} Compute $3+3$.",
    r"\text{A. Smith}, \text{B. Jones} and \text{C. Lee} share 12 apples. How many does each get?",
    r"Boxes hold \text{A: } 3 balls, \text{B: } 4 balls and \text{C: } 5 balls. How many are there?",
    "Which of the intervals (0, a), (a, b) and (b, c) is the longest if a = 1, b = 3 and c = 4?",
    "Choose one of the intervals $[0, a)$, $[a, b)$, $[b, c)$.",
]


@pytest.mark.parametrize(
    ("question", "options"),
    [
        (AMC, AMC_OPTIONS),
        (AMC.replace("textbf", "mathrm").replace(r")}\ ", r") \ }"), AMC_OPTIONS),
        (AMC.replace(r"\textbf{(A)}", r"(\textbf{A})").replace(r"\textbf{(B)}", r"(\textbf{B})"), AMC_OPTIONS),
        (AMC.replace(r"\textbf{(A)}", "(A)"), AMC_OPTIONS),
        (r"Which is prime? \text{(A) 4} \text{(B) 7} \text{(C) 9}", THREE),
        ("Which is prime? (a) 4 (b) 7 (c) 9", THREE),
        (r"Which is prime? $(A)\ 4 \quad (B)\ 7 \quad (C)\ 9$", THREE),
        (r"Which is prime? $\text{A.}\ 4 \quad \text{B.}\ 7 \quad \text{C.}\ 9$", THREE),
        ("Which is prime? a) 4 b) 7 c) 9", THREE),
        ("Which is prime?\n\na. 4\nb. 7\nc. 9\n\nAnswer with the letter only.", THREE),
        ("Which is prime? A. 4 B. 7 C. 9", THREE),
        ("Which is prime?\n- **a)** 4\n- **b)** 7\n- **c)** 9", THREE),
        (r"Which is prime? $\text{(a)}\ 4 \quad \text{(b)}\ 7 \quad \text{(c)}\ 9$", THREE),
        ("The sum of 3 and 4 is __ (a) 4 (b) 7 (c) 9", THREE),
        ("3 + 4 =\n(a) 4\n(b) 7\n(c) 9", THREE),
        ("Choose the right one. a) 4 b) 7 c) 9", THREE),
        ("It is one of these options: (a) 4, (b) 7, (c) 9", THREE),
        ("Which is prime? A) 4 B) 7", {"A": "4", "B": "7"}),
    ],
)
def test_options_are_listed_by_capital_letters(question: str, options: dict[str, str]) -> None:
    assert listed(question) == options


@pytest.mark.parametrize("question", PARTS)
def test_parts_steps_conditions_and_names_are_no_options(question: str) -> None:
    assert not listed(question)


TEXTS = st.lists(st.from_regex(r"[0-9]{1,3}|[b-z]{3,9}( [d-z]{3,9})?", fullmatch=True), min_size=3, max_size=9)
LABELS = st.sampled_from(["({})", "{})", "{}."])
GAPS = st.sampled_from([" ", "\n", "\n\n"])


@given(TEXTS, LABELS, GAPS, st.booleans())
def test_any_list_that_is_asked_for_is_found_whole_and_without_a_letter_of_it_not_at_all(
    texts: list[str],
    label: str,
    gap: str,
    small: bool,  # noqa: FBT001 - drawn
) -> None:
    letters = ["abcdefghi"[place] if small else "ABCDEFGHI"[place] for place in range(len(texts))]
    items = [f"{label.format(letter)} {text}" for letter, text in zip(letters, texts, strict=True)]
    question = gap.join(["Which one of these?", *items])
    assert listed(question) == dict(zip("ABCDEFGHI", texts, strict=False))
    if small:
        assert not listed(gap.join(["Which one of these?", *items[1:]]))
        assert not listed(gap.join(["These are given.", *items]))
        assert not listed(f"{question}{gap}How many are there?")


@given(st.text(alphabet="aAbBcC().\\{}textbf$?=_ \n", max_size=200))
def test_labels_are_always_letters_in_order_from_a(text: str) -> None:
    labels = "".join(listed(text))
    assert len(labels) != 1
    assert "ABCDEFGHIJKLMNOPQRSTUVWXYZ".startswith(labels)


@pytest.mark.parametrize(
    ("question", "text", "expected"),
    [
        (AMC, r"So $\boxed{\textbf{(B)}}$.", "B"),
        (AMC, r"So $\boxed{\textbf{(B)}\ 7}$.", "B"),
        (AMC, r"So $\boxed{\textbf{(B) }7}$.", "B"),
        (AMC, r"So $\boxed{\text{B}}$.", "B"),
        (AMC, r"So $\boxed{(\textbf{B})}$.", "B"),
        (AMC, r"So $\boxed{7}$.", "B"),
        (AMC, r"So $\boxed{6}$.", "6"),
        ("Which is prime? a) 4 b) 7 c) 9", "b) 7", "B"),
        ("Which is prime? a) 4 b) 7 c) 9", "The answer is (b).", "B"),
        ("Which is prime? a) 4 b) 7 c) 9", "The answer is b) 7, as it has no divisors.", "B"),
        ("Which is prime? a) 4 b) 7 c) 9", "Reasoning at length. " * 20 + "The correct option is b).", "B"),
        ("Which is prime? a) 4 b) 7 c) 9", "Reasoning at length. " * 20 + "So option b is correct.", "B"),
        ("Which is prime? a) 4 b) 7 c) 9", r"\boxed{b}", "B"),
        ("Which is prime? A. 4 B. 7 C. 9", "B. 7", "B"),
        ("What about these? (a) 4 + 4 (b) 2 + 2 (c) 1 + 1", r"\boxed{(a) 8, (b) 4, (c) 2}", "(a)8,(b)4,(c)2"),
        ("What about these? a) 4 + 4 b) 2 + 2 c) 1 + 1", "a) 8\nb) 4\nc) 2", "2"),
    ],
)
def test_replies_choose_among_them_by_letter_or_by_text(key: Key, question: str, text: str, expected: str) -> None:
    assert key("auto", text, question) == expected
