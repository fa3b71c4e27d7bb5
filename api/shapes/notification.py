"""The notification in answers: what went wrong, and what was done about it.

The columns follow from the model. Lists show addresses masked.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from api.shapes.shape import Member, Shape, of_column
from models.emails import OUTCOMES
from models.notifications import FAILURE_CLASSES, MANDRILL_EMAIL_FAILED, STATES, Notification

_SAID: Final[Mapping[str, tuple[str, object]]] = {
    "id": ("Id of the notification.", 12),
    "status": ("What kind of trouble it is, such as `mandrill-email-failed`.", MANDRILL_EMAIL_FAILED),
    "state": ("How far it is.", "open"),
    "severity": ("How bad it is.", "high"),
    "cause": ("What happened, as Mandrill, the network or the clocks name it.", "hard-bounce"),
    "cause_key": ("Notifications with the same key are ended by one mend.", "hard-bounce"),
    "failure_class": ("Whether the mail may have gone out.", "permanent"),
    "message": ("What went wrong, in a sentence.", "The confirmation to the client could not be delivered."),
    "hint": ("What to do about it; may be empty.", "Correct the address, and send the mail again."),
    "appointment_id": ("The appointment that it is about.", 1042),
    "command_id": ("The command that failed.", 2077),
    "mail_kind": ("The kind of the mail.", "send-confirmation"),
    "sequence": ("How many changes people had been told of when the mail was written.", 0),
    "recipient": ("To whom the mail was to go.", "c***@example.com"),
    "http_status": ("What the provider answered with.", None),
    "reason": ("The provider's reason for a refusal.", "hard-bounce"),
    "attempts": ("How often it was tried.", 1),
    "may_have_been_sent": ("Whether the mail may have gone out nevertheless.", False),
    "incident_id": ("The incident that it hangs on.", None),
    "occurrences": ("How many hang on this incident; else 1.", 1),
    "first_at": ("When it happened first.", "2026-11-22T21:05:12Z"),
    "last_at": ("When it happened last.", "2026-11-22T21:05:12Z"),
    "closed_at": ("When it was ended.", None),
    "closed_by": ("Who ended it.", None),
    "sentry_event_id": ("The report in Sentry.", None),
    "request_id": ("The request that it follows from.", "c0ffee5eed0123456789abcd"),
    "subject_key": (
        "What it is about: the same trouble keeps the same.",
        "mail:1042:send-confirmation:0:c@example.com",
    ),
    "send_id": ("Our id of the message.", "0b9f3d2c-8e41-4c57-b6aa-7d1e5f203948"),
    "provider_id": ("The provider's id of the message.", "5f1e0c9b7a6d4e3f8b2a1c0d9e8f7a6b"),
    "worker": ("The worker that handed the mail over.", "worker-mail@host"),
    "task_id": ("Its task.", None),
    "release": ("The release that it ran.", None),
    "endpoint_host": ("The host that it talked to.", "mandrillapp.com"),
}
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "state": tuple(STATES),
    "severity": ("low", "high", "critical"),
    "failure_class": tuple(FAILURE_CLASSES),
}


def _column(name: str) -> Member:
    member = of_column(Notification.__table__.columns[name], *_SAID[name])
    return replace(member, choices=_CHOICES.get(name, ()))


def _columns(*names: str) -> tuple[Member, ...]:
    return tuple(_column(name) for name in names)


OPEN_NOTIFICATION: Final = Shape(
    "OpenNotification",
    "A notification about this appointment that is not over, in short.",
    _columns(
        *(
            "id",
            "status",
            "state",
            "severity",
            "cause",
            "message",
            "hint",
            "command_id",
            "recipient",
            "attempts",
        ),
        "may_have_been_sent",
    ),
)
NOTIFICATION: Final = Shape(
    "Notification",
    "Something that went wrong and that a person should know of.",
    (
        *_columns(
            *("id", "status", "state", "severity", "cause", "cause_key", "failure_class", "message", "hint"),
            "appointment_id",
        ),
        Member("order_id", "integer", "The order of that appointment.", 2, nullable=True),
        *_columns(
            *("command_id", "mail_kind", "sequence", "recipient", "http_status", "reason", "attempts"),
            *(
                "may_have_been_sent",
                "incident_id",
                "occurrences",
                "first_at",
                "last_at",
                "closed_at",
                "closed_by",
            ),
            *("sentry_event_id", "request_id"),
        ),
        Member("unfinished_members", "integer", "Of an incident: how many are not over.", nullable=True),
    ),
)
_TRY: Final = Shape(
    "MailTry",
    "One try to hand a mail over.",
    tuple(
        Member(name, type_, said, example, nullable=True, sometimes=True)
        for name, type_, said, example in (
            ("at", "string", "When it was.", "2026-11-22T21:05:11+00:00"),
            ("outcome", "string", "What became of it.", "refused"),
            ("cause", "string", "Why.", "hard-bounce"),
            ("http_status", "integer", "What the provider answered with.", None),
            ("code", "integer", "The provider's number of the error.", None),
            ("detail", "string", "The provider's own words.", None),
            ("template", "string", "The template that the mail was written from.", "send-confirmation"),
            ("template_version", "string", "Its edition.", "1"),
        )
    ),
)
_SENT_MAIL: Final = Shape(
    "MailOfNotification",
    "A mail of the command, with every try.",
    (
        Member("send_id", "uuid", "Our id of the message.", "0b9f3d2c-8e41-4c57-b6aa-7d1e5f203948"),
        Member("recipient", "string", "To whom it went.", "client@example.com"),
        Member("created_at", "instant", "When it was first tried.", "2026-11-22T21:05:10Z"),
        Member("outcome", "string", "What became of it.", "refused", choices=OUTCOMES),
        Member("cause", "string", "Why.", "hard-bounce", nullable=True),
        Member("provider_id", "string", "The provider's id of the message.", nullable=True),
        Member("attempts", _TRY, "Every try, oldest first.", many=True),
        Member("last_event", "string", "What the provider told of it last.", "hard_bounce", nullable=True),
        Member("last_event_at", "instant", "When that was.", "2026-11-22T21:05:12Z", nullable=True),
    ),
)
_ACTION: Final = Shape(
    "Action",
    "What somebody did about it.",
    (
        Member("at", "instant", "When it was done.", "2026-11-22T21:20:00Z"),
        Member("actor", "string", "Who did it.", "Dana Whitfield"),
        Member("via", "string", "The application, or `command-line`.", "planoauth"),
        Member("action", "string", "What was done, such as `resend` or `correct`.", "correct"),
        Member(
            "detail", "object", "More about it; addresses are masked.", {"corrected_to": "c***@example.com"}
        ),
        Member("request_id", "string", "The request that did it.", "c0ffee5eed0123456789abcd", nullable=True),
    ),
)


def _nullable(name: str, said: str, example: Any = None, type_: str = "string") -> Member:
    return Member(name, type_, said, example, nullable=True)


READ_NOTIFICATION: Final = Shape(
    "ReadNotification",
    "A notification with its whole address, every try, and what was done about it.",
    (
        *(
            replace(member, example="client@example.com") if member.name == "recipient" else member
            for member in NOTIFICATION.members
        ),
        *_columns("subject_key", "send_id", "provider_id", "worker", "task_id", "release", "endpoint_host"),
        _nullable("command_state", "How far the command is, in the words of the console.", "failed"),
        _nullable("next_at", "When it is tried again; null if it is not.", type_="instant"),
        _nullable("mail_outcome", "What became of the newest mail.", "refused"),
        _nullable("last_event", "What the provider told of it last.", "hard_bounce"),
        _nullable("last_event_at", "When that was.", "2026-11-22T21:05:12Z", "instant"),
        _nullable("code", "The provider's number of the error.", type_="any"),
        _nullable("template", "The template of the mail.", "send-confirmation"),
        _nullable("template_version", "Its edition.", "1", "any"),
        _nullable("locale", "The language of the mail.", "en"),
        _nullable("appointment_link", "The appointment in the console.", "/console/appointments/1042"),
        _nullable("sentry_link", "The report in Sentry."),
        Member("mails", _SENT_MAIL, "The mails of its command, oldest first.", many=True),
        Member("audit", _ACTION, "What people did about it, oldest first.", many=True),
    ),
)
RESULT: Final = Shape(
    "ActionResult",
    "What became of an action on one notification.",
    (
        Member("id", "integer", "Id of the notification.", 12),
        Member("done", "boolean", "Whether it was done.", True),
        Member(
            "message",
            "string",
            "The same in a sentence.",
            "Notification 12: send-confirmation is queued again.",
        ),
    ),
)
