"""Finding the program in what a model wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.answers.reading.fences import fenced_blocks
from app.verifiers.tests.pieces import Piece, unfenced, unprompted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.answers.reading.fences import Block

_PYTHON = frozenset({"py", "python", "python3", "py3", "pycon"})
_NOT_CODE = frozenset({"text", "txt", "plaintext", "output", "console", "markdown", "md", "log", "shell-session"})
_LANGUAGES = {
    "js": ("javascript", "node", "nodejs"),
    "mjs": ("javascript", "js", "node", "nodejs"),
    "ts": ("typescript",),
    "py": tuple(_PYTHON),
    "rb": ("ruby",),
    "rs": ("rust",),
    "go": ("golang",),
    "cc": ("cpp", "c++", "cxx"),
    "cpp": ("c++", "cc", "cxx"),
    "pl": ("perl",),
    "sh": ("bash", "shell", "zsh"),
    "hs": ("haskell",),
    "kt": ("kotlin",),
}
"""What blocks may be tagged as, besides the ending of the file that holds them."""


def find_python(text: str, entry_point: str | None) -> str | None:
    """Return the Python program in `text`; None where there is none.

    Of fenced blocks it is the last that defines the entry point with a body, or else, where there is none, reads
    standard input, prints, defines a function or a class, or does anything. What it needs and another block defines
    comes along, and nothing else of that block. Without a fence it is the code between the lines of prose, chosen
    alike, which must define the entry point.
    """
    blocks = [block for block in fenced_blocks(text) if block.code.strip()]
    if blocks:
        pieces = [Piece(unprompted(block.code)) for block in _python_blocks(blocks)]
        chosen = _chosen(pieces, entry_point)
    else:
        pieces = unfenced(text)
        chosen = _chosen_unfenced(pieces, entry_point)
    return None if chosen is None else _completed(pieces, chosen, called=entry_point is not None)


def find_any(text: str, file: str) -> str | None:
    """Return the program in `text` that belongs into a file of this name; None where there is none.

    It is the last fenced block that is tagged with the file's language, or else the last that isn't tagged as text, or,
    where nothing is fenced, the whole text.
    """
    blocks = [block for block in fenced_blocks(text) if block.code.strip()]
    if not blocks:
        return text.strip("\n") if text.strip() else None
    ending = file.rpartition(".")[2].lower()
    tags = {ending, *_LANGUAGES.get(ending, ())}
    tagged = [block for block in blocks if block.language in tags]
    programs = [block for block in blocks if block.language not in _NOT_CODE]
    return (tagged or programs or blocks)[-1].code


def _python_blocks(blocks: Sequence[Block]) -> list[Block]:
    """Return the blocks that may be Python: those that say so and those that say nothing, or else all but text."""
    said = [block for block in blocks if block.language in _PYTHON or not block.language]
    return said or [block for block in blocks if block.language not in _NOT_CODE]


def _chosen(pieces: Sequence[Piece], entry_point: str | None) -> Piece | None:
    own = [piece for piece in pieces if entry_point and piece.defines(entry_point)]
    groups = (
        [piece for piece in own if entry_point and not piece.is_stub_of(entry_point)],
        own,
        [piece for piece in pieces if not entry_point and piece.reads],
        [piece for piece in pieces if not entry_point and piece.prints],
        [piece for piece in pieces if piece.defines_something],
        [piece for piece in pieces if piece.acts],
        [piece for piece in pieces if piece.module is None],
    )
    return next((group[-1] for group in groups if group), None)


def _chosen_unfenced(pieces: Sequence[Piece], entry_point: str | None) -> Piece | None:
    if entry_point is not None:
        return next((piece for piece in reversed(pieces) if piece.defines(entry_point)), None)
    defining = [piece for piece in pieces if piece.defines_something]
    acting = [piece for piece in pieces if piece.acts]
    return max(defining or acting, key=lambda piece: len(piece.code), default=None)


def _completed(pieces: Sequence[Piece], chosen: Piece, *, called: bool) -> str:
    """Return the chosen piece with what it needs of the others, in their order.

    A name is looked for in the pieces before it, the latest first, and then in those behind it. Where it isn't `called`
    and only defines things, the pieces behind it that call them come along.
    """
    place = next(number for number, piece in enumerate(pieces) if piece is chosen)
    places = {
        name: (number, found)
        for number in (*reversed(range(place + 1, len(pieces))), *range(place))
        for name, found in pieces[number].places.items()
    }
    taken: set[tuple[int, int]] = set()
    wanted, known = set(chosen.needs), set[str]()
    while wanted:
        name = wanted.pop()
        known.add(name)
        if name in places:
            taken.add(places[name])
            number, found = places[name]
            wanted |= pieces[number].definitions[found].needs - known
    prepared = [(number, -1) for number in range(place) if pieces[number].prepares]
    before = [
        pieces[piece].definitions[n].source if n >= 0 else pieces[piece].code
        for piece, n in sorted([*prepared, *(one for one in taken if not pieces[one[0]].prepares)])
        if piece < place
    ]
    behind = [pieces[piece].definitions[n].source for piece, n in sorted(taken) if piece > place]
    calls = [
        one.code for one in pieces[place + 1 :] if one.only_calls and one.needs and one.needs <= set(chosen.places)
    ]
    return "\n\n".join([*before, chosen.code, *behind, *(calls if chosen.only_defines and not called else [])])
