"""Every way in which Quorum fails, as one tree; each class owns its HTTP status and code.

    QuorumError
      ├─ InvalidRequestError     400 invalid_request
      │    ├─ InvalidStrategyError   400 invalid_strategy
      │    ├─ BudgetTooSmallError    400 budget_too_small
      │    └─ RequestTooLargeError   413 request_too_large
      ├─ InvalidKeyError         401 invalid_api_key
      ├─ ForbiddenError          403 forbidden: the admin API is closed to whoever asks
      ├─ NotFoundError           404 not_found
      │    └─ ModelNotFoundError     404 model_not_found
      ├─ ConflictError           409 conflict: what is asked for doesn't go with what is there
      ├─ WorkerRefusedError      the worker's own 4xx
      ├─ AllCandidatesFailedError    502 all_candidates_failed
      ├─ UnavailableError        503
      │    ├─ NoWorkerError          503 no_worker
      │    ├─ OverloadedError        503 overloaded: too many requests wait for the model
      │    └─ StoppingError          503 unavailable: the server is ending
      │         └─ DrainingError         503 draining: what /readyz says of that
      ├─ DeadlineExceededError   504 deadline_exceeded
      ├─ SandboxError            500 sandbox_failed: a program could not be run, whatever it is
      │    ├─ SandboxUnavailableError    there is nothing here that can isolate a program
      │    │    └─ SandboxDownError          503 sandbox_unavailable: the remote one can't be reached now
      │    └─ SandboxBusyError           503 overloaded: too many programs wait for their turn
      ├─ InquiryError            a model was asked beside the candidates, and there is no answer: seen by verifiers and
      │                          aggregators, which make a verdict or a fallback of it
      ├─ WebhookError            a caller's own service gave no verdict: seen by the verifier that asked it
      └─ CandidateError          one candidate's failure; siblings go on, so it never reaches a client as such
           ├─ WorkerStatusError      the worker answered with an error status
           ├─ WorkerUnreachableError no connection to the worker
           │    └─ NoConnectionLeftError  as this machine can open no more of them
           ├─ WorkerCutError         the connection broke before the answer's end
           ├─ WorkerStalledError     no bytes for longer than the idle time-out
           └─ WorkerGarbageError     an answer that is not the protocol's, or ends without a `finish_reason`

Two parts raise errors of their own, drawn where they live: `app.offload` (a process died or is not to be had) and
`app.workers.embedded` (the embedded worker doesn't start).

`app.api.failures` is the one place where they become responses.
"""

from __future__ import annotations

from typing import ClassVar

NOT_THERE = frozenset({401, 403, 404, 408, 429, 503})
"""What a worker answers that doesn't take a request, without any word on whether the request is right."""

CLIENT_ERRORS = range(400, 500)
"""HTTP's statuses that say that the request is wrong."""


