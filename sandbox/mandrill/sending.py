"""One request to send: read, matched with its fault, recorded, and what is to be answered.

Nothing here touches the connection; the mail and the attempt are in the store when `accept` returns.
"""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_json

from sandbox.mandrill.account_calls import template_of
from sandbox.mandrill.faults import ENTRY_FAULTS, Fault, UnknownFaultError, fault_in_key
from sandbox.mandrill.parts import Parts
from sandbox.mandrill.raw_message import message_of_raw
from sandbox.mandrill.rendering import fill_regions, fill_variables, variables_of
from sandbox.mandrill.replies import Reply, refusal_of, reply_of_fault
from sandbox.mandrill.store import MAIL_ID_LENGTH, Attempt, recipient_id
from sandbox.mandrill.wire import (
    Recipient,
    SendRequest,
    WireError,
    claimed_send_id,
    entry_of,
    invalid,
    invalid_key,
    read_request,
    read_send,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The reply of a request that meets no fault, and the fault that it is to meet instead, if any."""

    reply: Reply
    fault: Fault | None


def accept(parts: Parts, call: str, body: bytes) -> Verdict:
    """Raises `WireError` for what is refused, after the attempt was recorded."""
    now = time.time()
    request: dict[str, Any] = {}
    try:
        request = read_request(body)
        key_fault = fault_in_key(request["key"])
        if key_fault is not None and key_fault.name == "401":
            raise invalid_key()
        send = _read(parts, call, request, now=now)
        fault, met_by = _fault_of(parts, call, send, key_fault)
    except WireError as error:
        refused = Attempt(
            at=now,
            send_id=claimed_send_id(request),
            addresses=[],
            subject="",
            fault=None,
            outcome=f"refused: {error.name}",
            http_status=refusal_of(error, legacy=parts.behaviour.legacy_status).http_status,
        )
        parts.store.record(refused)
        parts.changed()
        raise
    mail_id = secrets.token_hex(MAIL_ID_LENGTH // 2)
    entries = [
        _met(entry_of(send, each, recipient_id(mail_id, index)), met_by.get(each))
        for index, each in enumerate(send.recipients)
    ]
    outcome, http_status = _outcome(fault, entries, legacy=parts.behaviour.legacy_status)
    attempt = Attempt(
        at=now,
        send_id=send.send_id,
        addresses=send.addresses(),
        subject=send.subject,
        fault=None if fault is None else str(fault),
        outcome=outcome,
        http_status=http_status,
    )
    if fault is None or fault.recorded:
        stored = [
            _stored(entry, each, met_by.get(each))
            for entry, each in zip(entries, send.recipients, strict=True)
        ]
        parts.store.record(attempt, mail_id=mail_id, send=send, entries=stored)
        # Without a webhook nobody is told, so nothing is noted but what changes the mail's own state.
        if parts.account.webhooks or any("late" in entry for entry in stored):
            mail = parts.store.mail(mail_id)
            if mail is not None:
                parts.courier.follow_acceptance(mail)
    else:
        parts.store.record(attempt)
    parts.changed()
    if fault is not None and fault.name == "200-short":
        return Verdict(Reply(200, to_json(entries[:-1])), None)
    shown = None if fault is None or fault.name in ENTRY_FAULTS else fault
    return Verdict(Reply(200, to_json(entries)), shown)


def _read(parts: Parts, call: str, request: Mapping[str, Any], *, now: float) -> SendRequest:
    """The mail in the form that its call takes. Raises `WireError`."""
    at = datetime.fromtimestamp(now, UTC)
    if call == "messages/send-raw":
        return read_send(request, now=at, message=message_of_raw(request), call=call)
    if call == "messages/send-template":
        template = template_of(parts, request.get("template_name"), field="template_name")
        message = _rendered(template, request)
        return read_send(request, now=at, message=message, call=call, template=template["slug"])
    return read_send(request, now=at)


def _rendered(template: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    contents, message = request.get("template_content"), request.get("message")
    if not isinstance(contents, list):
        raise invalid("template_content: please give an array; it may be empty")
    if not isinstance(message, dict):
        raise invalid("message: please give the message as an object")
    regions = {
        each["name"]: str(each.get("content") or "")
        for each in contents
        if isinstance(each, dict) and isinstance(each.get("name"), str)
    }
    language = message.get("merge_language") or "mailchimp"
    if language not in ("mailchimp", "handlebars"):
        raise invalid("message.merge_language: please give mailchimp or handlebars")
    variables = variables_of(message.get("global_merge_vars"))
    merged, recipients = message.get("merge_vars"), message.get("to")
    for each in merged if isinstance(merged, list) else []:
        # One text is kept for all recipients: that of a single one may have his own variables.
        if isinstance(each, dict) and isinstance(recipients, list) and len(recipients) == 1:
            variables.update(variables_of(each.get("vars")))
    texts = {
        field: template.get(f"publish_{field}") for field in ("text", "subject", "from_email", "from_name")
    }
    texts["html"] = fill_regions(template.get("publish_code") or "", regions)
    own = {
        field: message[field]
        for field in ("subject", "from_email", "from_name", "text")
        if message.get(field)
    }
    rendered = {
        field: fill_variables(value, variables, language=language) if isinstance(value, str) else value
        for field, value in {**texts, **own}.items()
    }
    return {**message, **rendered}


def _fault_of(
    parts: Parts, call: str, send: SendRequest, key_fault: Fault | None
) -> tuple[Fault | None, dict[Recipient, Fault]]:
    """The fault of the whole request, and those of single entries. Raises `WireError`."""
    fault = parts.faults.ordered(call, send) or key_fault
    if fault is None:
        try:
            by_address = parts.faults.by_address(send)
        except UnknownFaultError as unknown:
            raise invalid(str(unknown)) from None
        fault = next((each for each in by_address.values() if each.name not in ENTRY_FAULTS), None)
        if fault is None and by_address:
            return next(iter(by_address.values())), by_address
    if fault is not None and fault.name in ENTRY_FAULTS:
        return fault, dict.fromkeys(send.recipients, fault)
    return fault, {}


def _met(entry: dict[str, Any], fault: Fault | None) -> dict[str, Any]:
    """The answer's entry with its fault."""
    if fault is None:
        return entry
    if fault.name == "late-reject":
        return {**entry, "status": "queued"}
    return {
        **entry,
        "status": fault.name,
        "reject_reason": fault.value if fault.name == "rejected" else None,
        "queued_reason": fault.value if fault.name == "queued" else None,
    }


def _stored(entry: dict[str, Any], recipient: Recipient, fault: Fault | None) -> dict[str, Any]:
    stored = {**entry, "type": recipient.type, "name": recipient.name}
    if fault is not None and fault.name == "late-reject":
        stored["late"] = fault.value
    return stored


def _outcome(fault: Fault | None, entries: list[dict[str, Any]], *, legacy: bool) -> tuple[str, int | None]:
    """What the attempt came to, and the HTTP status that was answered (None: no whole answer)."""
    if fault is None or fault.name in ENTRY_FAULTS:
        return f"answered: {entries[0]['status']}", 200
    reply = reply_of_fault(fault, legacy=legacy)
    if reply is not None:
        return f"fault: {fault}", reply.http_status
    return f"fault: {fault}", 200 if fault.name in ("slow", "200-short") else None
