"""The appointment in answers, and what hangs on it: commands, mails, changes, conflicts.

The columns follow from the model, their words and examples from the parameters that fill them.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from api.appointment_params import CREATE
from api.appointments.record import SHOWN
from api.appointments.waiting import DROPPED_SHOWN
from api.params import Param
from api.shapes.shape import Member, Shape, of_column
from models.appointment_list import LISTED, STATUSES
from models.appointments import Appointment
from models.command_states import SHOWN_TO_CALLERS
from models.emails import OUTCOMES

_FOUND: Final[Mapping[str, tuple[str, object]]] = {
    "updated_at_mt_instant": ("`updated_at_mt` as an instant.", "2026-11-22T21:05:09Z"),
    "reconciled_at": (
        "When the times of all clocks were made to agree; null until then, a moment after a create or a change.",
        "2026-11-22T21:05:10.412907Z",
    ),
    "starts_at": (
        "The instant of the start; null if there is none, and for whole days.",
        "2026-12-04T16:00:00Z",
    ),
    "stops_at": (
        "The instant of the end; null if there is none, and for whole days.",
        "2026-12-04T17:30:00Z",
    ),
    "start_resolution": ("How the start was found, such as `exact`, `derived` or `unresolved`.", "exact"),
    "stop_resolution": ("How the end was found, in the same words.", "exact"),
    "zone_name": ("The local time zone: an IANA name, or the offset that was inferred.", "America/New_York"),
    "zone_source": ("Where the local time zone is known from.", "property"),
    "start_offset_s": ("Local time minus UTC at the start, in seconds.", -18_000),
    "stop_offset_s": ("Local time minus UTC at the end, in seconds.", -18_000),
    "office_zone": ("The time zone of the office that was reckoned with.", "America/Denver"),
    "tzdata_version": ("The edition of the time zone rules that was reckoned with.", "2026b"),
    "sequence": ("How many changes people were told of.", 0),
    "inserted_at": ("When the server stored the appointment.", "2026-11-22T21:05:09.861423Z"),
}
_LATER: Final = frozenset(_FOUND) - {"updated_at_mt_instant", "sequence", "inserted_at"}
_WORDS: Final[Mapping[str, str]] = {
    "cancelled": "Whether the appointment is cancelled.",
    "uuid": "The client's own identifier of the appointment, or the one that was made for it. Null on a dry run that "
    "brought none.",
    "notes": "Internal notes. Clients and liaisons get back only what they sent with the same request.",
    "created_at": "When the client created the record, as far as it said so.",
    "updated_at": "When the client last changed the record: `updated_at_mt`, unless it said otherwise.",
    "updated_at_mt": "When the client last changed its copy, in Mountain Time, as it was sent.",
    "month_first": "Whether dates came as MM/DD/YYYY. Answers have YYYY-MM-DD all the same.",
}
_AS_STORED: Final[Mapping[str, object]] = {
    "time_start_local": "11:00:00",
    "time_start_office": "09:00:00",
    "time_stop_local": "12:30:00",
    "time_stop_office": "10:30:00",
    "requested_time": "11:00:00",
}

DISCREPANCY: Final = Shape(
    "Discrepancy",
    "Two statements about a time that contradict each other.",
    (
        Member("kind", "string", "What contradicts what.", "frame_mismatch"),
        Member(
            "endpoint", "string", "`start` or `stop`, if it is about one of them.", "start", nullable=True
        ),
        Member(
            "frame",
            "string",
            "`local`, `office` or `utc`, if it is about one of them.",
            "office",
            nullable=True,
        ),
        Member("supplied", "string", "What was sent.", "2026-12-04T08:00:00", nullable=True),
        Member("expected", "string", "What the rest says.", "2026-12-04T09:00:00", nullable=True),
    ),
)


def _first_sentence(param: Param) -> str:
    return re.split(r"(?<=\.)\s", param.description, maxsplit=1)[0]


def _column(name: str) -> Member:
    column = Appointment.__table__.columns[name]
    if name in _FOUND:
        return of_column(column, *_FOUND[name], later=name in _LATER)
    if name not in CREATE:
        raise LookupError(f"The column {name} is shown in answers, and nothing says what it is.")
    param = CREATE[name]
    description = _WORDS.get(name) or _first_sentence(param)
    return of_column(column, description, _AS_STORED.get(name, param.example))


_ID: Final = Member(
    "id", "integer", "Id of the appointment. Null on a dry run of a create.", 1042, nullable=True
)
_DISCREPANCIES: Final = Member(
    "discrepancies",
    DISCREPANCY,
    "What contradicted itself in the times; empty if nothing did, null until they are reconciled.",
    many=True,
    nullable=True,
    later=True,
)
_COLUMNS: Final[Mapping[str, Member]] = {
    **{name: _column(name) for name in SHOWN if name not in ("id", "discrepancies")},
    "id": _ID,
    "discrepancies": _DISCREPANCIES,
}
_CHANGED_AT: Final = Member(
    "changed_at",
    "instant",
    "When it was last created, changed or reconciled, whichever was last.",
    "2026-11-22T21:05:10.412907Z",
)

APPOINTMENT: Final = Shape(
    "Appointment",
    "An appointment: every column of the record, with the times on all three clocks once they are reconciled.",
    (
        *(
            replace(_COLUMNS[name], nullable=True)
            if name == "uuid"
            else replace(_COLUMNS[name], sometimes=True)
            if name == "notes"
            else _COLUMNS[name]
            for name in SHOWN
        ),
        Member(
            "explanation",
            "string",
            "Why each of its times is what it is, in sentences; empty until they are reconciled.",
            "Local times are in America/New_York: the time zone of the property.",
            many=True,
            later=True,
        ),
        replace(
            _CHANGED_AT,
            sometimes=True,
            later=True,
            description=f"{_CHANGED_AT.description} Only in `appointments/read`.",
        ),
    ),
)
LISTED_APPOINTMENT: Final = Shape(
    "ListedAppointment",
    "An appointment in a list: without its long texts, with its status.",
    (
        *(
            replace(_COLUMNS[name], nullable=False) if name == "id" else _COLUMNS[name]
            for name in SHOWN
            if name in LISTED
        ),
        Member(
            "status",
            "string",
            "The state that it is in.",
            "confirmed",
            choices=tuple(name for name in STATUSES if name != "undecided"),
        ),
        _CHANGED_AT,
    ),
)
_STATES: Final = (*dict.fromkeys(SHOWN_TO_CALLERS.values()), DROPPED_SHOWN)
COMMAND: Final = Shape(
    "Command",
    "A piece of work that follows from a request: reconciling the times, or a mail.",
    (
        Member("id", "string", "Id of the command.", "2077"),
        Member(
            "kind",
            "string",
            "What is to be done: `reconcile-times`, `send-confirmation`, …",
            "send-confirmation",
        ),
        Member(
            "state",
            "string",
            "How far it is. `dropped`: a later change made the mail superfluous. `unknown`: the provider may have the "
            "mail, and is asked before it is sent again.",
            "queued",
            choices=_STATES,
        ),
        Member(
            "outcome",
            "string",
            "What became of the mail at the provider; absent before it was tried.",
            "accepted",
            sometimes=True,
            choices=OUTCOMES,
        ),
        Member(
            "cause", "string", "Why a mail was not accepted; absent if it was.", "hard-bounce", sometimes=True
        ),
    ),
)
READ_COMMAND: Final = Shape(
    "ReadCommand",
    "A command with when it was tried.",
    (
        *COMMAND.members,
        Member("attempts", "integer", "How often it was tried.", 1),
        Member("created_at", "instant", "When it was queued.", "2026-11-22T21:05:09.861423Z"),
        Member(
            "finished_at",
            "instant",
            "When it was over; null while it is not.",
            "2026-11-22T21:05:11Z",
            nullable=True,
        ),
        Member("next_attempt_at", "instant", "When it is due; null if nothing is to come.", nullable=True),
    ),
)
MAIL: Final = Shape(
    "Mail",
    "A mail that was handed, or about to be handed, to the provider.",
    (
        Member("id", "integer", "Id of the mail.", 311),
        Member("command_id", "string", "The command that sent it.", "2077"),
        Member("kind", "string", "The kind of the command.", "send-confirmation"),
        Member("recipient", "string", "To whom; masked for a liaison.", "client@example.com"),
        Member(
            "copies", "string", "Who got a copy; masked for a liaison.", "assistant@example.com", many=True
        ),
        Member("outcome", "string", "What became of it.", "accepted", choices=OUTCOMES),
        Member("created_at", "instant", "When it was first tried.", "2026-11-22T21:05:10.518Z"),
        Member("decided_at", "instant", "When that was decided.", "2026-11-22T21:05:11Z", nullable=True),
        Member("last_event", "string", "What the provider told of it last.", "delivered", nullable=True),
        Member("last_event_at", "instant", "When that was.", "2026-11-22T21:05:24Z", nullable=True),
        *(
            Member(
                name, type_, f"{said} Not for clients and liaisons.", example, nullable=True, sometimes=True
            )
            for name, type_, said, example in (
                (
                    "provider_id",
                    "string",
                    "The provider's id of the message.",
                    "5f1e0c9b7a6d4e3f8b2a1c0d9e8f7a6b",
                ),
                ("cause", "string", "Why it was not accepted.", None),
                ("detail", "string", "The provider's own words.", None),
                ("http_status", "integer", "What the provider answered with.", None),
            )
        ),
    ),
)
_MAILBOX: Final = Shape(
    "Mailbox",
    "An address with the name beside it.",
    (
        Member("email", "string", "The address.", "client@example.com"),
        Member("name", "string", "The name; may be empty.", "Casey Moreno"),
    ),
)
MAIL_PREVIEW: Final = Shape(
    "MailPreview",
    "A mail that would go out, on a dry run.",
    (
        Member("kind", "string", "What would be sent.", "send-confirmation"),
        Member("to", _MAILBOX, "To whom."),
        Member("cc", "string", "Who would get a copy.", "assistant@example.com", many=True),
        Member("left_out", "string", "Addresses that mails cannot be sent to.", many=True),
        Member("subject", "string", "The subject.", "Confirmed: Friday, December 4, 11:00 AM"),
        Member("text", "string", "The mail as plain text.", "Your appointment is confirmed. …"),
        Member("html", "string", "The mail as HTML.", "<!doctype html>…"),
        Member(
            "calendar",
            "string",
            "The calendar file (RFC 5545); null if it has none.",
            "BEGIN:VCALENDAR…",
            nullable=True,
        ),
        Member("problem", "string", "Why it would not be sent; null if it would.", nullable=True),
    ),
)
CHANGE: Final = Shape(
    "Change",
    "One field that a change gave another value.",
    (
        Member("field", "string", "Name of the field.", "date_start_local"),
        Member("old", "any", "Its value before; null if it was empty.", "2026-12-04", nullable=True),
        Member("new", "any", "Its value now; null if it was emptied.", "2026-12-07", nullable=True),
    ),
)
DIFFERENCE: Final = Shape(
    "Difference",
    "One field in which a refused change and the stored record differ.",
    (
        Member("field", "string", "Name of the field.", "date_start_local"),
        Member(
            "yours",
            "any",
            "The value that was sent; null if the field was to be emptied.",
            "2026-12-07",
            nullable=True,
        ),
        Member("stored", "any", "The value that is stored.", "2026-12-09", nullable=True),
    ),
)
_WHO: Final = Shape(
    "Who",
    "Who made a change.",
    (
        Member("kind", "string", "Whose token it was.", "session", choices=("application", "session")),
        Member("role", "string", "The role that it was done in.", "employee"),
        Member("name", "string", "The person's name, or the application's.", "Dana Whitfield"),
        Member(
            "user_id",
            "integer",
            "Id of the user; clients and liaisons see only their own.",
            1,
            nullable=True,
            sometimes=True,
        ),
    ),
)
HISTORY_ENTRY: Final = Shape(
    "HistoryEntry",
    "One change of an appointment, or its creation.",
    (
        Member("at", "instant", "When it was made.", "2026-11-22T23:20:01.114305Z"),
        Member("action", "string", "What was done: `created`, `update` or `cancel`.", "update"),
        Member("who", _WHO, "Who did it."),
        Member("application", "string", "Slug of the application that it came through.", "planoorder"),
        Member("sequence", "integer", "How many changes people had been told of then.", 1),
        Member(
            "updated_at_mt",
            "string",
            "The client's stamp of the change, as it was sent.",
            "2026-11-22 16:20:00",
        ),
        Member("changes", CHANGE, "The fields that changed.", many=True),
        Member(
            "request_id",
            "string",
            "The request; not for clients and liaisons.",
            "c0ffee5eed0123456789abcd",
            sometimes=True,
        ),
    ),
)
CONFLICT: Final = Shape(
    "Conflict",
    "Another appointment of the same photographer at that time.",
    (
        Member(
            "appointment_id", "integer", "Its id; null if the caller may not see it.", 1038, nullable=True
        ),
        Member("busy_from", "instant", "From when; null likewise.", "2026-12-04T15:00:00Z", nullable=True),
        Member("busy_until", "instant", "Until when; null likewise.", "2026-12-04T16:30:00Z", nullable=True),
        Member("message", "string", "The same in a sentence.", "The photographer is taken at that time."),
    ),
)
TOTAL: Final = Shape(
    "Total",
    "How many there are in all.",
    (
        Member("number", "integer", "As many as were counted.", 118),
        Member("more", "boolean", "Whether there are more than that.", False),
    ),
)
