"""What Mandrill's answer to a send means. Pure functions from status and body to one of the five outcomes.

The rules are the tables of mail.md section 1. An error is judged by its `name` first and by the HTTP status
after that: Mandrill moved the same names from 500 to 4xx over the years, and its numeric codes collide. Only
a whole, well-formed list counts as success; anything else that came with a 200 leaves the outcome unknown.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic_core import from_json

from tasks.mail.hints import hint_for
from tasks.mail.outcomes import Accepted, Held, NotAccepted, Outcome, Refused, Unknown
from tasks.mail.plain import one_line, shortened
from tasks.mail.transport import Failure, Reply

PERMANENT_NAMES = frozenset(
    {
        "Invalid_Key",
        "PaymentRequired",
        "Unknown_Template",
        "Unknown_Subaccount",
        "Unknown_Message",
        "ValidationError",
        "Invalid_Tag_Name",
    }
)
NOT_ACCEPTED_NAMES = frozenset({"RequestLimitExceeded", "ServiceUnavailable"})
UNCERTAIN_NAMES = frozenset({"GeneralError"})
NAME_OF_STATUS = {
    401: "Invalid_Key",
    402: "PaymentRequired",
    429: "RequestLimitExceeded",
    503: "ServiceUnavailable",
}
"""What a bare HTTP status stands for when the body carries no name that is known."""

REASONS_OF_RECIPIENTS = frozenset({"hard-bounce", "soft-bounce", "spam", "unsub", "custom", "invalid"})
"""Reasons that lie with the address; the others lie with the account or its settings."""
HOLDING_REASONS = frozenset(
    {
        "sending-paused",
        "sending-suspended",
        "account-suspended",
        "free-trial-sends-exhausted",
        "monthly-limit-reached",
    }
)
TAKEN = frozenset({"sent", "queued", "scheduled"})
TURNED_DOWN = frozenset({"rejected", "invalid"})

SOFT_BOUNCE_RETRY_S = 4 * 3600
"""A rejection for a soft bounce expires by itself, within hours to days."""
RETRY_AFTER_LIMIT_S = 3600
LARGEST_CODE = 99_999
"""Numbers of errors are small; a greater one is none."""


def outcome_of_failure(failure: Failure) -> Outcome:
    """No answer at all: the outcome depends on whether anything had been written."""
    hint = hint_for(failure.cause)
    if failure.permanent:
        return Refused(failure.cause, failure.message, hint)
    if failure.written:
        return Unknown(failure.cause, failure.message, hint=hint)
    return NotAccepted(failure.cause, failure.message, hint=hint)


def outcome_of_reply(reply: Reply, sent_to: Sequence[str], *, now: datetime) -> Outcome:
    """The outcome for the first of `sent_to`, the person the mail is written to; the others are copies.

    Args:
        reply: the whole answer.
        sent_to: the addresses of the request, without repetition, the primary recipient first.
        now: aware; only a `Retry-After` that is a date is measured against it.
    """
    data = parsed(reply.body)
    error = error_outcome(reply, data, now=now)
    if error is not None:
        return error
    entries = _entries(data, sent_to)
    if entries is None:
        return Unknown(
            "bad-response",
            "Mandrill answered with success, but not with one result for each recipient.",
            reply.status,
            hint_for("bad-response"),
        )
    return _outcome_of_entries(entries, sent_to, reply.status)


def error_outcome(reply: Reply, data: Any, *, now: datetime) -> Refused | NotAccepted | Unknown | None:
    """The outcome of an answer that is an error; None when it claims success."""
    outcome, code = _error_by_name(reply, data, now), data.get("code") if isinstance(data, dict) else None
    if outcome is None or not isinstance(code, int) or isinstance(code, bool) or abs(code) > LARGEST_CODE:
        return outcome
    return replace(outcome, code=code)


def _error_by_name(reply: Reply, data: Any, now: datetime) -> Refused | NotAccepted | Unknown | None:
    name, message = _name_and_message(reply, data)
    succeeded = 200 <= reply.status < 300
    if name is None and succeeded:
        return None
    if name not in PERMANENT_NAMES | NOT_ACCEPTED_NAMES | UNCERTAIN_NAMES:
        known = NAME_OF_STATUS.get(reply.status)
        message = message or f"HTTP status {reply.status} without an explanation."
        if known is None:
            return _by_status(reply.status, name, message)
        name = known
    message = message or f"HTTP status {reply.status} without an explanation."
    hint = hint_for(name)
    if name in PERMANENT_NAMES:
        return Refused(name, message, hint, reply.status)
    if name in NOT_ACCEPTED_NAMES:
        return NotAccepted(name, message, retry_after_seconds(reply.retry_after, now), reply.status, hint)
    return Unknown(str(name), message, reply.status, hint)


def parsed(body: bytes) -> Any:
    """The JSON value of a body; None when it is not JSON."""
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError:
        return None


def retry_after_seconds(value: str | None, now: datetime) -> int | None:
    """`Retry-After` in seconds, from its number or its HTTP date (RFC 9110 section 10.2.3).

    Between 0 and an hour: a longer wait is ours to decide, not a header's. None when absent or unreadable.
    """
    text = (value or "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return min(int(text[:9]), RETRY_AFTER_LIMIT_S)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0, min(round((moment - now).total_seconds()), RETRY_AFTER_LIMIT_S))


def _by_status(status: int, name: str | None, message: str) -> Refused | NotAccepted | Unknown:
    """An error whose name says nothing to us."""
    cause = name or f"http-{status}"
    if 400 <= status < 500:
        return Refused(cause, message, hint_for(name, cause), status)
    if 300 <= status < 400:
        # Not followed: a redirect of a POST would drop the body or show the key to another host.
        return NotAccepted("redirected", message, None, status, hint_for("redirected"))
    if 200 <= status < 300:
        return Unknown("bad-response", message, status, hint_for("bad-response"))
    return Unknown(cause, message, status, hint_for("GeneralError"))


def _name_and_message(reply: Reply, data: Any) -> tuple[str | None, str]:
    """Name and text of an error answer, both one line and bounded; (None, …) when it has no name."""
    if isinstance(data, dict) and (data.get("status") == "error" or not 200 <= reply.status < 300):
        name, message = data.get("name"), data.get("message")
        return (
            shortened(one_line(name), 80) if isinstance(name, str) and name.strip() else None,
            shortened(one_line(message), 500) if isinstance(message, str) else "",
        )
    if not 200 <= reply.status < 300:
        text = data if isinstance(data, str) else reply.body[:200].decode("utf-8", "replace")
        # The one error that was seen as plain text; the key is ours, so there is nothing else it could mean.
        if one_line(text).rstrip(".").casefold() == "invalid api key":
            return "Invalid_Key", "Invalid API key"
    return None, ""


def _entries(data: Any, sent_to: Sequence[str]) -> dict[str, dict[str, Any]] | None:
    """The answer's entries by case-folded address; None unless there is exactly one for each recipient."""
    if not isinstance(data, list) or len(data) != len(sent_to):
        return None
    entries: dict[str, dict[str, Any]] = {}
    for entry in data:
        if not isinstance(entry, dict):
            return None
        email, status = entry.get("email"), entry.get("status")
        if not isinstance(email, str) or not isinstance(status, str) or status not in TAKEN | TURNED_DOWN:
            return None
        entries[email.strip().casefold()] = entry
    return entries if entries.keys() == {address.casefold() for address in sent_to} else None


