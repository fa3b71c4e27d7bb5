"""A notification as an answer shows it, and the answer to an action on several of them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from api.answer import Answer
from api.caller import Caller
from api.faults import Fault, ParamWarning
from api.statuses import INVALID_PARAM
from models.audit import Actor
from models.notification_actions import Done

READERS = frozenset({"application", "employee"})
"""Who sees notifications and acts on them: they are about the house, not about one client's orders."""


def notification_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `models.notification_list` as JSON; instants in UTC."""
    return {name: _json(value) for name, value in row.items()}


def acting(caller: Caller, request_id: str) -> Actor:
    """The caller as the audit names it."""
    return Actor(caller.name, caller.application.slug, caller.idempotency_scope, request_id)


def answer_of(results: Sequence[Done], warnings: Sequence[ParamWarning], param: str) -> Answer:
    """What became of each; `invalid-param` when nothing could be done about any of them."""
    data = {"results": [{"id": one.id, "done": one.is_done, "message": _sentence(one)} for one in results]}
    refused = [one for one in results if not one.is_done]
    if len(refused) == len(results):
        hint = "Send even_if_sent as true if the mail is to go out all the same." if _asks(refused) else ""
        faults = [Fault(param, INVALID_PARAM, _sentence(one), hint) for one in refused]
        return Answer(INVALID_PARAM, f"Invalid: {param}.", data=data, errors=faults, warnings=warnings)
    told = [*warnings, *(ParamWarning(param, _sentence(one)) for one in refused)]
    number = len(results) - len(refused)
    message = "1 notification was dealt with." if number == 1 else f"{number} notifications were dealt with."
    return Answer(message=message, data=data, warnings=told)


def _asks(refused: Sequence[Done]) -> bool:
    return any(one.asks for one in refused)


def _sentence(one: Done) -> str:
    if one.message.startswith(("is ", "has ", "does ", "cannot ")):
        return f"Notification {one.id} {one.message}"
    return f"Notification {one.id}: {one.message}"


def _json(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {name: _json(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_json(each) for each in value]
    return value
