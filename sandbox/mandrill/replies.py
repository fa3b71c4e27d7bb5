"""Whole HTTP answers of the API: errors in Mandrill's form, and the faults that are such an answer."""

from dataclasses import dataclass, replace

from sandbox.mandrill.faults import Fault
from sandbox.mandrill.wire import WireError, error_body, invalid_key

_HTML = "text/html; charset=utf-8"
_JSON = "application/json; charset=utf-8"
_LEGACY = (400, 401, 404, 422)
"""What was 500 until Mandrill gave its errors statuses of their own, in February to July 2023."""


@dataclass(frozen=True, slots=True)
class Reply:
    http_status: int
    body: bytes
    content_type: str | None = _JSON
    retry_after_s: int | None = None

    def as_of(self, *, legacy: bool) -> "Reply":
        """With the status of before 2023, if wanted. Only for errors."""
        return replace(self, http_status=500) if legacy and self.http_status in _LEGACY else self


def refusal_of(error: WireError, *, legacy: bool = False) -> Reply:
    return Reply(error.http_status, error.body()).as_of(legacy=legacy)


_REPLIES = {
    "401": refusal_of(invalid_key()),
    "402": Reply(402, error_body(10, "PaymentRequired", "The account has no positive balance")),
    "404-template": Reply(404, error_body(5, "Unknown_Template", "There is no such template")),
    "422": Reply(422, error_body(-2, "ValidationError", "The parameters of the request are not valid")),
    "429": Reply(429, error_body(429, "RequestLimitExceeded", "Too many requests")),
    "503": Reply(503, error_body(-2, "ServiceUnavailable", "The service is unavailable for the moment")),
    "500-json": Reply(500, error_body(-1, "GeneralError", "An unexpected error occurred")),
    "500-html": Reply(500, b"<html><body><h1>500 Internal Server Error</h1></body></html>", _HTML),
    "500-text": Reply(500, b"Invalid API key", "text/plain; charset=utf-8"),
    "500-broken": Reply(500, error_body(-1, "GeneralError", "An unexpected error occurred")[:-20]),
    "502-empty": Reply(502, b"", _HTML),
    "504-untyped": Reply(504, b"upstream request timeout", None),
    "200-html": Reply(200, b"<html><body><p>Please wait while you are redirected.</p></body></html>", _HTML),
    "200-empty": Reply(200, b"[]"),
}


def reply_of_fault(fault: Fault, *, legacy: bool = False) -> Reply | None:
    """The answer of the faults that are always the same one; None for the others."""
    reply = _REPLIES.get(fault.name.removesuffix("-after"))
    if reply is not None and fault.name == "429":
        return replace(reply, retry_after_s=fault.number)
    return None if reply is None else reply.as_of(legacy=legacy)
