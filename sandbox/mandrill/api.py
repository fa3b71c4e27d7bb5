"""The calls under ``/api/1.x/``: a request is read, meets its fault if any, is recorded and is answered.

Always POST with JSON, the key in the body. Errors have Mandrill's form whatever goes wrong.
"""

import secrets
import time
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic_core import to_json
from tornado.web import RequestHandler

from sandbox.mandrill import conduct
from sandbox.mandrill.faults import (
    ENTRY_FAULTS,
    QUEUED_REASONS,
    REJECT_REASONS,
    Fault,
    FaultBook,
    UnknownFaultError,
    fault_in_key,
)
from sandbox.mandrill.search import QueryError, parse_query
from sandbox.mandrill.store import MAIL_ID_LENGTH, Attempt, Filter, Store, StoredMail, recipient_id
from sandbox.mandrill.wire import (
    Recipient,
    SendRequest,
    WireError,
    claimed_send_id,
    entry_of,
    error_body,
    instant_of,
    invalid,
    invalid_key,
    read_request,
    read_send,
)

_HTML = "text/html; charset=utf-8"
_JSON = "application/json; charset=utf-8"
_DATES = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d")


# An account registers up to ten metadata fields; only these are searched and shown. Ours starts with these.
REGISTERED_FIELDS = ("send_id", "appointment_id", "kind")
MOST_FIELDS = 10


@dataclass(slots=True)
class Parts:
    """What the handlers share."""

    store: Store
    faults: FaultBook
    silence: conduct.Silence
    changed: Callable[[], None]
    """Called after something was recorded; wakes up those who wait at the inbox."""
    fields: set[str] = field(default_factory=lambda: set(REGISTERED_FIELDS))
    """The registered metadata fields; in memory."""


@dataclass(frozen=True, slots=True)
class Reply:
    http_status: int
    body: bytes
    content_type: str = _JSON
    retry_after_s: int | None = None


def refusal_of(error: WireError) -> Reply:
    return Reply(error.http_status, error.body())


_REPLIES = {
    "401": refusal_of(invalid_key()),
    "402": Reply(402, error_body(10, "PaymentRequired", "The account has no positive balance")),
    "404-template": Reply(404, error_body(5, "Unknown_Template", "There is no such template")),
    "422": Reply(422, error_body(-2, "ValidationError", "The parameters of the request are not valid")),
    "429": Reply(429, error_body(429, "RequestLimitExceeded", "Too many requests")),
    "503": Reply(503, error_body(-2, "ServiceUnavailable", "The service is unavailable for the moment")),
    "500-json": Reply(500, error_body(-1, "GeneralError", "An unexpected error occurred")),
    "500-html": Reply(500, b"<html><body><h1>500 Internal Server Error</h1></body></html>", _HTML),
    "502-empty": Reply(502, b"", _HTML),
}


def reply_of_fault(fault: Fault) -> Reply | None:
    """The answer of the faults that are an HTTP status; None for the others."""
    reply = _REPLIES.get(fault.name.removesuffix("-after"))
    if reply is not None and fault.name == "429":
        return replace(reply, retry_after_s=fault.number)
    return reply


