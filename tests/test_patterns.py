from __future__ import annotations

import pytest

from app.patterns import PatternError, compiled


def test_a_pattern_finds_bytes() -> None:
    pattern = compiled(r"(b)(c)?")
    found = pattern.search(b"abcab")
    assert found is not None
    assert (found.start(), found.end(), found.group(), found.group(1)) == (1, 3, b"bc", b"b")
    assert [match.start() for match in pattern.finditer(b"abcab", 2)] == [4]
    assert (pattern.groups, pattern.programsize > 0) == (2, True)


@pytest.mark.parametrize(
    ("pattern", "reason"), [("(", "missing )"), ("(?=x)", "invalid perl operator"), ("a**", "bad")]
)
def test_what_cannot_run_is_refused_in_the_words_of_re2_and_nothing_is_printed(
    capfd: pytest.CaptureFixture[str], pattern: str, reason: str
) -> None:
    with pytest.raises(PatternError, match="not a regular expression that RE2 can run") as refused:
        compiled(pattern)
    assert refused.value.reason.startswith(reason)
    assert capfd.readouterr() == ("", "")


def test_a_pattern_gets_no_more_memory_than_it_may_have() -> None:
    assert compiled(r"\pL{50}").programsize > 1_000
    with pytest.raises(PatternError, match="pattern too large"):
        compiled(r"\pL{50}", max_memory=64 * 2**10)


def test_a_text_without_utf_8_is_no_pattern() -> None:
    with pytest.raises(UnicodeError):
        compiled("\ud800")
