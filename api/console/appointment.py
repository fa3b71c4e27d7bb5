"""The page of one appointment: what, where and when; one timeline of all that happened; sending it again."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, request, url_for

from api.appointments.changed_record import asked
from api.appointments.confirming import confirm_once, why_not
from api.console import words
from api.console.appointment_timeline import timeline
from api.console.appointment_words import badges, frame_rows, title, when
from api.console.guard import see_other, signed_in
from api.console.notices import Notice, leave
from api.console.render import fragment, page, problem
from api.params import MAX_ID
from models import database
from models.appointment_history import read_history
from models.appointment_read import find_appointment
from models.appointment_timeline import read_fate
from models.clock.display import in_zone
from models.notifications import PHOTOGRAPHER_DOUBLE_BOOKED, UNFINISHED
from models.photographer_conflicts import conflicts_of
from models.photographer_conflicts import when as when_taken
from settings import get_settings

TAB = "appointments"
MOST_CHANGES = 200


def add_to(blueprint: Blueprint) -> None:
    """The page, and its one form."""
    blueprint.add_url_rule("/appointments/<int:appointment_id>", "appointment", shown)
    blueprint.add_url_rule(
        "/appointments/<int:appointment_id>/confirm", "confirm_appointment", confirm, methods=["POST"]
    )


def shown(appointment_id: int) -> Response:
    """Everything about one; asked by htmx, the part that changes while commands are not decided."""
    office_zone = get_settings().office_time_zone
    with database.transaction() as connection:
        row = find_appointment(connection, appointment_id, None) if appointment_id <= MAX_ID else None
        if row is None:
            return _missing(appointment_id)
        fate = read_fate(connection, appointment_id)
        history, older = read_history(connection, row, asked(row), limit=MOST_CHANGES)
        conflicts = conflicts_of(connection, appointment_id)
    start = row["starts_at"] or row["busy_from"]
    day = None if start is None else in_zone(start, office_zone).date()
    names: dict[str, Any] = {
        "row": row,
        "what": title(row),
        "when": when(row, office_zone),
        "badges": badges(row),
        "frames": frame_rows(row),
        "place": fate.place,
        "fate": fate,
        "conflicts": [(one, when_taken(one, office_zone)) for one in conflicts],
        "unfinished": [
            one
            for one in fate.notifications
            # Of conflicts the page tells by itself.
            if one["state"] in UNFINISHED and one["status"] != PHOTOGRAPHER_DOUBLE_BOOKED
        ],
        "steps": timeline(row, history, fate),
        "is_cut": fate.is_cut or older is not None,
        "history_since": row["history_since"],
        "refused": why_not(row),
        "went_elsewhere": _went_elsewhere(row["client_email"], fate.commands),
        "here": url_for("console.appointment", appointment_id=appointment_id),
        "day": day,
        "mail_kinds": words.MAIL_KINDS,
    }
    if "HX-Request" in request.headers:
        return fragment("appointment_state.html", **names)
    return page("appointment.html", tab=TAB, title=f"Appointment {appointment_id}", **names)


def confirm(appointment_id: int) -> Response:
    """Send the client the confirmation again, as `appointments/resend_confirmation` does."""
    here = url_for("console.appointment", appointment_id=appointment_id)
    with database.transaction() as connection:
        row = find_appointment(connection, appointment_id, None) if appointment_id <= MAX_ID else None
        if row is None:
            return _missing(appointment_id)
        refused = why_not(row)
        if refused is None:
            done = confirm_once(connection, appointment_id, row["client_email"], signed_in().actor())
    if refused is not None:
        return leave(see_other(here), Notice("refused", "Nothing was sent.", tuple(filter(None, refused))))
    if done.is_replayed:
        told = Notice("partly", "You had it sent less than a minute ago, so it was not queued once more.")
    elif not done.is_new_send:
        told = Notice("partly", "A confirmation to this client is under way already; it was left to itself.")
    else:
        told = Notice("done", f"The confirmation to {row['client_email']} is queued.")
    return leave(see_other(f"{here}#command-{done.command_id}"), told)


def _went_elsewhere(client_email: str | None, commands: Sequence[Mapping[str, Any]]) -> str | None:
    """Where the last confirmation went, if not to the address of the client's record: a correction is for one mail."""
    last = next((one["recipient"] for one in reversed(commands) if one["kind"] == words.CONFIRMATION), None)
    return last if last and last.casefold() != (client_email or "").casefold() else None


def _missing(appointment_id: int) -> Response:
    return problem(
        "There is no such appointment",
        f"Number {appointment_id} does not exist.",
        "Check the number, or search for the appointment.",
        status=404,
    )