class ApiHandler(RequestHandler):
    """One call. ``parts`` is given by the routes."""

    parts: Parts

    def initialize(self, parts: Parts) -> None:
        self.parts = parts

    def compute_etag(self) -> None:
        """No ETag: nobody revalidates an API's answer, and a hash of every body costs time."""

    def set_default_headers(self) -> None:
        self.clear_header("Server")

    def write_error(self, status_code: int, **_: Any) -> None:
        """Also what nobody foresaw is answered in Mandrill's form."""
        self._answer(Reply(status_code, error_body(-1, "GeneralError", "The sandbox failed; see its output")))

    async def post(self, call: str) -> None:
        if call == "messages/send":
            await self._send()
            return
        try:
            request = read_request(self.request.body)
            fault = self.parts.faults.ordered(call)
            if fault is None and (asked := fault_in_key(request["key"])) is not None and asked.name == "401":
                fault = asked
            if fault is None or fault.name in ENTRY_FAULTS:
                self._answer(self._call(call, request))
            else:
                await self._meet(fault, lambda: self._call(call, request))
        except WireError as error:
            self._answer(refusal_of(error))

    async def get(self, call: str) -> None:  # noqa: ARG002 - the route's group
        self._answer(refusal_of(invalid("Please call the API with POST and a JSON body")))

    head = put = delete = patch = get

    # messages/send

    async def _send(self) -> None:
        now = time.time()
        request: dict[str, Any] = {}
        try:
            request = read_request(self.request.body)
            key_fault = fault_in_key(request["key"])
            if key_fault is not None and key_fault.name == "401":
                raise invalid_key()
            send = read_send(request, now=datetime.fromtimestamp(now, UTC))
            fault, met_by = self._fault_of(send, key_fault)
        except WireError as error:
            refused = Attempt(
                at=now,
                send_id=claimed_send_id(request),
                addresses=[],
                subject="",
                fault=None,
                outcome=f"refused: {error.name}",
                http_status=error.http_status,
            )
            self.parts.store.record(refused)
            self.parts.changed()
            self._answer(refusal_of(error))
            return
        mail_id = secrets.token_hex(MAIL_ID_LENGTH // 2)
        entries = [
            _met(entry_of(send, each, recipient_id(mail_id, index)), met_by.get(each))
            for index, each in enumerate(send.recipients)
        ]
        outcome, http_status = _outcome(fault, entries)
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
                {**entry, "type": each.type, "name": each.name}
                for entry, each in zip(entries, send.recipients, strict=True)
            ]
            self.parts.store.record(attempt, mail_id=mail_id, send=send, entries=stored)
        else:
            self.parts.store.record(attempt)
        self.parts.changed()
        if fault is None or fault.name in ENTRY_FAULTS:
            self._answer(Reply(200, to_json(entries)))
        else:
            await self._meet(fault, lambda: Reply(200, to_json(entries)))

    def _fault_of(
        self, send: SendRequest, key_fault: Fault | None
    ) -> tuple[Fault | None, dict[Recipient, Fault]]:
        """The fault of the whole request, and those of single entries. Raises `WireError`."""
        fault = self.parts.faults.ordered("messages/send", send) or key_fault
        if fault is None:
            try:
                by_address = self.parts.faults.by_address(send)
            except UnknownFaultError as unknown:
                raise invalid(str(unknown)) from None
            fault = next((each for each in by_address.values() if each.name not in ENTRY_FAULTS), None)
            if fault is None and by_address:
                return next(iter(by_address.values())), by_address
        if fault is not None and fault.name in ENTRY_FAULTS:
            return fault, dict.fromkeys(send.recipients, fault)
        return fault, {}

    # The other calls

    def _call(self, call: str, request: Mapping[str, Any]) -> Reply:
        """Raises `WireError`."""
        match call:
            case "users/ping":
                answer: object = "PONG!"
            case "users/ping2":
                answer = {"PING": "PONG!"}
            case "users/info":
                answer = self._account()
            case "messages/info":
                answer = self._info(request)
            case "messages/search":
                answer = self._search(request)
            case "metadata/list":
                answer = [_field_entry(each) for each in sorted(self.parts.fields)]
            case "metadata/add" | "metadata/delete":
                answer = self._change_field(call, request.get("name"))
            case _:
                raise WireError(404, -1, "Unknown_Method", f"The sandbox has no call {call}")
        return Reply(200, to_json(answer))

    def _change_field(self, call: str, name: object) -> dict[str, Any]:
        fields = self.parts.fields
        if not isinstance(name, str) or not name or name.startswith("_"):
            raise invalid("name: please give the name of a field")
        if call == "metadata/delete":
            if name not in fields:
                raise WireError(404, -1, "Unknown_MetadataField", f"No metadata field is called '{name}'")
            fields.remove(name)
        else:
            if len(fields) >= MOST_FIELDS:
                raise WireError(
                    400, -1, "Metadata_FieldLimit", f"At most {MOST_FIELDS} fields are registered"
                )
            fields.add(name)
        return _field_entry(name)

    def _account(self) -> dict[str, Any]:
        sent = self.parts.store.count(Filter())
        return {
            "username": "sandbox",
            "created_at": "2026-01-01 00:00:00",
            "public_id": "sandbox",
            "reputation": 100,
            "hourly_quota": 1_000_000,
            "backlog": 0,
            "stats": {"all_time": {"sent": sent}},
        }

    def _info(self, request: Mapping[str, Any]) -> dict[str, Any]:
        identifier = request.get("id")
        if not isinstance(identifier, str) or not identifier:
            raise invalid("id: please give the _id of a message")
        mail = self.parts.store.mail(identifier)
        for entry in [] if mail is None else mail.entries:
            if mail is not None and entry["_id"] == identifier:
                return {**_activity(mail, entry, self.parts.fields), "smtp_events": []}
        raise WireError(404, 11, "Unknown_Message", f"No message exists with the id '{identifier}'")

    def _search(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        text = request.get("query")
        if text is not None and not isinstance(text, str):
            raise invalid("query: please give a string")
        limit = request.get("limit")
        limit = 100 if limit is None else limit
        if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= 1000:
            raise invalid("limit: please give a number from 1 to 1000")
        tags, senders = _strings(request, "tags"), _strings(request, "senders")
        try:
            query = parse_query(text or "*")
        except QueryError as error:
            raise invalid(f"query: {error}") from None
        since, until = _range(request.get("date_from"), request.get("date_to"))
        wanted = Filter(since=since.timestamp(), until=until.timestamp(), send_id=query.send_id or "")
        found: list[dict[str, Any]] = []
        offset = 0
        while page := self.parts.store.mails(wanted, limit=500, offset=offset):
            offset += len(page)
            for mail in page:
                if (tags and not tags.intersection(mail.tags)) or (senders and mail.sender not in senders):
                    continue
                for entry in mail.entries:
                    activity = _activity(mail, entry, self.parts.fields)
                    if query.matches(activity):
                        found.append(activity)
                        if len(found) == limit:
                            return found
        return found

    # Answers

    def _answer(self, reply: Reply) -> None:
        self.set_status(reply.http_status)
        self.set_header("Content-Type", reply.content_type)
        if reply.retry_after_s is not None:
            self.set_header("Retry-After", str(reply.retry_after_s))
        self.finish(reply.body)

    async def _meet(self, fault: Fault, answer: Callable[[], Reply]) -> None:
        """Everything a fault can do instead of answering. ``answer`` is what would have been said."""
        reply = reply_of_fault(fault)
        if reply is not None:
            self._answer(reply)
            return
        pause = self.parts.silence
        if fault.name == "slow":
            await pause.keep(fault.number / 1000)
            self._answer(answer())
            return
        stream = self.detach()
        match fault.name:
            case "refuse":
                stream.close()
            case "timeout-before" | "timeout-after":
                await conduct.silence(stream, pause)
            case "reset-after":
                conduct.reset(stream)
            case "partial":
                await conduct.partial(stream, answer().body)
            case "drip":
                await conduct.drip(stream, answer().body, pause, fault.number)


def _met(entry: dict[str, Any], fault: Fault | None) -> dict[str, Any]:
    if fault is None:
        return entry
    return {
        **entry,
        "status": fault.name,
        "reject_reason": fault.value if fault.name == "rejected" else None,
        "queued_reason": fault.value if fault.name == "queued" else None,
    }


def _outcome(fault: Fault | None, entries: list[dict[str, Any]]) -> tuple[str, int | None]:
    """What the attempt came to, and the HTTP status that was answered (None: no whole answer)."""
    if fault is None or fault.name in ENTRY_FAULTS:
        return f"answered: {entries[0]['status']}", 200
    reply = reply_of_fault(fault)
    if reply is not None:
        return f"fault: {fault}", reply.http_status
    return f"fault: {fault}", 200 if fault.name == "slow" else None


def _field_entry(name: str) -> dict[str, Any]:
    return {"name": name, "state": "active", "view_template": None}


def _activity(mail: StoredMail, entry: Mapping[str, Any], fields: Set[str]) -> dict[str, Any]:
    """A mail to one recipient, as messages/search and messages/info show it; only registered metadata."""
    message = mail.message()
    metadata = dict(message.get("metadata") or {})
    for each in message.get("recipient_metadata") or []:
        if (
            isinstance(each, dict)
            and each.get("rcpt") == entry["email"]
            and isinstance(each.get("values"), dict)
        ):
            metadata.update(each["values"])
    return {
        "ts": int(mail.at),
        "_id": entry["_id"],
        "state": entry["status"],
        "subject": mail.subject,
        "email": entry["email"],
        "sender": mail.sender,
        "tags": mail.tags,
        "metadata": {name: value for name, value in metadata.items() if name in fields},
        "template": None,
        "opens": 0,
        "opens_detail": [],
        "clicks": 0,
        "clicks_detail": [],
        "reject": {"reason": entry["reject_reason"], "last_event_at": None}
        if entry["reject_reason"]
        else None,
        "resends": [],
    }


def _strings(request: Mapping[str, Any], field: str) -> set[str]:
    values = request.get(field)
    if values is None:
        return set()
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise invalid(f"{field}: please give an array of strings")
    return set(values)


def _range(date_from: object, date_to: object) -> tuple[datetime, datetime]:
    """The last 7 days unless given; a day without a time counts to its end."""
    now = datetime.now(UTC)
    until = now + timedelta(minutes=1)
    if date_to not in (None, ""):
        until = instant_of(date_to, "date_to", formats=_DATES)
        until += timedelta(days=1) if len(str(date_to)) <= 10 else timedelta(seconds=1)
    since = until - timedelta(days=7)
    if date_from not in (None, ""):
        since = instant_of(date_from, "date_from", formats=_DATES)
    return since, until


KNOWN_REASONS = {"rejected": REJECT_REASONS, "queued": QUEUED_REASONS}
