"""Quorum: an OpenAI-compatible front door that spends test-time compute on purpose."""
