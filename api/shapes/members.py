"""What stands in `data`, for several routes alike."""

from dataclasses import replace
from typing import Final

from api.shapes.appointment import APPOINTMENT, CHANGE, COMMAND, DIFFERENCE, MAIL_PREVIEW
from api.shapes.notification import OPEN_NOTIFICATION, RESULT
from api.shapes.shape import Member, Returned
from api.statuses import INVALID_PARAM, MANDRILL_EMAIL_FAILED, STALE_UPDATE

STORED: Final = Member("appointment", APPOINTMENT, "The appointment as it stands now.")
COMMANDS: Final = Member(
    "commands",
    COMMAND,
    "What follows in the background, in the order of writing; none on a dry run.",
    many=True,
)
REPLAYED: Final = Member(
    "replayed",
    "boolean",
    "Whether an earlier request had done this already; then nothing is done again.",
    False,
)
NOTIFICATIONS: Final = Member(
    "notifications",
    OPEN_NOTIFICATION,
    "What went wrong with the appointment and is not over. Absent if there is none; only for applications and "
    "employees.",
    many=True,
    sometimes=True,
)
DRY_RUN: Final = Member("dry_run", "boolean", "True on a dry run; else absent.", True, sometimes=True)
PREVIEWS: Final = Member(
    "mails", MAIL_PREVIEW, "The mails that would go out; only on a dry run.", many=True, sometimes=True
)
CHANGES: Final = Member(
    "changes",
    CHANGE,
    "The fields that this request changed; none if it had been carried out before.",
    many=True,
)
CANCELLATION: Final = replace(CHANGES, example=[{"field": "cancelled", "old": False, "new": True}])
RESULTS: Final = Member("results", RESULT, "What became of each.", many=True)
NEXT_CURSOR: Final = Member(
    "next_cursor", "string", "What to send as `cursor` for the next page; null on the last.", nullable=True
)

_ON_A_DRY_RUN: Final = (DRY_RUN, PREVIEWS)
CREATED: Final = (STORED, COMMANDS, REPLAYED, NOTIFICATIONS, *_ON_A_DRY_RUN)
CANCELLED: Final = (STORED, CANCELLATION, REPLAYED, COMMANDS, NOTIFICATIONS, *_ON_A_DRY_RUN)
CHANGED: Final = (STORED, CHANGES, REPLAYED, COMMANDS, NOTIFICATIONS, *_ON_A_DRY_RUN)
CONFIRMED: Final = (STORED, COMMANDS, REPLAYED, NOTIFICATIONS)

STALE: Final = Returned(
    "Appointment 1042 was changed at 2026-11-22 18:02:40 (Mountain Time), which is after the updated_at_mt of this "
    "request; nothing was changed.",
    (
        STORED,
        Member("differences", DIFFERENCE, "What this request would have changed.", many=True),
        DRY_RUN,
    ),
    STALE_UPDATE,
    {
        **dict.fromkeys(("date_start_local", "date_start_office", "date_start_utc"), "2026-12-09"),
        **dict.fromkeys(("date_stop_local", "date_stop_office", "date_stop_utc"), "2026-12-09"),
        "updated_at_mt": "2026-11-22 18:02:40",
        "updated_at_mt_instant": "2026-11-23T01:02:40Z",
    },
)

REFUSED: Final = Returned("Invalid: order_id.", (DRY_RUN,), INVALID_PARAM)


def mail_failed(*members: Member) -> Returned:
    """The answer to a caller who waits, when a mail could not be sent: the record is there all the same."""
    message = "Appointment 1042 is stored, but not all mails could be sent: send-confirmation (hard-bounce)."
    return Returned(message, members, MANDRILL_EMAIL_FAILED)


def acted(message: str) -> tuple[Returned, ...]:
    """The answers of an action on notifications; the second if nothing could be done about any of them."""
    refused = Member(
        RESULTS.name, RESULT, "What became of each, if it got that far.", many=True, sometimes=True
    )
    return (Returned(message, (RESULTS,)), Returned("Invalid: ids.", (refused,), INVALID_PARAM))
