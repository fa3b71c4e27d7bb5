"""`POST /api/v1/users/client_register`: a user without a role becomes a client, in the same session."""

import re
from typing import Any

from api.answer import Answer
from api.caller import WITHOUT_ROLE, session_view
from api.faults import Fault
from api.routes import Call, Route
from api.shapes.session import CLIENT
from api.shapes.shape import Member, Returned
from api.statuses import INVALID_PARAM
from api.users.params import CLIENT_REGISTER
from models import database
from models.audit import Actor, entries, note
from models.client_registration import register_client
from tasks.mail_door import AddressError, checked_address

ACTION = "client-register"
_PHONE = re.compile(r"\+?[0-9(][0-9() .\-/]*(?:\s*(?:x|ext\.?|#)\s*[0-9]{1,6})?", re.ASCII | re.IGNORECASE)
_MESSAGES = {
    "made": "Registered as a client.",
    "linked": "Registered as a client; the client record of this e-mail address, with its orders, is now this user's.",
    "there": "This user was registered as a client a moment ago.",
}


def check(call: Call, _found: object) -> list[Fault]:
    """The number has to look like one, and mails must be able to reach the assistants."""
    given: dict[str, Any] = call.decoded.values
    faults = []
    phone = given.get("phone", "")
    if phone and (not _PHONE.fullmatch(phone) or not 7 <= len(re.sub(r"[^0-9]", "", phone)) <= 21):
        faults.append(
            Fault(
                "phone", INVALID_PARAM, "This is not a telephone number.", "For example +1 303 555 0142 x12."
            )
        )
    for place, address in enumerate(given.get("assistant_emails", ()), 1):
        try:
            checked_address(address)
        except AddressError as odd:
            hint = f"It is the {place}. of the list; send plain addresses, without names."
            faults.append(Fault("assistant_emails", INVALID_PARAM, str(odd), hint))
            break
    return faults


def act(call: Call, _found: object) -> Answer:
    """Make the client record, or take the one over that waits for this user."""
    given: dict[str, Any] = call.decoded.values
    holder = call.caller.holder
    assert holder.user_id is not None  # noqa: S101 - only sessions lack a role
    actor = Actor(
        call.caller.name, call.caller.application.slug, call.caller.idempotency_scope, call.request_id
    )
    with database.transaction() as connection:
        registered = register_client(
            connection,
            holder.user_id,
            name=given.get("name"),
            phone=given.get("phone"),
            assistants=[checked_address(each) for each in given.get("assistant_emails", ())],
        )
        how = registered.how
        if how == "there" and call.again:
            # The first try of this very request may have done it before its connection broke.
            done = [
                one["detail"]["how"]
                for one in entries(connection, "client", registered.client["id"])
                if one["action"] == ACTION and one["request_id"] == call.request_id
            ]
            how = done[-1] if done else how
        if registered.how != "there":
            note(
                connection,
                actor,
                ACTION,
                "client",
                {registered.client["id"]: {"how": registered.how}},
            )
    is_shown = given.get("session_view", "none") != "none"
    return Answer(
        message=_MESSAGES[how],
        data={"client": registered.client, "linked": how == "linked"},
        session=session_view(holder, ("client",)) if is_shown else None,
        warnings=call.decoded.warnings,
    )


ROUTE = Route(
    method="POST",
    path="/api/v1/users/client_register",
    service="users",
    purpose="Register as a client: gives a user who has no role yet a client record; the session stays.",
    params=CLIENT_REGISTER,
    callers=frozenset({WITHOUT_ROLE}),
    check=check,
    act=act,
    sensitive=True,
    sample=("name", "phone"),
    returns=(
        Returned(
            "Registered as a client.",
            (
                Member("client", CLIENT, "The client record that is now this user's."),
                Member("linked", "boolean", "Whether it was there before and was taken over.", False),
            ),
        ),
    ),
)
