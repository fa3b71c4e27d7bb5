"""The wire contract of the calls that send: from bytes to a checked `SendRequest`, or a `WireError`.

Pure: no store, no connection, no clock but the instant it is given. Names, codes and HTTP statuses of the
errors are Mandrill's (its OpenAPI file and release notes); the sentences are ours.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic_core import from_json, to_json

MEGABYTE = 1024 * 1024
LARGEST_REQUEST = 25 * MEGABYTE
LONGEST_SUBJECT = 998
LONGEST_TAG = 50
TAGS_KEPT = 100
LARGEST_METADATA = 250
MOST_SYNCHRONOUS_RECIPIENTS = 10

# Mandrill's test keys are made in its settings and have no mark of their own; ours need one.
TEST_KEY = "sandbox-test"

RECIPIENT_TYPES = ("to", "cc", "bcc")

# One @, no blanks, commas or brackets, and a dot in the domain: what Mandrill needs to route a mail. RFC 5322
# and the DNS are stricter; the sender's own checks are not repeated here.
_ADDRESS = re.compile(r"[^\s@,;<>()\[\]\"\\]{1,64}@[a-z0-9-]+(?:\.[a-z0-9-]+)+", re.ASCII | re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class WireError(Exception):
    """A refusal in Mandrill's form. All arguments are primitives; none of them holds the key or a body."""

    def __init__(self, http_status: int, code: int, name: str, message: str) -> None:
        super().__init__(http_status, code, name, message)
        self.http_status = http_status
        self.code = code
        self.name = name
        self.message = message

    def body(self) -> bytes:
        return error_body(self.code, self.name, self.message)


def error_body(code: int, name: str, message: str) -> bytes:
    """The JSON of every error that Mandrill answers."""
    return to_json({"status": "error", "code": code, "name": name, "message": message})


def invalid(message: str) -> WireError:
    """A ValidationError; HTTP 400 since July 2023 (`replies.refusal_of` knows the older status)."""
    return WireError(400, -2, "ValidationError", message)


def invalid_key() -> WireError:
    return WireError(401, -1, "Invalid_Key", "Invalid API key")


@dataclass(frozen=True, slots=True)
class Recipient:
    email: str
    name: str
    type: str
    valid: bool


@dataclass(frozen=True, slots=True)
class SendRequest:
    """One checked request to send.

    ``raw`` is the request as it came, without its key; ``derived`` is the message where the request holds it
    in another form (a template, a MIME text).
    """

    recipients: tuple[Recipient, ...]
    from_email: str
    subject: str
    tags: tuple[str, ...]
    metadata: dict[str, Any]
    has_attachments: bool
    asynchronous: bool
    scheduled: bool
    raw: bytes
    call: str = "messages/send"
    template: str | None = None
    test_mode: bool = False
    derived: bytes | None = None

    @property
    def send_id(self) -> str | None:
        return _text_of(self.metadata.get("send_id"))

    @property
    def appointment_id(self) -> str | None:
        return _text_of(self.metadata.get("appointment_id"))

    def addresses(self, *types: str) -> list[str]:
        """The addresses of the recipients of these types; of all recipients if no type is given."""
        return [each.email for each in self.recipients if not types or each.type in types]


def read_request(body: bytes) -> dict[str, Any]:
    """The JSON object of any call, with a key in it. Raises `WireError`."""
    if len(body) > LARGEST_REQUEST:
        raise invalid("The message is larger than 25 MB, attachments included")
    try:
        request = from_json(body, allow_inf_nan=False)
    except ValueError:
        raise invalid("The body of the request is not valid JSON") from None
    if not isinstance(request, dict):
        raise invalid("The body of the request must be a JSON object")
    key = request.get("key")
    if not isinstance(key, str) or not key.strip():
        raise invalid_key()
    return request


