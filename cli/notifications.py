"""`flask notifications`: what developers must see, and sending a failed mail again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click
from sqlalchemy import Connection, bindparam, text

from cli.failures import Failure, Group
from cli.output import cell, json_option, show_json
from models import command_ledger, database
from models.command_states import RESEND, State


@click.group(cls=Group)
def notifications() -> None:
    """Failures that a person should know of."""


@notifications.command("list", with_appcontext=False)
@click.option("--state", type=click.Choice(["open", "all"]), default="open", show_default=True)
@json_option
def list_notifications(state: str, as_json: bool) -> None:
    """The notifications, newest first; addresses are masked."""
    with database.transaction() as connection:
        rows = connection.execute(
            text(
                "SELECT id, status, state, severity, cause, appointment_id, command_id, recipient, attempts,"
                " may_have_been_sent, first_at, last_at, closed_at, closed_by, message, hint"
                " FROM notifications WHERE state = 'open' OR :all ORDER BY last_at DESC, id DESC"
            ),
            {"all": state == "all"},
        ).mappings()
        listed = [{**row, "recipient": masked(row["recipient"])} for row in rows]
    if as_json:
        show_json(listed)
        return
    if not listed:
        click.echo("There are no open notifications." if state == "open" else "There are no notifications.")
    for row in listed:
        click.echo("\n".join(_paragraph(row)) + "\n")


def masked(email: str | None) -> str | None:
    """An address of which a person who knows it can tell that it is meant: `c***@example.com`."""
    if not email:
        return None
    name, at, domain = email.rpartition("@")
    return f"{name[:1]}***{at}{domain}"


def _paragraph(row: dict[str, Any]) -> list[str]:
    where = f"appointment {row['appointment_id']}" if row["appointment_id"] is not None else None
    facts = [row["severity"], row["status"], row["cause"], where, row["recipient"]]
    state = "" if row["state"] == "open" else f" [{row['state']} by {cell(row['closed_by'])}]"
    attempts = f"{row['attempts']} attempt{'' if row['attempts'] == 1 else 's'}"
    doubt = ", may have been sent" if row["may_have_been_sent"] else ""
    lines = [
        f"#{row['id']}  " + "  ".join(fact for fact in facts if fact) + state,
        f"    {row['message']}",
        f"    {row['hint']}" if row["hint"] else "",
        f"    {attempts}{doubt}; first {cell(row['first_at'])}, last {cell(row['last_at'])}",
    ]
    return [line for line in lines if line]


@notifications.command(with_appcontext=False)
@click.argument("ids", metavar="ID...", nargs=-1, required=True, type=click.IntRange(1, 2**63 - 1))
@click.option("--yes", is_flag=True, help="Do not ask about mails that may have been sent.")
def resend(ids: tuple[int, ...], yes: bool) -> None:
    """Do the commands of these notifications again: mostly, send a mail. Each stays open until it worked."""
    wanted = tuple(dict.fromkeys(ids))
    with database.transaction() as connection:
        found = _find(connection, wanted)
    refused = {number: why for number in wanted if (why := _why_not(found.get(number))) is not None}
    agreed = [number for number in wanted if number not in refused and (yes or _is_agreed(found[number]))]
    sent = []
    with database.transaction() as connection:
        for number in agreed:
            command_id = found[number].command_id
            if command_id is not None and command_ledger.resend(connection, command_id):
                sent.append(number)
            else:
                refused[number] = "is being dealt with meanwhile."
    for number in sent:
        click.echo(f"Notification {number}: {found[number].command_kind} is queued again.")
    if refused:
        raise Failure("\n".join(f"Notification {number} {why}" for number, why in refused.items()))


@dataclass(frozen=True, slots=True)
class _Found:
    id: int
    state: str
    command_id: int | None
    command_kind: str | None
    command_state: str | None
    may_have_been_sent: bool
    recipient: str | None


_FIND = text(
    "SELECT n.id, n.state, n.command_id, c.kind AS command_kind, c.state AS command_state,"
    " n.may_have_been_sent OR coalesce(c.state = 'unknown', false) AS may_have_been_sent, n.recipient"
    " FROM notifications n LEFT JOIN all_commands c ON c.id = n.command_id WHERE n.id IN :ids"
).bindparams(bindparam("ids", expanding=True))


def _find(connection: Connection, ids: Sequence[int]) -> dict[int, _Found]:
    rows = connection.execute(_FIND, {"ids": list(ids)})
    return {row.id: _Found(**row._mapping) for row in rows}


def _why_not(found: _Found | None) -> str | None:
    """Why a notification's mail is not sent again, as the rest of a sentence; None when it may be."""
    if found is None:
        return "does not exist."
    if found.state != "open":
        return f"is {found.state}; nothing is left to be done."
    if found.command_id is None or found.command_state is None:
        return "has no command, so there is nothing to do again; its hint says what helps."
    if State(found.command_state) not in RESEND.sources:
        return f"has a command that is {found.command_state}; only a failed or unknown one can be done again."
    return None


def _is_agreed(found: _Found) -> bool:
    if not found.may_have_been_sent:
        return True
    return click.confirm(
        f"The mail of notification {found.id} to {masked(found.recipient)} may have been sent. Send it again?",
        err=True,
    )
