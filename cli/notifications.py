"""`flask notifications`: what developers must see, and what they do about it."""

import getpass
from collections.abc import Callable, Sequence
from typing import Any

import click

from cli.failures import Failure, Group
from cli.output import cell, json_option, show_json
from models import database, notification_actions
from models.audit import Actor
from models.notification_actions import Done
from models.notification_list import Wanted, list_notifications, masked, read_notification
from models.notifications import STATES, UNFINISHED
from tasks.mail.addresses import AddressError, Mailbox, checked_mailbox

IDS = click.argument("ids", metavar="ID...", nargs=-1, required=True, type=click.IntRange(1, 2**63 - 1))
REASON = click.option("--reason", default="", help="Why, for whoever reads the audit later.")

__all__ = ["masked", "notifications"]


@click.group(cls=Group)
def notifications() -> None:
    """Failures that a person should know of."""


@notifications.command("list", with_appcontext=False)
@click.option(
    "--state",
    type=click.Choice(["unfinished", *STATES, "all"]),
    default="unfinished",
    show_default=True,
    help="unfinished: open or retrying.",
)
@click.option("--status", help="Only these, for example mandrill-email-failed.")
@click.option("--cause", help="Only these, for example hard-bounce.")
@click.option("--appointment", type=int, help="Only those about this appointment.")
@click.option("--incident", type=int, help="Only those that hang on this incident.")
@json_option
def list_command(
    state: str,
    status: str | None,
    cause: str | None,
    appointment: int | None,
    incident: int | None,
    as_json: bool,
) -> None:
    """The notifications, newest first; addresses are masked."""
    states = {"unfinished": UNFINISHED, "all": None}.get(state, (state,))
    with database.transaction() as connection:
        wanted = Wanted(states, status, cause, appointment, incident)
        listed = list_notifications(connection, wanted).notifications
    if as_json:
        show_json(listed)
        return
    if not listed:
        click.echo("There are no notifications." if state == "all" else f"There are no {_named(state)}.")
    for row in listed:
        click.echo("\n".join(_paragraph(row)) + "\n")


def _named(state: str) -> str:
    return "open notifications" if state == "unfinished" else f"{state} notifications"


@notifications.command(with_appcontext=False)
@click.argument("number", metavar="ID", type=click.IntRange(1, 2**63 - 1))
@json_option
def show(number: int, as_json: bool) -> None:
    """Everything about one notification, with its whole address and what was done about it."""
    with database.transaction() as connection:
        row = read_notification(connection, number)
        wanted = Wanted(states=None, incident_id=number)
        members = list_notifications(connection, wanted, MOST_MEMBERS).notifications
    if row is None:
        raise Failure(f"Notification {number} does not exist.")
    if as_json:
        show_json(row)
        return
    click.echo("\n".join(_paragraph(row)))
    for name, value in row.items():
        if name not in _IN_PARAGRAPH and value not in (None, ""):
            click.echo(f"    {name.replace('_', ' ')}: {cell(value)}")
    for mail in row["mails"]:
        click.echo(f"    mail {mail['send_id']} to {mail['recipient']}: {mail['outcome']}")
        for attempt in mail["attempts"]:
            answer = (("HTTP", attempt["http_status"]), ("code", attempt.get("code")))
            numbers = ", ".join(f"{name} {number}" for name, number in answer if number is not None)
            answered = f" ({numbers})" if numbers else ""
            why = " ".join(word for word in (attempt["cause"], attempt["detail"]) if word)
            click.echo(f"        {attempt['at'][:19]}Z {attempt['outcome']}{answered} {why}")
    for entry in row["audit"]:
        detail = entry["detail"]
        said = f": {detail['reason']}" if detail.get("reason") else ""
        if detail.get("corrected_to"):
            said = f": from {detail.get('recipient') or 'no address'} to {detail['corrected_to']}"
        click.echo(f"    {cell(entry['at'])} {entry['action']} by {entry['actor']} via {entry['via']}{said}")
    for member in members:
        where = f"appointment {member['appointment_id']}, {member['recipient']}"
        click.echo(f"    #{member['id']} {member['state']}: {member['mail_kind']}, {where}")
    if len(members) == MOST_MEMBERS:
        click.echo(f"    … all of them: flask notifications list --state all --incident {number}")