def read_send(
    request: Mapping[str, Any],
    *,
    now: datetime,
    message: object = None,
    call: str = "messages/send",
    template: str | None = None,
) -> SendRequest:
    """The checked mail of a request to send. Raises `WireError`. ``now`` is an aware instant.

    ``message`` is what a template or a MIME text became, in the form of messages/send; None if the request
    has it itself.
    """
    derived = message is not None
    if not derived:
        message = request.get("message")
    if not isinstance(message, dict):
        raise invalid("message: please give the message as an object")
    for field in ("html", "text"):
        _optional_text(message, field)
    for field in ("important", "merge", "auto_text", "auto_html", "inline_css", "preserve_recipients"):
        if message.get(field) not in (None, True, False):
            raise invalid(f"message.{field}: please give true or false")
    subject = _one_line(message, "subject")
    if len(subject) > LONGEST_SUBJECT:
        raise invalid(f"message.subject: at most {LONGEST_SUBJECT} characters")
    from_email = _one_line(message, "from_email")
    if not _ADDRESS.fullmatch(from_email):
        raise invalid("message.from_email: an email address must contain a single @")
    _one_line(message, "from_name")
    _check_headers(message.get("headers"))
    attachments = _check_files(message.get("attachments"), "attachments")
    _check_files(message.get("images"), "images")
    if message.get("subaccount"):
        raise WireError(404, 12, "Unknown_Subaccount", "The sandbox has no subaccounts")
    return SendRequest(
        recipients=_recipients(message.get("to")),
        from_email=from_email,
        subject=subject,
        tags=_tags(message.get("tags")),
        metadata=_metadata(message.get("metadata")),
        has_attachments=attachments > 0,
        asynchronous=request.get("async") is True,
        scheduled=_is_scheduled(request.get("send_at"), now),
        raw=to_json({**request, "key": "(redacted)"}),
        call=call,
        template=template,
        test_mode=str(request.get("key")).startswith(TEST_KEY),
        derived=to_json(message) if derived else None,
    )


def claimed_send_id(request: Mapping[str, Any]) -> str | None:
    """The send_id of a request that need not be valid: its attempts are to be found as well."""
    message = request.get("message")
    metadata = message.get("metadata") if isinstance(message, dict) else None
    return _text_of(metadata.get("send_id")) if isinstance(metadata, dict) else None


def entry_of(send: SendRequest, recipient: Recipient, provider_id: str) -> dict[str, Any]:
    """The part of the answer that belongs to one recipient, as long as no fault changes it."""
    status, queued_reason = "sent", None
    if not recipient.valid:
        status = "invalid"
    elif send.scheduled:
        status = "scheduled"
    elif send.has_attachments:
        status, queued_reason = "queued", "attachments"
    elif len(send.recipients) > MOST_SYNCHRONOUS_RECIPIENTS:
        status, queued_reason = "queued", "multiple-recipients"
    elif send.asynchronous:
        status = "queued"
    return {
        "email": recipient.email,
        "status": status,
        "_id": provider_id,
        "reject_reason": None,
        "queued_reason": queued_reason,
    }


def _text_of(value: object) -> str | None:
    return None if value is None or value == "" else str(value)


def _optional_text(message: Mapping[str, Any], field: str) -> str:
    value = message.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise invalid(f"message.{field}: please give a string")
    return value


def _one_line(message: Mapping[str, Any], field: str) -> str:
    value = _optional_text(message, field)
    if _CONTROL.search(value):
        raise invalid(f"message.{field}: line breaks and control characters are not allowed")
    return value


