"""The envelope: the one shape of every answer (contract.md section 1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import Response
from pydantic_core import to_json

from api.faults import Fault, ParamWarning, Refusal
from api.statuses import ACTION_SUCCESSFUL, STATUS


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with. `status` is a slug of the table; its HTTP code follows from it.

    `session` is the caller's session as JSON, present only when it was asked for or must be told.
    """

    status: str = ACTION_SUCCESSFUL
    message: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    session: dict[str, Any] | None = field(default=None, repr=False)
    errors: Sequence[Fault] = ()
    warnings: Sequence[ParamWarning] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


def refusal_answer(refusal: Refusal, errors: Sequence[Fault] = ()) -> Answer:
    """A refusal as an answer; one that is about no parameter still says how to mend it, under `errors`."""
    if not errors and refusal.hint:
        errors = (Fault("", refusal.status, refusal.message, refusal.hint),)
    return Answer(refusal.status, refusal.message, errors=errors)


class JsonResponse(Response):
    """An answer as it goes out. `slug` is its status in the table, for whoever counts answers."""

    slug = ""


def to_response(answer: Answer, request_id: str) -> JsonResponse:
    """The answer as it goes out: JSON, never stored by a cache, with the request's id in a header too."""
    code = STATUS[answer.status].code
    envelope: dict[str, Any] = {
        "code": code,
        "status": answer.status,
        "message": answer.message,
        "data": answer.data,
        "errors": [_error(fault) for fault in answer.errors],
        "warnings": [warning.to_json() for warning in answer.warnings],
        "request_id": request_id,
    }
    if answer.session is not None:
        envelope["session"] = answer.session
    headers = {"X-Request-Id": request_id, "Cache-Control": "no-store", **answer.headers}
    response = JsonResponse(to_json(envelope), code, headers, mimetype="application/json")
    response.slug = answer.status
    return response


def _error(fault: Fault) -> dict[str, str | None]:
    shown: dict[str, str | None] = {**fault.to_json()}
    shown["param"] = fault.param or None
    return shown
