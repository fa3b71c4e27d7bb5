"""The one table of statuses: every word that `status` can hold in an answer, and its HTTP code.

The answers, the documentation page and `openapi.json` are made from this table, so a status that is not
here cannot be answered. Codes and names are those of the source document; those marked `addition` are
ours, for failures which it has no word for (contract.md section 3). Two codes are unusual on purpose:
an unknown path is 500, and so is a mail that could not be sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

ACTION_SUCCESSFUL: Final = "action-successful"
INVALID_TOKEN: Final = "invalid-token"  # noqa: S105 - the name of a status
SESSION_EXPIRED: Final = "session-expired"
CLIENT_REQUIRED: Final = "client-required"
MISSING_PARAM: Final = "missing-param"
INVALID_PARAM: Final = "invalid-param"
APPLICATION_CRASH: Final = "application-crash"
MANDRILL_EMAIL_FAILED: Final = "mandrill-email-failed"
INVALID_CONTENT_TYPE: Final = "invalid-content-type"
ROUTE_NON_EXISTENT: Final = "route-non-existent"
NO_PARAMS_DECODED: Final = "no-params-decoded"
INVALID_ENCODED_PARAMS: Final = "invalid-encoded-params"
ROUTE_NOT_FOUND: Final = "route-not-found"
IDENTIFY_REQUEST_ERROR: Final = "identify-request-error"
SERVICE_NOT_FOUND: Final = "service-not-found"
PERMISSION_DENIED: Final = "permission-denied"
STALE_UPDATE: Final = "stale-update"
RATE_LIMIT_EXCEEDED: Final = "rate-limit-exceeded"
REQUEST_TOO_LARGE: Final = "request-too-large"
INVALID_CREDENTIALS: Final = "invalid-credentials"


@dataclass(frozen=True, slots=True)
class Status:
    """One row of the table.

    `code` is the HTTP status code. `uncommon` puts the row under the documentation page's second
    heading; `addition` says that the source document does not know the status.
    """

    slug: str
    code: int
    description: str
    uncommon: bool = False
    addition: bool = False

    @property
    def successful(self) -> bool:
        """Whether the request was carried out."""
        return self.code < 400


# In the order of the source document, then ours.
STATUSES: Final[tuple[Status, ...]] = (
    Status(
        ACTION_SUCCESSFUL,
        200,
        "The request was carried out. Whatever it returns is under `data`.",
    ),
    Status(
        INVALID_TOKEN,
        401,
        "The token is unknown, malformed or revoked, or the body and the Authorization header carry "
        "different tokens.",
    ),
    Status(
        SESSION_EXPIRED,
        401,
        "The session was opened more than seven days ago, or has not been used for 72 hours; the person "
        "has to sign in again. Sessions opened with `remember_me` do not expire, and application tokens "
        "are revoked rather than left to expire.",
    ),
    Status(
        CLIENT_REQUIRED,
        401,
        "The session is valid, but its user is not a client, an employee or a liaison, and so has no role "
        "to act in. The answer still carries `session` with its token, and `data.register_path` names "
        "the route on which the user can register as a client.",
    ),
    Status(
        MISSING_PARAM,
        400,
        "A required parameter was absent, null or blank. `errors` names it, together with every other "
        "fault of the request.",
    ),
    Status(
        INVALID_PARAM,
        400,
        "A parameter has the wrong type or format, or refers to something that does not exist or that the "
        "caller may not see. `errors` lists every fault, each with a hint.",
    ),
    Status(
        APPLICATION_CRASH,
        500,
        "Something unexpected went wrong on the server. What had been begun was undone and the developers "
        "have been told; try again later, with the same uuid, and quote `request_id` when you report it.",
    ),
    Status(
        MANDRILL_EMAIL_FAILED,
        500,
        "A mail could not be sent through Mandrill. The record itself is saved and stands in `data`. A "
        "notification tells the developers which mail it was and why it failed, usually something in the "
        "data; they can send it again from there.",
    ),
    Status(
        INVALID_CONTENT_TYPE,
        400,
        "The Content-Type header announces something else than the route takes, so the parameters were not read. "
        "Send `Content-Type: application/json`; with the base64 text of a route with sensitive parameters, "
        "`Content-Type: text/plain`. A compressed body (`Content-Encoding`) is not read either.",
    ),
    Status(
        ROUTE_NON_EXISTENT,
        500,
        "There is no such path, or the path does not answer to this HTTP method.",
    ),
    Status(
        NO_PARAMS_DECODED,
        400,
        "The body could be read but held no parameters: it was empty, `{}`, or JSON other than an object.",
        uncommon=True,
    ),
    Status(
        INVALID_ENCODED_PARAMS,
        400,
        "The body could not be decoded: the JSON is malformed, the body ended before its Content-Length, or a route "
        "with sensitive parameters got a body that is not the base64 form of a JSON object.",
        uncommon=True,
    ),
    Status(
        ROUTE_NOT_FOUND,
        500,
        "The route is known, but its record is marked as not deployed.",
        uncommon=True,
    ),
    Status(
        IDENTIFY_REQUEST_ERROR,
        500,
        "Something unexpected went wrong before the route was identified. Try again later, and quote "
        "`request_id` when you report it.",
        uncommon=True,
    ),
    Status(
        SERVICE_NOT_FOUND,
        500,
        "The service that this route belongs to is marked as not deployed.",
        uncommon=True,
    ),
    Status(
        PERMISSION_DENIED,
        403,
        "The caller is known, but none of the caller's roles in this application may do this.",
        addition=True,
    ),
    Status(
        STALE_UPDATE,
        409,
        "The record was changed after the `updated_at_mt` of this request, so nothing was changed. It stands in "
        "`data.appointment`, and `data.differences` lists each field that this request would have changed, with both "
        "values. Take over what is newer, and send the change again with a new `updated_at_mt`.",
        addition=True,
    ),
    Status(
        RATE_LIMIT_EXCEEDED,
        429,
        "Too many requests. Wait as many seconds as the Retry-After header says, then try again.",
        addition=True,
    ),
    Status(
        REQUEST_TOO_LARGE,
        413,
        "The body is larger than 256 KB and was not read.",
        addition=True,
    ),
    Status(
        INVALID_CREDENTIALS,
        401,
        "Nobody was logged in: there is no user of this e-mail address, or the password is another one. Which "
        "of the two is not told.",
        addition=True,
    ),
)

STATUS: Final[Mapping[str, Status]] = MappingProxyType({status.slug: status for status in STATUSES})
"""The table by slug. An unknown slug is a KeyError: a status has to be declared before it is answered."""
