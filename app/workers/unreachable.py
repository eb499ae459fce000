"""Why a worker can't be reached, or isn't one, in words that don't tell where it is: clients may read them."""

from __future__ import annotations

import errno
import os
import socket
import ssl

from app.workers.refusal import KEY_REFUSED

MODELS = "/v1/models"
NOT_FOUND, REDIRECTS = (404, 405), range(300, 400)
UNTRUSTED = "is signed by nobody whom this machine trusts"
OTHER_NAME = "is for another name than the worker's address has"
CERTIFICATES = {
    10: "has expired",
    18: UNTRUSTED,
    19: UNTRUSTED,
    20: UNTRUSTED,
    21: UNTRUSTED,
    62: OTHER_NAME,
    64: OTHER_NAME,
}
"""What is wrong with a certificate, by OpenSSL's X509_V_ERR_*; its own words may hold the address."""


def why_no_connection(error: Exception, *, encrypted: bool = False) -> str:
    """Return why no connection could be made, or none that is `encrypted`."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its TLS certificate {CERTIFICATES.get(error.verify_code, 'is not accepted')}"
    if isinstance(error, ssl.SSLError) or (encrypted and isinstance(error, ConnectionResetError)):
        return "it speaks no TLS that is accepted; http:// may be meant"
    if isinstance(error, socket.gaierror):
        missing = error.errno in {socket.EAI_NONAME, socket.EAI_NODATA}
        return "its name is not found" if missing else "its name can't be looked up at the moment"
    if isinstance(error, TimeoutError):
        return "it didn't accept one in time"
    if isinstance(error, UnicodeError):
        return "its address is none"
    number = (error.errno if isinstance(error, OSError) else None) or 0
    return os.strerror(number).lower() if number in errno.errorcode else "the system gives no reason"


def why_no_document(status: int, url: str) -> str:
    """Return what to say of a small document at `url` that was answered with `status`."""
    told = f"answered with status {status}"
    if not url.endswith(MODELS):
        return told
    if status in KEY_REFUSED:
        return f"{told}: it doesn't take the gateway's key, which worker_api_key sets"
    if status in NOT_FOUND:
        return f"{told} to {MODELS}: a worker's address is that of a server with OpenAI's API, as http://HOST:PORT"
    if status in REDIRECTS:
        return f"{told}: it redirects, so give the address that it redirects to"
    return told
