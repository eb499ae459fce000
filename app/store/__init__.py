"""Stores: where runs are kept; one protocol, one file an implementation."""
