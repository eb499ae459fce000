"""What `quorum demo --programs` asks: small functions with hidden tests, under strategies that use them differently."""

from __future__ import annotations

from app.demo.plan import Question, Way

ROUNDS = 6
MAX_TOKENS = 80


def _task(
    signature: str, does: str, public: list[tuple[object, object]], hidden: list[tuple[object, object]]
) -> Question:
    """Return the task of writing a function of one parameter; a test is an argument and what the function returns."""
    name = signature.partition("(")[0]
    return Question(
        title=name,
        text=f"Write a Python function {signature} that returns {does}. Answer with the code only.",
        known=f"{len(public)} public and {len(hidden)} hidden tests",
        verifier={
            "type": "tests",
            "entry_point": name,
            "public": [{"args": [argument], "expected": expected} for argument, expected in public],
            "hidden": [{"args": [argument], "expected": expected} for argument, expected in hidden],
            "hidden_feedback": "count",
        },
        max_tokens=MAX_TOKENS,
    )


TASKS = (
    _task("double(n)", "n multiplied by 2", [(3, 6)], [(0, 0), (-4, -8), (50, 100)]),
    _task("is_odd(n)", "True if n is odd and False otherwise", [(3, True)], [(0, False), (-7, True), (10, False)]),
    _task("last(items)", "the last item of a list", [([1, 2, 3], 3)], [([5], 5), (["a", "b"], "b"), ([9, 0], 0)]),
    _task(
        "shout(text)",
        "the text in upper case with one exclamation mark at its end",
        [("hello", "HELLO!")],
        [("a", "A!"), ("Hi you", "HI YOU!"), ("", "!")],
    ),
    _task(
        "count_vowels(text)",
        "how many of its letters are vowels",
        [("banana", 3)],
        [("", 0), ("xyz", 0), ("Education", 5)],
    ),
    _task("factorial(n)", "the factorial of n", [(4, 24)], [(0, 1), (1, 1), (6, 720)]),
)

WAYS = (
    Way(
        name="sequential-6, told",
        spec={"type": "sequential", "rounds": ROUNDS, "aggregator": "best_of", "context": {"feedback": "detail"}},
        hint="Each round reads the earlier programs and which tests they failed.",
        verified=True,
    ),
    Way(
        name="sequential-6, untold",
        spec={"type": "sequential", "rounds": ROUNDS, "aggregator": "best_of", "context": {"feedback": "none"}},
        hint="The same without a word of the tests.",
        verified=True,
    ),
    Way(
        name="parallel-6",
        spec={"type": "parallel", "n": ROUNDS, "aggregator": "best_of"},
        hint="Six programs that know nothing of each other; the tests only choose.",
        verified=True,
    ),
    Way(
        name="reject-6",
        spec={
            "type": "reject",
            "max_attempts": ROUNDS,
            "aggregator": "best_of",
            "context": {"feedback": "detail"},
        },
        hint="As the first, and told to do something genuinely different.",
        verified=True,
    ),
)
"""All choose by the tests' score and end at the first program that passes them all: only the drawing differs."""
