"""The notifications tab: what is not over, worst first and grouped by what one mend ends; and all about one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, request, url_for
from sqlalchemy import Connection

from api.console import words
from api.console.guard import local_path
from api.console.mails import looked_at
from api.console.notification_filters import (
    AGE_CHOICES,
    KIND_CHOICES,
    SEVERITY_CHOICES,
    STATE_CHOICES,
    STATUS_CHOICES,
    Filters,
    read_filters,
)
from api.console.render import fragment, page, problem
from models import database
from models.command_states import LEASED, OPEN, RESEND, State
from models.cursors import CursorError
from models.moment import now
from models.notification_board import (
    Group,
    Sought,
    open_causes,
    read_appointment,
    read_board,
    read_command,
    read_sends,
)
from models.notification_list import read_notification
from models.notification_words import is_complaint, lies_with_recipient, standing, title
from models.notifications import ABOUT_A_COMMAND, MAIL_INCIDENT, PHOTOGRAPHER_DOUBLE_BOOKED, UNFINISHED
from models.patience import SearchTooWideError
from settings import get_settings
from tasks.door import KINDS
from tasks.mail_door import Preview

TAB = "notifications"
MAILS = frozenset(words.MAIL_KINDS)


def add_to(blueprint: Blueprint) -> None:
    """The list and the page of one."""
    blueprint.add_url_rule("/notifications", "notifications", listed)
    blueprint.add_url_rule("/notifications/<int:notification_id>", "notification", shown)


def listed() -> Response:
    """The list; asked by htmx, only the part of it that refreshes itself."""
    filters = read_filters(request.args)
    since = _instant(request.args.get("since")) or now()
    try:
        with database.transaction() as connection:
            board = read_board(connection, filters.sought(), filters.get("cursor") or None, since)
            causes = [] if "HX-Request" in request.headers else open_causes(connection)
    except CursorError:
        return problem(
            "This place in the list is gone",
            "The address does not name a place that the list gave out.",
            "Start again from the top of the list.",
            status=400,
        )
    except SearchTooWideError as wide:
        return problem("The search was given up", str(wide), "Go back and narrow it.", status=503)
    parts: dict[str, Any] = {
        "filters": filters,
        "board": board,
        "since": since,
        **_refreshing(filters, since),
    }
    if "HX-Request" in request.headers:
        return fragment("notification_rows.html", **parts)
    return page(
        "notifications.html",
        tab=TAB,
        title="Notifications",
        choices={
            "state": STATE_CHOICES,
            "severity": SEVERITY_CHOICES,
            "status": STATUS_CHOICES,
            "kind": KIND_CHOICES,
            "age": AGE_CHOICES,
        },
        causes=causes,
        nothing=_nothing(filters),
        **parts,
    )


def shown(notification_id: int) -> Response:
    """Everything about one; asked by htmx, only what changes while its mail is under way."""
    is_fragment = "HX-Request" in request.headers
    with database.transaction() as connection:
        found = read_notification(connection, notification_id) if notification_id < 2**63 else None
        if found is None:
            return problem(
                "There is no such notification",
                f"Number {notification_id} does not exist.",
                "It may have been deleted with its appointment.",
                status=404,
            )
        known = _known(connection, found)
    mail, no_mail = (None, "") if is_fragment else _mail(found, known)
    back = local_path(request.args.get("back"))
    names: dict[str, Any] = {
        "one": found,
        **known,
        "back": back or url_for("console.notifications"),
        "sentry_link": _sentry_link(found["sentry_event_id"]),
        "here": url_for("console.notification", notification_id=notification_id, back=back),
    }
    if is_fragment:
        return fragment("notification_state.html", **names)
    return page(
        "notification.html",
        tab=TAB,
        title=_title(found),
        mail=mail,
        no_mail=no_mail,
        **names,
    )


def _known(connection: Connection, found: dict[str, Any]) -> dict[str, Any]:
    command_id, appointment_id = found["command_id"], found["appointment_id"]
    command = None if command_id is None else read_command(connection, command_id)
    state = None if command is None else State(command["state"])
    is_incident = found["status"] == MAIL_INCIDENT
    is_copy = (
        command is not None
        and found["recipient"] is not None
        and command["recipient"].casefold() != found["recipient"].casefold()
    )
    is_over = found["state"] not in UNFINISHED
    members = _members(connection, found["id"]) if is_incident else None
    sends = [] if command_id is None else read_sends(connection, command_id)
    is_mail = command is not None and command["kind"] in MAILS
    complained = is_complaint(found["status"], found["cause"], found["cause_key"])
    return {
        "members": members,
        "command": command,
        "sends": sends,
        "is_mail": is_mail,
        "may_tell_command": found["status"] in ABOUT_A_COMMAND,
        "is_complaint": complained,
        "fate": _fate(state, sends, is_copy=is_copy) if is_mail else "",
        "pair": _pair(found),
        "standing": None
        if found["failure_class"] is None
        else standing(*(found[name] for name in ("status", "cause", "reason", "cause_key", "failure_class"))),
        "appointment": None if appointment_id is None else read_appointment(connection, appointment_id),
        "frames": words.frames,
        "is_incident": is_incident,
        "is_copy": is_copy,
        "is_over": is_over,
        "in_doubt": (found["may_have_been_sent"] and not complained) or state == State.UNKNOWN,
        "is_moving": found["state"] == "retrying"
        or (members is not None and members.retrying > 0)
        or (state in OPEN and not (command or {})["left_to_people"]),
        "is_leased": state in LEASED,
        "may_resend": members is not None and members.opened + members.retrying > 0
        if is_incident
        else (
            found["status"] in ABOUT_A_COMMAND
            and not is_copy
            and state in RESEND.sources
            and (is_mail or state != State.DONE)
            and (not is_over or state != State.DONE)
        ),
        "may_correct": not is_incident
        and not is_copy
        and found["recipient"] is not None
        and lies_with_recipient(found["cause"], found["reason"])
        and state in RESEND.sources,
    }


FATES = {
    "hard_bounce": "accepted, then bounced",
    "reject": "accepted, then rejected",
    "spam": "delivered, then marked as spam",
}
"""By the event that came after the mail was accepted: what became of it."""


def _fate(state: State | None, sends: Sequence[dict[str, Any]], *, is_copy: bool) -> str:
    """What became of a mail that counts as done, when that is not the end of it; else nothing."""
    current = next((mail for mail in sends if mail["is_current"]), None)
    if state != State.DONE or is_copy or current is None:
        return ""
    told = {event["event"] for event in current["events"]}
    return next((words for event, words in FATES.items() if event in told), "")


def _pair(found: dict[str, Any]) -> list[int]:
    """The two appointments that a double booking is about."""
    if found["status"] != PHOTOGRAPHER_DOUBLE_BOOKED:
        return []
    return [int(number) for number in found["subject_key"].split(":")[1:] if number.isdigit()]


def _members(connection: Connection, incident_id: int) -> Group | None:
    """What hangs on an incident, in every state."""
    groups = read_board(connection, Sought(states=None, group=f"incident:{incident_id}")).groups
    return groups[0] if groups else None


def _mail(found: dict[str, Any], known: dict[str, Any]) -> tuple[Preview | None, str]:
    """The mail as it would go out now, or why there is none to show."""
    command = known["command"] or {}
    kind = found["mail_kind"] or command.get("kind")
    if known["is_incident"] or kind not in MAILS or found["appointment_id"] is None:
        return None, ""
    role = KINDS[kind].only_to or command.get("role", "client")
    return looked_at(found["appointment_id"], kind, role)


def _title(found: dict[str, Any]) -> str:
    said = title(found["status"], found["cause"], found["cause_key"])
    if found["status"] == MAIL_INCIDENT:
        return f"Incident {found['id']}: {said}"
    return f"{words.mail_kind(found['mail_kind'])}: {said}" if found["mail_kind"] else said


def _refreshing(filters: Filters, since: datetime) -> dict[str, str]:
    here = url_for("console.notifications")
    query = filters.query_here
    again = "&".join(filter(None, (query, "since=" + quote(words.iso(since)))))
    return {"refresh_url": f"{here}?{again}", "here": f"{here}?{query}" if query else here}


def _nothing(filters: Filters) -> tuple[str, str]:
    """What an empty list means: title and text."""
    if filters.is_narrowed:
        return "Nothing fits these filters", "Take some of them away, or look at all states."
    return (
        "Nothing needs you",
        "No failure is waiting for a person. A new one appears here by itself.",
    )


def _sentry_link(event_id: str | None) -> str | None:
    """Where Sentry finds the report of this event; None without a setting or an event."""
    base = get_settings().sentry_url.rstrip("/")
    return f"{base}/issues/?query={quote(event_id)}" if base and event_id else None


def _instant(text: str | None) -> datetime | None:
    try:
        read = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return read if read.utcoffset() is not None and read.year > 1 else None
