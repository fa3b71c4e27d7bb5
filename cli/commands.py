"""`flask commands`: what is queued, and what people do about it."""

import getpass
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import click

from cli.failures import Failure, Group
from cli.notifications import IDS, REASON
from cli.output import json_option, show_json, show_table
from cli.spans import Span
from models import command_actions, database
from models.audit import Actor
from models.backlog import Left, read_left
from models.command_board import ORDERS, SoughtCommands, list_commands, read_one_command
from models.command_states import OPEN, State
from models.notification_actions import Done
from models.notification_list import masked
from tasks.catalogue import KINDS

LOOK_EVERY_S = 0.5


@click.group(cls=Group)
def commands() -> None:
    """Queued work: the commands that follow from requests."""


@commands.command("list", with_appcontext=False)
@click.option("--kind", type=click.Choice(list(KINDS)), help="Only these.")
@click.option(
    "--state",
    type=click.Choice(["unfinished", *(str(state) for state in State), "all"]),
    default="unfinished",
    show_default=True,
    help="unfinished: all but done.",
)
@click.option("--appointment", type=int, help="Only those of this appointment.")
@click.option(
    "--order",
    type=click.Choice(list(ORDERS)),
    default="due",
    show_default=True,
    help="due: the next attempt first.",
)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many.")
@json_option
def list_command(
    kind: str | None, state: str, appointment: int | None, order: str, limit: int, as_json: bool
) -> None:
    """The commands that are not in the archive; addresses are masked."""
    states = {"unfinished": (*OPEN, State.FAILED), "all": None}
    wanted = states[state] if state in states else (State(state),)
    with database.transaction() as connection:
        page = list_commands(connection, SoughtCommands(kind, wanted, appointment, order), limit=limit)
    if as_json:
        show_json(page.commands)
        return
    titles = ("id", "kind", "state", "appointment", "recipient", "attempts", "available_at", "last_error")
    names = ("id", "kind", "state", "appointment_id", "recipient", "attempts", "available_at", "last_error")
    rows = [[one[name] for name in names] for one in page.commands]
    show_table(titles, rows, "There are no such commands.")
    if page.next_cursor is not None:
        click.echo(f"There are more than these {limit}; see --limit.", err=True)


@commands.command(with_appcontext=False)
@IDS
@click.option("--yes", is_flag=True, help="Do not ask about mails that may have been sent.")
def retry(ids: tuple[int, ...], yes: bool) -> None:
    """Have these done now: what waits for its next attempt, what failed, what is in doubt."""
    results = _act(lambda connection: command_actions.retry_now(connection, ids, _me(), even_if_sent=yes))
    agreed = [one.id for one in results if one.asks and _is_agreed(one.id)]
    if agreed:
        results += _act(
            lambda connection: command_actions.retry_now(connection, agreed, _me(), even_if_sent=True)
        )
    _tell([one for one in results if not one.asks])


@commands.command(with_appcontext=False)
@IDS
@REASON
def drop(ids: tuple[int, ...], reason: str) -> None:
    """Give these mails up for good; their open notifications are ignored."""
    _tell(_act(lambda connection: command_actions.drop(connection, ids, _me(), reason)))


@commands.command(with_appcontext=False)
@click.option(
    "--timeout",
    "timeout_s",
    type=Span(0),
    default=60.0,
    show_default=True,
    help="Seconds to wait; 0 only looks.",
)
@json_option
def drain(timeout_s: float, as_json: bool) -> None:
    """Wait until workers have nothing to do: nothing due, nothing under way. Exit status 1 if that takes too long.

    Nothing is stopped or held back; what waits for a later attempt goes on waiting.
    """
    give_up_at = time.monotonic() + timeout_s
    while True:
        with database.transaction() as connection:
            left = read_left(connection)
        if left.is_drained or time.monotonic() >= give_up_at:
            break
        time.sleep(min(LOOK_EVERY_S, timeout_s))
    if as_json:
        show_json({"drained": left.is_drained, **asdict(left)})
    elif left.is_drained:
        click.echo(f"Drained: nothing is due or under way; {_later(left)}.")
    if not left.is_drained:
        raise Failure(f"{left.due} are due and {left.under_way} under way; {_later(left)}.")


def _later(left: Left) -> str:
    return f"{left.later or 'none'} {'waits' if left.later == 1 else 'wait'} for a later attempt"


def _me() -> Actor:
    """The account of this machine that the command runs under."""
    name = getpass.getuser()
    return Actor(name, "command-line", f"account:{name}"[:63])


def _act(action: Callable[[Any], Sequence[Done]]) -> list[Done]:
    with database.transaction() as connection:
        return list(action(connection))


def _is_agreed(number: int) -> bool:
    with database.transaction() as connection:
        found = read_one_command(connection, number)
    recipient = masked(found["recipient"]) if found else None
    return click.confirm(
        f"The mail of command {number} to {recipient} may have been sent. Send it again?", err=True
    )


def _tell(results: Sequence[Done]) -> None:
    for one in results:
        if one.is_done:
            click.echo(f"Command {one.id} {one.message}")
    refused = [f"Command {one.id} {one.message}" for one in results if not one.is_done]
    if refused:
        raise Failure("\n".join(refused))
