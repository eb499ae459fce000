"""The server's configuration: `quorum.toml`, `QUORUM_*` environment variables and flags, later ones winning.

A nested key is written with two underscores in the environment: `QUORUM_LIMITS__MAX_CANDIDATES=32`. Every key, its
default and its meaning stand in docs/configuration.md and, as an example, in deploy/quorum.example.toml.
"""
