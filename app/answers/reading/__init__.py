"""How text is read: what extractors share to find and to normalise answers; every function is linear in its text."""

TAIL = 30_000
"""Characters at the end of a reply in which its box, or the phrase that announces its answer, is looked for."""
