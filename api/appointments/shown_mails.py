"""Which mails about an appointment a caller sees, and how: the sent ones of `read`, and those of a dry run.

Employees and applications see all of them whole. A client sees those to the client's own addresses, whole. A
liaison sees those to the client with masked addresses, and no calendar file, which is full of them.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from api.appointments.shown import is_staff
from api.caller import Caller
from models.notification_list import masked

_FOR_STAFF: Final = ("provider_id", "cause", "detail", "http_status")


def sent_mails(
    caller: Caller, client_email: str | None, mails: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Rows of `emails`, those that the caller sees. `client_email` is that of the order's client."""
    if is_staff(caller):
        return [dict(mail) for mail in mails]
    own = _own(caller, client_email)
    shown = [
        {name: value for name, value in mail.items() if name not in _FOR_STAFF}
        for mail in mails
        if mail["recipient"].casefold() in own
    ]
    if caller.role != "client":
        for mail in shown:
            mail["recipient"] = masked(mail["recipient"])
            mail["copies"] = _masked(mail["copies"])
    return shown


def rehearsed_mails(
    caller: Caller, client_email: str | None, mails: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Mails of a dry run (`tasks.rehearsal.RehearsedMail.to_json`), those that the caller sees."""
    if is_staff(caller):
        return [dict(mail) for mail in mails]
    own = _own(caller, client_email)
    shown = [dict(mail) for mail in mails if mail["to"]["email"].casefold() in own]
    if caller.role != "client":
        for mail in shown:
            mail["to"] = {**mail["to"], "email": masked(mail["to"]["email"])}
            mail["cc"] = _masked(mail["cc"])
            mail["left_out"] = _masked(mail["left_out"])
            mail["calendar"] = None
    return shown


def _own(caller: Caller, client_email: str | None) -> set[str]:
    login = caller.holder.user_email if caller.role == "client" else None
    return {str(address).casefold() for address in (client_email, login) if address}


def _masked(addresses: Iterable[str]) -> list[str | None]:
    return [masked(address) for address in addresses]
