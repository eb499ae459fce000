"""Plain numbers: found in prose, and read exactly."""

from __future__ import annotations

import re
from fractions import Fraction

_WINDOW = 240
"""Characters around the last digit of a text in which the last number is looked for."""

_MAX_WINDOWS = 16
"""How many stretches of digits that are no numbers are passed over from the end."""

_MAX_CHARACTERS = 200
_MAX_EXPONENT = 200
"""Bounds under which a number is written out; a longer one is compared as the expression that it is."""

_CHARACTERS = str.maketrans(
    {
        "\u2212": "-",  # minus sign
        "\u2010": "-",  # hyphen
        "\u2011": "-",  # non-breaking hyphen
        "\u2013": "-",  # en dash
        "\u00a0": " ",  # no-break space
        "\u202f": " ",  # narrow no-break space
        "\u2009": " ",  # thin space
        "\u00d7": r"\times ",
        "\u00b7": r"\cdot ",
        "\u22c5": r"\cdot ",
        "\u2044": "/",  # fraction slash
        "\u00bd": r"\frac{1}{2}",
        "\u00bc": r"\frac{1}{4}",
        "\u00be": r"\frac{3}{4}",
    }
)
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_SUPERSCRIPT = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]+")

_DIGIT = re.compile(r"\d", re.ASCII)
_TO_LAST_DIGIT = re.compile(r".*\d", re.ASCII | re.DOTALL)  # greedy: found from the end
_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?![\d])|\d+)"
_DECIMAL = rf"(?:{_DIGITS}(?:\.\d+)?|\.\d+)"
_FRACTION = r"\\[dtc]?frac\s?\{\s?-?\d+\s?\}\s?\{\s?-?\d+\s?\}"
_TENS = r"(?:\\times|\\cdot|[x*])\s*10\s?\^\s?(?:\{\s?[-+]?\d+\s?\}|[-+]?\d+)"

_IN_PROSE = re.compile(
    rf"""
    (?<![A-Za-z0-9_^])(?<![_^]\{{)              # not the 2 of H2O, m^2 or x_{{2}}
    (?:(?<![)\]}}])[-+])?(?:\\?[$€£¥]\s?)?[-+]?  # the minus of 5-3 isn't a sign
    (?:{_FRACTION}
      |\d+\s?{_FRACTION}
      |\d+\s\d+/\d+
      |{_DECIMAL}(?:\s?{_TENS}|[eE][-+]?\d+(?!\w)|\s?/\s?\d+(?:\.\d+)?(?![\d/])|\^(?:\{{-?\d+\}}|-?\d+))?
    )
    (?:\s?\\?%|\s(?:percent|thousand|million|billion|trillion)\b)?
    """,
    re.VERBOSE | re.ASCII,
)

_SCALES = {"%": Fraction(1, 100), "percent": Fraction(1, 100)} | {
    name: Fraction(1000) ** (place + 1) for place, name in enumerate(("thousand", "million", "billion", "trillion"))
}
_SCALED = re.compile(rf"(.*?)\s*\\?({'|'.join(_SCALES)})")

_SIGNED = rf"[-+]?{_DECIMAL}"
_GROUPED = re.compile(r"\d{1,3}(?: \d{3})+(?:\.\d+)?", re.ASCII)
_NUMBER = re.compile(rf"{_DECIMAL}\.?", re.ASCII)
_QUOTIENT = re.compile(
    rf"(?:(\d+)\s?)?\\frac\{{({_SIGNED})\}}\{{({_SIGNED})\}}|(?:(\d+)\s)?({_DECIMAL})/({_DECIMAL})", re.ASCII
)
_POWER = re.compile(
    rf"(?:({_DECIMAL})\s?(?:\\times|\\cdot|[x*])\s?)?({_DECIMAL})\^(?:\{{([-+]?\d+)\}}|([-+]?\d+))"
    rf"|({_DECIMAL})[eE]([-+]?\d+)",
    re.ASCII,
)


def last_number(text: str) -> str | None:
    """Return the last number of a text as it is written there, with its sign and percent sign; None if it has none.

    Digits that are part of a word or a unit (`H2O`, `m^2`) are not numbers.
    """
    if not _DIGIT.search(text):
        return None
    end = len(text)
    for _ in range(_MAX_WINDOWS):
        to_last = _TO_LAST_DIGIT.match(text, 0, end)
        if to_last is None:
            return None
        last = to_last.end() - 1
        start = max(0, last - _WINDOW)
        before = text[max(0, start - 2) : start]  # which tells whether the window begins within a word
        found = list(_IN_PROSE.finditer(before + plain(text[start : last + _WINDOW]), len(before)))
        if found:
            return found[-1].group().strip()
        end = start
    return None


def first_number(text: str) -> str | None:
    """Return the first number of a short text; None if it has none."""
    found = _IN_PROSE.search(plain(text[:_WINDOW]))
    return found.group().strip() if found else None


def plain(text: str) -> str:
    """Write Unicode's minus signs, spaces, fractions and superscripts as ASCII or LaTeX has them."""
    if text.isascii():
        return text
    text = text.translate(_CHARACTERS)
    return _SUPERSCRIPT.sub(lambda found: f"^{{{found.group().translate(_SUPERSCRIPTS)}}}", text)


def rational(text: str) -> Fraction | None:
    r"""Return the value of a text that is one number and nothing else; None if it is not, or is too long to write out.

    Reads `1,000`, `-0.50`, `5.`, `1/2`, `\frac{1}{2}`, `2 1/2`, `1.5e-3`, `1.5\times10^{-3}`, `2^{10}`, `50%` (which is
    1/2), `3 million`.
    """
    text = text.strip()
    if not text or len(text) > _MAX_CHARACTERS:
        return None
    if scaled := _SCALED.fullmatch(text):
        value = rational(scaled[1])
        return None if value is None else value * _SCALES[scaled[2]]
    sign, digits = (-1, text[1:]) if text[0] == "-" else (1, text.removeprefix("+"))
    value = _unsigned(digits.strip())
    return None if value is None else sign * value


def _unsigned(text: str) -> Fraction | None:
    if _NUMBER.fullmatch(text) or _GROUPED.fullmatch(text):
        return _decimal(text)
    if quotient := _QUOTIENT.fullmatch(text):
        whole, top, bottom = quotient.groups()[:3] if quotient[2] else quotient.groups()[3:]
        return _quotient(whole or "0", top, bottom)
    if power := _POWER.fullmatch(text):
        return _power(power)
    return None


def _decimal(text: str) -> Fraction:
    return Fraction(text.replace(",", "").replace(" ", "").rstrip("."))


def _quotient(whole: str, top: str, bottom: str) -> Fraction | None:
    divisor = _decimal(bottom)
    return Fraction(whole) + _decimal(top) / divisor if divisor else None


def _power(found: re.Match[str]) -> Fraction | None:
    """Return the value of `a*b^n` or `a e n`; None where it is too big to be written out."""
    factor, base = (found[5], "10") if found[5] else (found[1] or "1", found[2])
    exponent = int(found[6] or found[3] or found[4])
    value = _decimal(base)
    if abs(exponent) * len(base) > _MAX_EXPONENT or (value == 0 and exponent <= 0):
        return None
    return _decimal(factor) * value**exponent