def _recipients(to: object) -> tuple[Recipient, ...]:
    if not isinstance(to, list) or not to:
        raise invalid("message.to: please give at least one recipient, as an array")
    found = []
    for index, each in enumerate(to):
        where = f"message.to[{index}]"
        if not isinstance(each, dict):
            raise invalid(f"{where}: please give an object with an email")
        email, name, kind = each.get("email"), each.get("name"), each.get("type")
        if not isinstance(email, str) or not email.strip():
            raise invalid(f"{where}.email: please give an address")
        if name is not None and not isinstance(name, str):
            raise invalid(f"{where}.name: please give a string")
        if _CONTROL.search(email) or (name and _CONTROL.search(name)):
            raise invalid(f"{where}: line breaks and control characters are not allowed")
        if kind is not None and kind not in RECIPIENT_TYPES:
            raise invalid(f"{where}.type: please give to, cc or bcc")
        email = email.strip()
        found.append(Recipient(email, name or "", kind or "to", _ADDRESS.fullmatch(email) is not None))
    return tuple(found)


def _tags(tags: object) -> tuple[str, ...]:
    if tags is None:
        return ()
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise invalid("message.tags: please give an array of strings")
    for tag in tags:
        if len(tag) > LONGEST_TAG:
            raise WireError(400, 1, "Invalid_Tag_Name", f"A tag has at most {LONGEST_TAG} characters")
        if tag.startswith("_"):
            raise WireError(400, 1, "Invalid_Tag_Name", "A tag that starts with an underscore is reserved")
    return tuple(tags[:TAGS_KEPT])


def _metadata(metadata: object) -> dict[str, Any]:
    # PHP clients write an empty object as an empty array, and Mandrill takes it.
    if metadata is None or metadata == []:
        return {}
    if not isinstance(metadata, dict):
        raise invalid("message.metadata: please give an object")
    for name, value in metadata.items():
        if name.startswith("_"):
            raise invalid("message.metadata: a name may not start with an underscore")
        if isinstance(value, dict | list):
            raise invalid("message.metadata: values are strings, numbers, true, false or null")
    if len(to_json(metadata)) > LARGEST_METADATA:
        raise invalid(f"message.metadata: at most {LARGEST_METADATA} bytes of JSON")
    return metadata


def _check_headers(headers: object) -> None:
    if headers is None or headers == []:
        return
    if not isinstance(headers, dict):
        raise invalid("message.headers: please give an object")
    for name, value in headers.items():
        if not name or _CONTROL.search(name) or ":" in name or " " in name:
            raise invalid("message.headers: a header's name has no blanks, colons or line breaks")
        if not isinstance(value, str | int | float):
            raise invalid("message.headers: please give every header as a string")
        if _CONTROL.search(str(value)):
            raise invalid("message.headers: line breaks and control characters are not allowed")


def _check_files(files: object, field: str) -> int:
    if files is None:
        return 0
    if not isinstance(files, list):
        raise invalid(f"message.{field}: please give an array")
    for index, each in enumerate(files):
        where = f"message.{field}[{index}]"
        if not isinstance(each, dict):
            raise invalid(f"{where}: please give an object")
        for part in ("type", "name", "content"):
            if not isinstance(each.get(part), str):
                raise invalid(f"{where}.{part}: please give a string")
        if _CONTROL.search(each["type"]) or _CONTROL.search(each["name"]):
            raise invalid(f"{where}: line breaks and control characters are not allowed")
        try:
            base64.b64decode(each["content"], validate=True)
        except (binascii.Error, ValueError):
            raise invalid(f"{where}.content: please give base64") from None
    return len(files)


def _is_scheduled(send_at: object, now: datetime) -> bool:
    if send_at is None or send_at == "":
        return False
    wanted = instant_of(send_at, "send_at")
    if wanted > now + timedelta(days=366):
        raise invalid("send_at: at most one year ahead")
    return wanted > now


def instant_of(value: object, field: str, *, formats: Sequence[str] = ("%Y-%m-%d %H:%M:%S",)) -> datetime:
    """An aware UTC instant from Mandrill's spelling of one. Raises `WireError` that names ``field``."""
    if isinstance(value, str):
        for form in formats:
            try:
                return datetime.strptime(value, form).replace(tzinfo=UTC)
            except ValueError:
                continue
    raise invalid(f"{field}: please give a UTC time as YYYY-MM-DD HH:MM:SS")