def _outcome_of_entries(
    entries: dict[str, dict[str, Any]], sent_to: Sequence[str], http_status: int
) -> Outcome:
    primary = entries[sent_to[0].casefold()]
    taken = tuple(address for address in sent_to if entries[address.casefold()]["status"] in TAKEN)
    refused_copies = tuple(
        (address, _reason(entries[address.casefold()])) for address in sent_to[1:] if address not in taken
    )
    if primary["status"] in TURNED_DOWN:
        return _turned_down(primary, bool(taken), http_status)
    provider_id = _text(primary, "_id") or None
    queued_reason = _text(primary, "queued_reason") if primary["status"] == "queued" else ""
    if queued_reason in HOLDING_REASONS:
        return Held(provider_id, queued_reason, hint_for(queued_reason), refused_copies)
    detail = f"queued: {queued_reason}" if queued_reason else str(primary["status"])
    return Accepted(provider_id, detail, taken, refused_copies)


def _turned_down(primary: dict[str, Any], copies_taken: bool, http_status: int) -> Refused | NotAccepted:
    status, reason = str(primary["status"]), _reason(primary)
    message = (
        "Mandrill says that the address cannot receive mail."
        if status == "invalid"
        else f"Mandrill rejects mail to this address: {reason}."
        if reason in REASONS_OF_RECIPIENTS
        else f"Mandrill rejects this mail: {reason}."
    )
    if copies_taken:
        message += " Copies were sent."
    hint = hint_for(reason, status)
    if reason == "soft-bounce":
        return NotAccepted(reason, message, SOFT_BOUNCE_RETRY_S, http_status, hint, about_recipient=True)
    return Refused(status, message, hint, http_status, reason, _text(primary, "_id") or None)


def _reason(entry: dict[str, Any]) -> str:
    """Why a recipient was turned down; the set of reasons is open."""
    return _text(entry, "reject_reason") or str(entry["status"])


def _text(entry: dict[str, Any], name: str) -> str:
    value = entry.get(name)
    return shortened(one_line(value), 100) if isinstance(value, str) else ""
