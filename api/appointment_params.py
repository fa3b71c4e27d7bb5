"""The 50 parameters of `appointments/create`, our two additions, and the rules that hold between them.

Names, types, positions and what is required are those of the source document; it leaves most meanings
open, and the descriptions here say what contract.md section 5 and clocks.md decided. This page is what
decodes a request, words its faults, and documents the route. The examples together make one appointment:
a shoot in New York, booked by an office in Denver, with the ids that a fresh demo has (`cli/demo_data.py`).
"""

from __future__ import annotations

from typing import Final

from api.faults import Fault
from api.params import MAX_ID, Param, Registry
from api.statuses import INVALID_PARAM
from models.clock import END_OF_DAY, settle_end_of_day

TEXT: Final = 255
LONG_TEXT: Final = 10_000
WEEK_S: Final = 604_800
DAY_S: Final = 86_400

_FRAMES = ("local", "office", "utc")

CREATE_PARAMS: Final[tuple[Param, ...]] = (
    Param(
        name="token",
        type="string",
        position=100,
        required=True,
        reads="token",
        max_length=TEXT,
        secret=True,
        description=(
            "Who is asking: the token of an application or of a session. It may be sent in the header "
            "`Authorization: Bearer` instead."
        ),
        example="your-token",
    ),
    Param(
        name="application",
        type="string",
        position=200,
        max_length=TEXT,
        choices=("planoauth", "planoorder", "planox2"),
        description=(
            "Slug of the application on whose behalf the request is made. It selects the role, and so the "
            "permissions, that the request is judged by. Absent: the application that the token belongs "
            "to."
        ),
        example="planoorder",
    ),
    Param(
        name="session_view",
        type="string",
        position=300,
        max_length=TEXT,
        choices=("default", "none"),
        description=(
            "How much of the session the answer returns under `session`: `default` shows user, roles, "
            "application and expiry, `none` leaves it out. The token is never part of it."
        ),
        example="default",
    ),
    Param(
        name="confirmed",
        type="boolean",
        position=1200,
        description=(
            "Whether the appointment is confirmed. True fills a missing `confirmed_at` with the present "
            "moment and a missing `confirmed_by` with the caller's name, and the client is told that the "
            "appointment is confirmed rather than requested."
        ),
        example=True,
    ),
    Param(
        name="cancelled",
        type="boolean",
        position=1300,
        description=(
            "Whether the appointment is cancelled, as with imported records. No mail is sent for an "
            "appointment that is created as cancelled."
        ),
        example=False,
    ),
    Param(
        name="allday",
        type="boolean",
        position=1400,
        description=(
            "Whether the appointment takes whole days. Its dates then count as they stand in every time "
            "zone, and the stop date is the last day, included."
        ),
        example=False,
    ),
    Param(
        name="appt_type",
        type="string",
        position=1500,
        max_length=TEXT,
        description="Kind of appointment. Free text, unless the service is configured with a list of kinds.",
        example="photo shoot",
    ),
    Param(
        name="confirmed_at",
        type="datetime",
        position=1600,
        description=(
            "When the appointment was confirmed: ISO 8601, as UTC unless an offset is given. It does not "
            "imply `confirmed`."
        ),
        example="2026-11-22T21:05:00Z",
    ),
    Param(
        name="confirmed_by",
        type="string",
        position=1700,
        max_length=TEXT,
        description="Name of the person who confirmed the appointment. It does not imply `confirmed`.",
        example="Dana Whitfield",
    ),
    Param(
        name="date_start_local",
        type="date",
        position=1800,
        description="Date on which the appointment starts, in the time zone of the property.",
        example="2026-12-04",
    ),
    Param(
        name="date_start_office",
        type="date",
        position=1900,
        description="Date on which the appointment starts, in the time zone of the office.",
        example="2026-12-04",
    ),
    Param(
        name="date_stop_local",
        type="date",
        position=2000,
        description="Date on which the appointment ends, in the time zone of the property.",
        example="2026-12-04",
    ),
    Param(
        name="date_stop_office",
        type="date",
        position=2100,
        description="Date on which the appointment ends, in the time zone of the office.",
        example="2026-12-04",
    ),
    Param(
        name="delivery_type",
        type="string",
        position=2200,
        max_length=TEXT,
        description=(
            "How the finished work is delivered. Free text, unless the service is configured with a list "
            "of ways."
        ),
        example="download",
    ),
    Param(
        name="description",
        type="string",
        position=2300,
        max_length=LONG_TEXT,
        description=(
            "What the appointment is about, in full: the DESCRIPTION of the calendar entry. Clients can "
            "read it."
        ),
        example="Interior and exterior photographs and a floor plan.",
    ),
    Param(
        name="location",
        type="string",
        position=2400,
        max_length=TEXT,
        description="Where the appointment takes place: the LOCATION of the calendar entry.",
        example="89 East 42nd Street, New York, NY 10017",
    ),
    Param(
        name="notes",
        type="string",
        position=2500,
        max_length=LONG_TEXT,
        description="Internal notes. They are never part of a mail or of a client's calendar entry.",
        example="The doorman has the key from 10:30.",
    ),
    Param(
        name="on_site_cancel",
        type="boolean",
        position=2600,
        description=(
            "Whether the appointment was cancelled when the photographer had already arrived. True implies "
            "`cancelled`."
        ),
        example=False,
    ),
    Param(
        name="optional",
        type="boolean",
        position=2700,
        description=(
            "Whether the appointment is tentative. A tentative appointment is never a conflict with "
            "another one."
        ),
        example=False,
    ),
    Param(
        name="order_id",
        type="integer",
        position=2800,
        minimum=1,
        maximum=MAX_ID,
        description=(
            "Id of the order that the appointment belongs to. The caller has to be allowed to see the "
            "order; its property decides the local time zone."
        ),
        example=2,
    ),
    Param(
        name="order_request_appt_id",
        type="integer",
        position=2900,
        minimum=1,
        maximum=MAX_ID,
        description=(
            "Id of the requested appointment (order_request_appt) that this one answers. It has to belong "
            "to the same order."
        ),
        example=2,
    ),
    Param(
        name="photographer_name",
        type="string",
        position=3000,
        max_length=TEXT,
        description=(
            "Name of the photographer as it was when the appointment was made. Blank: taken from the "
            "photographer's user record."
        ),
        example="Pat Novak",
    ),
    Param(
        name="photographer_user_id",
        type="integer",
        position=3100,
        minimum=1,
        maximum=MAX_ID,
        description=(
            "Id of the photographer's user record. It has to be an employee who photographs; a mail about "
            "the assignment goes to this person."
        ),
        example=2,
    ),
    Param(
        name="requested_date",
        type="date",
        position=3200,
        description=(
            "Date that the client asked for, in the time zone of the property. Kept as sent; it does not "
            "set the start."
        ),
        example="2026-12-04",
    ),
    Param(
        name="requested_time",
        type="time",
        position=3300,
        description=(
            "Time of day that the client asked for, in the time zone of the property. Kept as sent; it "
            "does not set the start."
        ),
        example="11:00",
    ),
    Param(
        name="same_day_cancel",
        type="boolean",
        position=3400,
        description=(
            "Whether the appointment was cancelled on the very day it was due. True implies `cancelled`."
        ),
        example=False,
    ),
    Param(
        name="time_start_local",
        type="time",
        position=3500,
        description="Time of day at which the appointment starts, in the time zone of the property.",
        example="11:00",
    ),
    Param(
        name="time_start_office",
        type="time",
        position=3600,
        description="Time of day at which the appointment starts, in the time zone of the office.",
        example="9:00 AM",
    ),
    Param(
        name="time_stop_local",
        type="time",
        position=3700,
        reads="stop-time",
        description=(
            "Time of day at which the appointment ends, in the time zone of the property. 24:00 is the end "
            "of `date_stop_local`."
        ),
        example="12:30",
    ),
    Param(
        name="time_stop_office",
        type="time",
        position=3800,
        reads="stop-time",
        description=(
            "Time of day at which the appointment ends, in the time zone of the office. 24:00 is the end "
            "of `date_stop_office`."
        ),
        example="10:30 AM",
    ),
    Param(
        name="summary",
        type="string",
        position=3900,
        max_length=TEXT,
        description="The appointment in one line: the SUMMARY of the calendar entry.",
        example="Photo shoot, 89 East 42nd Street",
    ),
    Param(
        name="time_duration",
        type="string",
        position=4000,
        reads="duration",
        max_length=TEXT,
        description=(
            "How long the appointment lasts, as people write it: `1:30` is hours and minutes, and `90 "
            "min`, `1.5 hours`, `1h 30m` and `PT1H30M` say the same. A bare number from 15 to 1440 is "
            "minutes. At most a week."
        ),
        example="1:30",
    ),
    Param(
        name="created_by",
        type="string",
        position=4100,
        max_length=TEXT,
        description="Name of the person who created the record, for display. Blank: the caller's name.",
        example="Dana Whitfield",
    ),
    Param(
        name="created_in",
        type="string",
        position=4200,
        max_length=TEXT,
        description=(
            "Where the record was created, for display, such as the name of a program or layout. Blank: "
            "the application's name."
        ),
        example="PlanOrder",
    ),
    Param(
        name="updated_at_mt",
        type="string",
        position=4300,
        required=True,
        reads="stamp",
        max_length=TEXT,
        description=(
            "When the client last changed its copy of the record, in Mountain Time (America/Denver): "
            "`2026-11-22 14:05:09` or `11/22/2026 2:05:09 PM`, whatever `month_first` says. A later change "
            "with an older stamp is refused."
        ),
        example="2026-11-22 14:05:09",
    ),
    Param(
        name="updated_by",
        type="string",
        position=4400,
        max_length=TEXT,
        description="Name of the person who last changed the record, for display. Blank: the caller's name.",
        example="Dana Whitfield",
    ),
    Param(
        name="uuid",
        type="string",
        position=4500,
        reads="uuid",
        max_length=TEXT,
        description=(
            "The client's own identifier of the appointment, which makes a retry safe: the same uuid with "
            "the same request answers with the record that exists. Any RFC 9562 spelling; blank: one is "
            "made."
        ),
        example="7d0e9a34-6c1b-4f58-8a2d-5e93b1c7f046",
    ),
    Param(
        name="created_at",
        type="datetime",
        position=4600,
        deprecated=True,
        description=(
            "Deprecated, to be removed. When the client created the record: ISO 8601, as UTC unless an "
            "offset is given. The server keeps its own stamp."
        ),
        example="2026-11-22T21:02:44Z",
    ),
    Param(
        name="updated_at",
        type="datetime",
        position=4700,
        deprecated=True,
        description=(
            "Deprecated, to be removed. When the client last changed the record: ISO 8601, as UTC unless "
            "an offset is given. `updated_at_mt` takes its place."
        ),
        example="2026-11-22T21:05:09Z",
    ),
    Param(
        name="month_first",
        type="boolean",
        position=4800,
        description=(
            "How dates are written. True: MM/DD/YYYY, as FileMaker keeps and sends them. False or absent: "
            "YYYY-MM-DD, the SQL convention of the web applications."
        ),
        example=False,
    ),
    Param(
        name="date_stop_utc",
        type="date",
        position=4900,
        description="Date on which the appointment ends, in UTC.",
        example="2026-12-04",
    ),
    Param(
        name="date_start_utc",
        type="date",
        position=5000,
        description="Date on which the appointment starts, in UTC.",
        example="2026-12-04",
    ),
    Param(
        name="time_start_utc",
        type="time",
        position=5100,
        description="Time of day at which the appointment starts, in UTC.",
        example="16:00:00",
    ),
    Param(
        name="time_stop_utc",
        type="time",
        position=5200,
        reads="stop-time",
        description="Time of day at which the appointment ends, in UTC. 24:00 is the end of `date_stop_utc`.",
        example="17:30:00",
    ),
    Param(
        name="time_duration_s",
        type="integer",
        position=5300,
        minimum=1,
        maximum=WEEK_S,
        hint="Send seconds, not minutes; in FileMaker GetAsNumber ( time ) gives them.",
        description=(
            "How long the appointment lasts, in seconds, at most a week. It prevails over `time_duration`."
        ),
        example=5400,
    ),
    Param(
        name="ready_to_schedule",
        type="boolean",
        position=5400,
        description="Whether the window may be handed to route planning. No start is needed for it.",
        example=True,
    ),
    Param(
        name="window_date_start",
        type="date",
        position=5500,
        description="First date on which the appointment may take place, in the time zone of the property.",
        example="2026-12-03",
    ),
    Param(
        name="window_date_end",
        type="date",
        position=5600,
        description="Last date on which the appointment may take place, in the time zone of the property.",
        example="2026-12-05",
    ),
    Param(
        name="window_time_start",
        type="integer",
        position=5700,
        minimum=0,
        maximum=DAY_S,
        hint="Send the seconds after midnight; in FileMaker GetAsNumber ( time ) gives them.",
        description=(
            "Earliest time of day for the appointment, in seconds after midnight in the time zone of the "
            "property: 28800 is 8:00."
        ),
        example=28_800,
    ),
    Param(
        name="window_time_end",
        type="integer",
        position=5800,
        minimum=0,
        maximum=DAY_S,
        hint="Send the seconds after midnight; in FileMaker GetAsNumber ( time ) gives them.",
        description=(
            "Latest time of day for the appointment, in seconds after midnight in the time zone of the "
            "property: 64800 is 18:00."
        ),
        example=64_800,
    ),
)
"""The parameters of the source document."""

