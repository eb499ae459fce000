"""How text is read: what extractors share to find and to normalise answers; every function is linear in its text."""
