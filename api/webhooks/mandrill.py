"""`POST /api/v1/webhooks/mandrill`: what Mandrill tells of mails after it has them (mail.md section 1).

The signature covers the URL as it was registered and every field. A URL that is about to be registered is tried
out by HEAD, or by an empty list that is signed with a key everybody knows: that one is answered and does nothing.
"""

from api.answer import Answer
from api.faults import Fault, Refusal
from api.routes import SignedCall, SignedRoute
from api.shapes.shape import Member, Returned
from api.statuses import INVALID_ENCODED_PARAMS, MISSING_PARAM, PERMISSION_DENIED
from models import database
from models.moment import now
from settings import WEBHOOK_PATH, get_settings
from tasks.mail_door import (
    CHECK_KEY,
    FIELD,
    SIGNATURE_HEADER,
    EventsError,
    Taken,
    is_signed,
    take_in,
    told_events,
)


def take(call: SignedCall) -> Answer:
    """Check the signature, then store the events and what follows from them, all or nothing."""
    fields = dict(call.fields)
    text = fields.get(FIELD)
    if text is None:
        fault = Fault(FIELD, MISSING_PARAM, "This is required, and was absent.", "Send it as a form's field.")
        return Answer(MISSING_PARAM, f"Missing: {FIELD}.", errors=[fault])
    url = get_settings().webhook_url
    given = call.headers.get(SIGNATURE_HEADER.lower(), "")
    if text.strip() == "[]" and is_signed(given, CHECK_KEY, url, call.fields):
        return Answer(message="The webhook answers; there was no event.")
    _check_signature(call, given, url)
    try:
        events = told_events(text, now=now())
    except EventsError as fault:
        raise Refusal(INVALID_ENCODED_PARAMS, str(fault)) from None

    def store(*, again: bool) -> Taken:  # noqa: ARG001 - what the first try stored is not new to the second
        with database.transaction() as connection:
            return take_in(connection, events)

    taken = database.once_more_if_disconnected(store)
    data = {"received": len(events), "new": taken.new, "settled": taken.settled, "failures": taken.failures}
    return Answer(message=f"{len(events)} events were received, {taken.new} of them new.", data=data)


def _check_signature(call: SignedCall, given: str, url: str) -> None:
    key = get_settings().mandrill_webhook_key.get_secret_value()
    if not key:
        raise Refusal(
            PERMISSION_DENIED,
            "No webhook is taken, because MANDRILL_WEBHOOK_KEY is not set.",
            "Set it to the key that Mandrill shows beside the webhook, and start the web processes anew.",
        )
    if not is_signed(given, key, url, call.fields):
        raise Refusal(
            PERMISSION_DENIED,
            f"The signature in {SIGNATURE_HEADER} does not fit the URL, the fields and the key.",
            "The URL has to be registered to the letter as MANDRILL_WEBHOOK_URL, or PUBLIC_URL, gives it.",
        )


ROUTE = SignedRoute(
    method="POST",
    path=WEBHOOK_PATH,
    service="webhooks",
    purpose="Take in what Mandrill tells of mails: sent, delivered, rejected, bounced, marked as spam.",
    callers=frozenset({"mandrill"}),
    take=take,
    signature_header=SIGNATURE_HEADER,
    form={FIELD: "The events: a JSON array, as Mandrill makes it."},
    returns=(
        Returned(
            "3 events were received, 3 of them new.",
            tuple(
                Member(
                    name,
                    "integer",
                    f"{said} Absent when the webhook is only tried out.",
                    number,
                    sometimes=True,
                )
                for name, said, number in (
                    ("received", "How many events came.", 3),
                    ("new", "How many of them had not come before.", 3),
                    ("settled", "How many commands they settled.", 1),
                    ("failures", "How many failures they told.", 0),
                )
            ),
        ),
    ),
)