MOST_MEMBERS = 20
"""So many of an incident's notifications are shown with it."""

_IN_PARAGRAPH = frozenset(
    {
        *("id", "status", "state", "severity", "cause", "message", "hint", "recipient", "appointment_id"),
        *("attempts", "may_have_been_sent", "first_at", "last_at", "closed_by", "audit", "mails"),
    }
)


def _paragraph(row: dict[str, Any]) -> list[str]:
    where = f"appointment {row['appointment_id']}" if row["appointment_id"] is not None else None
    facts = [row["severity"], row["status"], row["cause"], where, row["recipient"]]
    by = f" by {cell(row['closed_by'])}" if row["closed_by"] else ""
    state = "" if row["state"] == "open" else f" [{row['state']}{by}]"
    attempts = f"{row['attempts']} attempt{'' if row['attempts'] == 1 else 's'}"
    if row["status"] == "mail-incident":
        attempts = f"{row['occurrences']} mails, {row['unfinished_members']} not over"
    doubt = ", may have been sent" if row["may_have_been_sent"] else ""
    incident = f", part of incident {row['incident_id']}" if row["incident_id"] else ""
    lines = [
        f"#{row['id']}  " + "  ".join(fact for fact in facts if fact) + state,
        f"    {row['message']}",
        f"    {row['hint']}" if row["hint"] else "",
        f"    {attempts}{doubt}; first {cell(row['first_at'])}, last {cell(row['last_at'])}{incident}",
    ]
    return [line for line in lines if line]


@notifications.command(with_appcontext=False)
@IDS
@click.option("--yes", is_flag=True, help="Do not ask about mails that may have been sent.")
def resend(ids: tuple[int, ...], yes: bool) -> None:
    """Do the commands of these notifications again: mostly, send a mail. An incident means all of its mails."""
    results = _act(lambda connection: notification_actions.resend(connection, ids, _me(), even_if_sent=yes))
    asking = [one.id for one in results if one.asks]
    agreed = [number for number in asking if _is_agreed(number)]
    if agreed:
        results += _act(
            lambda connection: notification_actions.resend(connection, agreed, _me(), even_if_sent=True)
        )
    _tell([one for one in results if not one.asks])


@notifications.command(with_appcontext=False)
@click.argument("number", metavar="ID", type=click.IntRange(1, 2**63 - 1))
@click.argument("email")
def correct(number: int, email: str) -> None:
    """Send this mail to EMAIL instead. The client's own record is not changed: correct it where it is kept."""
    try:
        address = checked_mailbox(Mailbox(email)).email
    except AddressError as odd:
        raise Failure(str(odd)) from None
    _tell(_act(lambda connection: [notification_actions.correct(connection, number, address, _me())]))


@notifications.command(with_appcontext=False)
@IDS
@REASON
def resolve(ids: tuple[int, ...], reason: str) -> None:
    """Mark these as dealt with in another way."""
    _tell(_act(lambda connection: notification_actions.resolve(connection, ids, _me(), reason)))


@notifications.command(with_appcontext=False)
@IDS
@REASON
def ignore(ids: tuple[int, ...], reason: str) -> None:
    """Mark these as not worth doing anything; the same failure again does not open them."""
    _tell(_act(lambda connection: notification_actions.ignore(connection, ids, _me(), reason)))


def _act(action: Callable[[Any], Sequence[Done]]) -> list[Done]:
    with database.transaction() as connection:
        return list(action(connection))


def _me() -> Actor:
    """The account of this machine that the command runs under."""
    name = getpass.getuser()
    return Actor(name, "command-line", f"account:{name}"[:63])


def _tell(results: Sequence[Done]) -> None:
    refused = []
    for one in results:
        if one.is_done:
            colon = "" if one.message.startswith("is ") else ":"
            click.echo(f"Notification {one.id}{colon} {one.message}")
        else:
            refused.append(f"Notification {one.id} {one.message}")
    if refused:
        raise Failure("\n".join(refused))


def _is_agreed(number: int) -> bool:
    with database.transaction() as connection:
        row = read_notification(connection, number)
    recipient = masked(row["recipient"]) if row else None
    return click.confirm(
        f"The mail of notification {number} to {recipient} may have been sent. Send it again?", err=True
    )
