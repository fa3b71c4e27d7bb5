"""Any mail of an appointment as it would go out now: its page, its HTML for a sandboxed frame, its calendar file.

The HTML comes from our own templates, and is shown as foreign all the same: in a frame without scripts, forms,
links to us or network, by its own policy as well as by the frame's.
"""

from typing import Final

from flask import Blueprint, Response, request, url_for

from api.console.render import has_page, page, problem
from api.params import MAX_ID
from api.pipeline import crash
from api.statuses import APPLICATION_CRASH
from models import database
from models.notification_board import read_appointment
from tasks import door as commands
from tasks.mail_door import NoMailError, Preview, preview

KINDS: Final = {kind.short_name: kind.name for kind in commands.KINDS.values() if kind.is_mail}
ROLES: Final = ("client", "photographer")
FRAME_POLICY: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none';"
    " base-uri 'none'; frame-ancestors 'self'"
)


def add_to(blueprint: Blueprint) -> None:
    """The page and its two parts."""
    path = "/appointments/<int:appointment_id>/mails/<kind>"
    blueprint.add_url_rule(path, "mail", mail)
    blueprint.add_url_rule(f"{path}/html", "mail_html", mail_html)
    blueprint.add_url_rule(f"{path}/calendar", "mail_calendar", mail_calendar)


def mail(appointment_id: int, kind: str) -> Response:
    """The mail with its head, as text and in frames; or why nobody would get it."""
    role = _role(kind)
    with database.transaction() as connection:
        is_there = 0 < appointment_id <= MAX_ID and read_appointment(connection, appointment_id) is not None
        if not is_there or role is None:
            return _no_such_mail()
    made, why_none = looked_at(appointment_id, KINDS[kind], role)
    has_own_page = has_page("console.appointment")
    return page(
        "mail.html",
        tab="appointments",
        title=f"{kind.capitalize()} of appointment {appointment_id}",
        mail=made,
        no_mail=why_none,
        appointment_id=appointment_id,
        kinds=tuple(KINDS),
        kind=kind,
        role=role,
        back=url_for("console.appointment", appointment_id=appointment_id) if has_own_page else None,
    )


def mail_html(appointment_id: int, kind: str) -> Response:
    """The HTML part alone, for a frame."""
    made = _made(appointment_id, kind)
    if made is None:
        return _no_such_mail()
    return Response(made.html, headers={"Content-Security-Policy": FRAME_POLICY}, mimetype="text/html")


def mail_calendar(appointment_id: int, kind: str) -> Response:
    """The calendar file, as a download."""
    made = _made(appointment_id, kind)
    if made is None or made.calendar is None:
        return _no_such_mail()
    name, content = made.calendar
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, headers=disposition, mimetype="text/calendar")


def looked_at(appointment_id: int, kind: str, role: str) -> tuple[Preview | None, str]:
    """The mail of a command's `kind` as it would go out now, or a sentence that says why there is none to show.

    What our own code cannot write is reported, and shown as that: whoever looks into its failure has to see the
    rest of the page.
    """
    try:
        with database.transaction() as connection:
            return preview(connection, appointment_id, kind, role), ""
    except NoMailError as why:
        return None, str(why)
    except Exception as failure:  # noqa: BLE001 - see above
        crash(APPLICATION_CRASH, failure)
        return None, f"Our own code cannot write this mail ({type(failure).__name__}); that was reported."


def _made(appointment_id: int, kind: str) -> Preview | None:
    role = _role(kind)
    if role is None or not 0 < appointment_id <= MAX_ID:
        return None
    return looked_at(appointment_id, KINDS[kind], role)[0]


def _role(kind: str) -> str | None:
    """Whom it is written to; None when there is no such kind or role."""
    if kind not in KINDS:
        return None
    # Who gets a confirmation or an assignment goes without saying.
    role = commands.KINDS[KINDS[kind]].only_to or request.args.get("role") or "client"
    return role if role in ROLES else None


def _no_such_mail() -> Response:
    return problem(
        "There is no such mail",
        "The appointment does not exist, nobody would get this mail, or it has no calendar file.",
        "Look at the appointment's other mails.",
        status=404,
    )
