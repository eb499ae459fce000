from __future__ import annotations

import pytest

from app.workers.refusal import MAX_MESSAGE, describe_refusal


def test_a_well_formed_error_is_quoted() -> None:
    body = b'{"error": {"message": "too long", "type": "BadRequestError", "param": "input_tokens", "code": "long"}}'
    error = describe_refusal(400, body)
    assert error.message == "the worker answered with status 400: too long"
    assert (error.worker_status, error.worker_code, error.param) == (400, "long", "input_tokens")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Traceback (most recent call last)</html>",
        b'{"detail": "Traceback"}',
        b'{"error": "Traceback"}',
        b'{"error": {"message": {"Traceback": 1}, "code": 400, "param": 3}}',
        b'{"error": {"message": ""}}',
        b'"\xff"',
        b'{"error": {"message": ' + b"[" * 30_000 + b"]" * 30_000 + b"}}",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_whatever_else_a_server_says_is_not_quoted(body: bytes) -> None:
    error = describe_refusal(500, body)
    assert error.message == "the worker answered with status 500: no reason given"
    assert (error.worker_code, error.param) == (None, None)


def test_a_long_message_is_cut() -> None:
    error = describe_refusal(400, b'{"error": {"message": "' + b"x" * 9_999 + b'"}}')
    assert len(error.message) < MAX_MESSAGE + 100


@pytest.mark.parametrize("status", [401, 403])
def test_what_is_said_of_the_gateways_own_key_is_not_told(status: int) -> None:
    error = describe_refusal(status, b'{"error": {"message": "invalid key sk-123", "code": "invalid_api_key"}}')
    assert "sk-123" not in error.message
    assert "the gateway's key" in error.message
