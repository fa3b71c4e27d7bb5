"""One appointment as one timeline: the request, its commands, the clocks, mails, events, changes, notifications.

Entries are in the order in which things began, the newest last. Each has an anchor, so that a place in the story
can be sent to a colleague: `/console/appointments/1042#mail-7`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from api.console.appointment_words import KINDS
from api.console.mails import KINDS as MAILS
from api.console.words import MAIL_KINDS
from models.appointment_clocks import explanation
from models.appointment_history import CREATED, Entry
from models.appointment_timeline import Fate

_ORDER: Final = ("request", "change", "action", "command", "clocks", "mail", "event", "notification")
"""Of what happened at the same moment, what comes first."""
PREVIEWS: Final = {kind: name for name, kind in MAILS.items()}


@dataclass(frozen=True, slots=True)
class Step:
    """An entry. `kind` is one of `_ORDER` and chooses how `of`, what it tells of, is shown."""

    kind: str
    anchor: str
    at: datetime
    title: str
    of: Mapping[str, Any] = field(repr=False)


def timeline(row: Mapping[str, Any], history: Sequence[Entry], fate: Fate) -> list[Step]:
    """All that happened to the appointment `row`, oldest first."""
    steps = [
        *_requests(row, history),
        *_commands(fate),
        *_clocks(row),
        *_mails(fate),
        *_told(fate),
        *_actions(fate),
    ]
    return sorted(steps, key=lambda step: (step.at, _ORDER.index(step.kind)))


def _requests(row: Mapping[str, Any], history: Sequence[Entry]) -> Iterator[Step]:
    for entry in history:
        told = {"entry": entry, "who": _who(entry)}
        if entry.action == CREATED:
            given = {line["field"]: line["new"] for line in entry.changes}
            with_key = {**told, "given": given, "idempotency_key": row["idempotency_key"]}
            yield Step("request", "request", entry.at, "Request received", with_key)
        else:
            title = "Cancelled" if entry.action == "cancel" else "Changed"
            yield Step("change", f"change-{entry.id}", entry.at, title, told)


def _commands(fate: Fate) -> Iterator[Step]:
    for command in fate.commands:
        name = MAIL_KINDS.get(command["kind"])
        title = (
            f"Command: mail “{name}”" if name else f"Command: {KINDS.get(command['kind'], command['kind'])}"
        )
        yield Step("command", f"command-{command['id']}", command["created_at"], title, command)


def _clocks(row: Mapping[str, Any]) -> Iterator[Step]:
    if row["reconciled_at"] is not None:
        told = {"sentences": explanation(row), "discrepancies": row["discrepancies"] or [], "row": row}
        yield Step("clocks", "clocks", row["reconciled_at"], "Times worked out", told)


def _mails(fate: Fate) -> Iterator[Step]:
    for mail in fate.mails:
        title = f"Mail: {MAIL_KINDS.get(mail['kind'], mail['kind'])}"
        told = {**mail, "preview": PREVIEWS.get(mail["kind"])}
        yield Step("mail", f"mail-{mail['id']}", mail["created_at"], title, told)
    for event in fate.events:
        title = f"Mandrill: {event['event'].replace('_', ' ')}"
        yield Step("event", f"event-{event['id']}", event["at"], title, event)


def _told(fate: Fate) -> Iterator[Step]:
    for one in fate.notifications:
        yield Step(
            "notification", f"notification-{one['id']}", one["first_at"], f"Notification {one['id']}", one
        )


def _actions(fate: Fate) -> Iterator[Step]:
    for number, one in enumerate(fate.audit, 1):
        yield Step("action", f"action-{number}", one["at"], one["action"].replace("-", " ").capitalize(), one)


def _who(entry: Entry) -> str:
    """Who asked, as the token said: "Emma Employee (employee)", "PlanoOrder (application)"."""
    return f"{entry.caller_name} ({entry.caller_role or entry.caller_kind})"
