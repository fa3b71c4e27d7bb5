"""A whole MIME text, as messages/send-raw takes it, brought into the form of messages/send. Pure.

RFC 5322 and MIME are read by the standard library. ``X-MC-Tags`` and ``X-MC-Metadata`` are Mandrill's way to
give what JSON has fields for. Parts that are neither the text nor the HTML become attachments; ``attached``
says whether a part is one by its own words, so that a calendar beside text and HTML is told from a file.
"""

import base64
from collections.abc import Mapping
from email import message_from_string
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import default as _policy
from typing import Any

from pydantic_core import from_json

from sandbox.mandrill.wire import invalid

_READ_ELSEWHERE = frozenset({
    "from", "to", "cc", "bcc", "subject", "mime-version", "content-type", "content-transfer-encoding",
    "content-disposition", "x-mc-tags", "x-mc-metadata",
})  # fmt: skip


def message_of_raw(request: Mapping[str, Any]) -> dict[str, Any]:
    """The message of a messages/send-raw. Raises `WireError`."""
    text = request.get("raw_message")
    if not isinstance(text, str) or not text.strip():
        raise invalid("raw_message: please give the whole MIME message as a string")
    mime = message_from_string(text, policy=_policy)
    try:
        return _message(mime, request)
    except (LookupError, ValueError, AttributeError, TypeError):
        # The parser is lazy: a header or a part is judged when it is asked for.
        raise invalid("raw_message: it cannot be read as a MIME message") from None


def _message(mime: EmailMessage, request: Mapping[str, Any]) -> dict[str, Any]:
    sender = next(iter(_addresses(mime, "From")), None)
    from_email, from_name = request.get("from_email"), request.get("from_name")
    tags = [tag.strip() for tag in str(mime.get("X-MC-Tags", "")).split(",") if tag.strip()]
    message: dict[str, Any] = {
        "subject": str(mime.get("Subject", "")),
        "from_email": from_email or (sender.addr_spec if sender else None),
        "from_name": from_name or (sender.display_name if sender else None),
        "to": _recipients(mime, request.get("to")),
        "headers": {name: str(value) for name, value in mime.items() if name.lower() not in _READ_ELSEWHERE},
        "tags": tags,
        "metadata": _metadata(mime),
        "text": None,
        "html": None,
        "attachments": [],
    }
    for part in mime.walk():
        if not part.is_multipart():
            _add_part(message, part)
    return message


def _add_part(message: dict[str, Any], part: EmailMessage) -> None:
    kind, attached = part.get_content_type(), part.is_attachment() or part.get_filename() is not None
    field = {"text/plain": "text", "text/html": "html"}.get(kind)
    if field is not None and not attached and message[field] is None:
        content = part.get_content()
        message[field] = content if isinstance(content, str) else content.decode(errors="replace")
        return
    payload = part.get_payload(decode=True)
    message["attachments"].append({
        "type": str(part.get("Content-Type", kind)),
        "name": part.get_filename() or "",
        "content": base64.b64encode(payload if isinstance(payload, bytes) else b"").decode(),
        "attached": attached,
    })  # fmt: skip


def _addresses(mime: EmailMessage, header: str) -> tuple[Address, ...]:
    return tuple(address for value in mime.get_all(header, []) for address in value.addresses)


def _recipients(mime: EmailMessage, given: object) -> list[dict[str, Any]]:
    """The request's ``to`` if there is one (strings, or objects as elsewhere), else those of the headers."""
    if given:
        if not isinstance(given, list):
            raise invalid("to: please give an array of addresses")
        return [{"email": each} if isinstance(each, str) else each for each in given]
    return [
        {"email": address.addr_spec, "name": address.display_name, "type": kind}
        for kind in ("to", "cc", "bcc")
        for address in _addresses(mime, kind)
    ]


def _metadata(mime: EmailMessage) -> dict[str, Any]:
    text = str(mime.get("X-MC-Metadata", "")).strip()
    if not text:
        return {}
    try:
        metadata = from_json(text)
    except ValueError:
        metadata = None
    if not isinstance(metadata, dict):
        raise invalid("raw_message: X-MC-Metadata is no JSON object")
    return metadata
