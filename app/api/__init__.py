"""The HTTP surface: the only package that knows of it."""