class QuorumError(Exception):
    """A failure with a message that says what to change.

    `param` is the path of the field at fault, as `strategy.n`; `retry_after_s` becomes the header of that name.
    """

    status: int = 500
    type: ClassVar[str] = "server_error"
    code: str | None = "internal_error"

    def __init__(self, message: str, *, param: str | None = None, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s


class InvalidRequestError(QuorumError):
    """The request can't be read or contradicts itself."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_request"


class InvalidStrategyError(InvalidRequestError):
    """The strategy, or a part of it, is not one that Quorum knows or can run."""

    code = "invalid_strategy"


class BudgetTooSmallError(InvalidRequestError):
    """Not even one candidate fits into the budget."""

    code = "budget_too_small"


class RequestTooLargeError(InvalidRequestError):
    """The body or its messages are over the server's limit."""

    status = 413
    code = "request_too_large"


class InvalidKeyError(QuorumError):
    """The API key is missing or unknown."""

    status = 401
    type = "authentication_error"
    code = "invalid_api_key"


class ForbiddenError(QuorumError):
    """This server doesn't do that for whoever asks; the message says what would have to be configured."""

    status = 403
    type = "permission_error"
    code = "forbidden"


class NotFoundError(QuorumError):
    """There is nothing under this name."""

    status = 404
    type = "invalid_request_error"
    code = "not_found"


class ModelNotFoundError(NotFoundError):
    """No worker serves the model."""

    code = "model_not_found"


class ConflictError(QuorumError):
    """What is asked for doesn't go with what is there; the message says what to do first."""

    status = 409
    type = "invalid_request_error"
    code = "conflict"


class WorkerRefusedError(QuorumError):
    """The worker said that the request itself is wrong: its status, message, code and param are passed on."""

    type = "invalid_request_error"

    def __init__(self, message: str, *, status: int, code: str | None, param: str | None = None) -> None:
        super().__init__(message, param=param)
        self.status = status
        self.code = code


class AllCandidatesFailedError(QuorumError):
    """Fewer candidates than needed came to an end; the message lists each cause."""

    status = 502
    code = "all_candidates_failed"


class UnavailableError(QuorumError):
    """The request can't be served now; trying again later may help."""

    status = 503
    code = "unavailable"


class NoWorkerError(UnavailableError):
    """No worker can serve at the moment."""

    code = "no_worker"


class OverloadedError(UnavailableError):
    """Too many requests wait for the model, or this one has waited as long as it may."""

    code = "overloaded"


class StoppingError(UnavailableError):
    """The server is ending; its connection is closed with this answer."""

    def __init__(self, message: str = "the server is stopping; send the request again") -> None:
        super().__init__(message, retry_after_s=5)


class DrainingError(StoppingError):
    """The server is not ready any more, as it is ending."""

    code = "draining"


class DeadlineExceededError(QuorumError):
    """Nothing finished in time."""

    status = 504
    code = "deadline_exceeded"


class SandboxError(QuorumError):
    """The sandbox itself failed; it says nothing about the program that was to run in it."""

    code = "sandbox_failed"


class SandboxUnavailableError(SandboxError):
    """Programs can't be isolated on this server, so none is run; the message says what is missing."""

    code = "sandbox_unavailable"


class SandboxDownError(SandboxUnavailableError):
    """The remote sandbox can't be reached at the moment."""

    status = 503


class SandboxBusyError(SandboxError):
    """Too many programs wait for a sandbox already."""

    status = 503
    code = "overloaded"


class InquiryError(QuorumError):
    """A judge, or another model that was asked beside the candidates, gave no answer; the message says why."""

    status = 502
    code = "inquiry_failed"


class WebhookError(QuorumError):
    """A webhook gave no answer that is one; the message says why. `passing`: another try may bring one."""

    status = 502
    code = "webhook_failed"

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


class CandidateError(QuorumError):
    """One candidate failed; the others decide."""

    status = 502
    code = "candidate_failed"


class WorkerStatusError(CandidateError):
    """The worker answered with an error status, or sent an error in its stream.

    `worker_status` is that status; `worker_code` and `param` come from OpenAI's error object, where there was one.
    """

    def __init__(self, message: str, *, worker_status: int, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message, param=param)
        self.worker_status = worker_status
        self.worker_code = code

    @property
    def workers_fault(self) -> bool:
        """Whether the worker can't serve now, and another one may; otherwise it refuses the request as wrong."""
        return self.worker_status >= 500  # noqa: PLR2004 - HTTP's server errors

    @property
    def unknown_there(self) -> bool:
        """Whether the worker has no such model, or no such path, though it was chosen for listing the model."""
        return self.worker_status == 404  # noqa: PLR2004 - HTTP's "not found"

    @property
    def not_there(self) -> bool:
        """Whether the worker doesn't take the request, though neither it is ill nor the request wrong.

        It wants another key, is full, doesn't have the model, or has lost its patience with the request's arrival.
        """
        return self.worker_status in NOT_THERE

    @property
    def others_may_serve(self) -> bool:
        """Whether the request may be right for another worker, as no 4xx says that it is wrong."""
        return self.not_there or self.worker_status not in CLIENT_ERRORS


class WorkerUnreachableError(CandidateError):
    """No connection to the worker could be made."""

    code = "worker_unreachable"


class NoConnectionLeftError(WorkerUnreachableError):
    """This machine can open no more connections, whoever they lead to: it says nothing about the worker."""


class WorkerCutError(CandidateError):
    """The connection broke before the answer had come to its end."""


class WorkerStalledError(CandidateError):
    """The worker sent nothing for longer than the idle time-out."""


class WorkerGarbageError(CandidateError):
    """What the worker sent is not the protocol, or ended without a `finish_reason`."""