REFUSE_CONFLICTS: Final = Param(
    name="refuse_conflicts",
    type="boolean",
    position=9000,
    addition=True,
    description=(
        "Whether to refuse an appointment whose photographer is taken at that time. Without it such an "
        "appointment is stored with a warning, and a notification tells of it."
    ),
    example=True,
)
DRY_RUN: Final = Param(
    name="dry_run",
    type="boolean",
    position=9100,
    addition=True,
    description=(
        "Whether only to try the request: everything is checked and computed, the answer shows the times "
        "and the mails that would go out, and nothing is stored or sent."
    ),
    example=False,
)
ADDED_PARAMS: Final[tuple[Param, ...]] = (
    REFUSE_CONFLICTS,
    DRY_RUN,
)
"""Our additions; every route that stores an appointment takes them."""


def a_reason_implies_cancelled(values: dict[str, object], at_fault: frozenset[str]) -> list[Fault]:
    """`on_site_cancel` or `same_day_cancel` makes `cancelled` true, and contradicts an explicit false."""
    reasons = [name for name in ("on_site_cancel", "same_day_cancel") if values.get(name) is True]
    if not reasons or "cancelled" in at_fault:
        return []
    if values.get("cancelled") is False:
        given = " and ".join(reasons)
        verb = "says" if len(reasons) == 1 else "say"
        return [
            Fault(
                "cancelled",
                INVALID_PARAM,
                f"This is false, but {given} {verb} that the appointment was cancelled.",
                f"Send cancelled as true or leave it out, or send {given} as false.",
            )
        ]
    values["cancelled"] = True
    return []


def end_of_day_needs_its_date(values: dict[str, object], at_fault: frozenset[str]) -> list[Fault]:
    """24:00 in a stop time is 0:00 of the day after its date, which has to be given (clocks.md section 2)."""
    for frame in _FRAMES:
        # The date was given and is at fault itself: asking for it once more would mislead.
        if f"date_stop_{frame}" in at_fault and values.get(f"time_stop_{frame}") is END_OF_DAY:
            del values[f"time_stop_{frame}"]
    return [
        Fault(problem.param, INVALID_PARAM, problem.message, problem.hint)
        for problem in settle_end_of_day(values)
    ]


CREATE: Final = Registry(
    (*CREATE_PARAMS, *ADDED_PARAMS), rules=(a_reason_implies_cancelled, end_of_day_needs_its_date)
)
"""The registry of `appointments/create`."""
