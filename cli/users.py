"""`flask users`: who can log in, with which password, and who works here.

Passwords come from a prompt or from standard input; as an argument they would stand in the shell's history and
in everybody's list of processes.
"""

import sys

import click
from sqlalchemy import Connection

from cli.failures import Failure, Group
from cli.output import json_option, show_json, show_table
from models import database, people
from models.passwords import LONGEST, PasswordRuleError, hash_password
from tasks.mail_door import AddressError, checked_address

KNOWN_DUTIES = ("photographer", "dispatcher")
"""Duties that mean something to the product or its demo; others are kept as they are."""


@click.group(cls=Group)
def users() -> None:
    """People who can log in: make them, set passwords, give them the role of an employee."""


@users.command(with_appcontext=False)
@click.option("--email", required=True, help="What the person logs in with.")
@click.option("--name", required=True, help="As it is to stand on appointments.")
@click.option("--phone", help="Telephone number.")
@click.option("--duty", "duties", multiple=True, help="Makes an employee with this duty; may be repeated.")
@click.option("--password", "asks", is_flag=True, help="Ask for a password.")
@click.option("--password-stdin", "reads", is_flag=True, help="Read the password from standard input.")
@json_option
def create(
    email: str,
    name: str,
    phone: str | None,
    duties: tuple[str, ...],
    asks: bool,
    reads: bool,
    as_json: bool,
) -> None:
    """Make a user. Without a password nobody can log in as them yet."""
    email, name = _checked_email(email), _checked_text(name, "--name", 255)
    phone = None if phone is None else _checked_text(phone, "--phone", 32)
    checked_duties = _checked_duties(duties)
    hashed = _hashed(_password(reads=reads)) if asks or reads else None
    with database.transaction() as connection:
        user_id = people.add_user(connection, email, name, phone)
        if user_id is None:
            raise Failure(f"There is a user with the address {email} already; `flask users list` shows them.")
        if checked_duties:
            people.employ(connection, user_id, checked_duties)
        if hashed is not None:
            people.set_password(connection, user_id, hashed)
    if as_json:
        show_json({"id": user_id, "email": email, "name": name, "duties": list(checked_duties)})
        return
    click.echo(f"User {user_id} was made.")
    if hashed is None:
        click.echo("They cannot log in before `flask users set-password` gave them a password.", err=True)


@users.command("set-password", with_appcontext=False)
@click.argument("user")
@click.option(
    "--stdin", "reads", is_flag=True, help="Read the password from standard input, up to a line end."
)
@click.option("--keep-sessions", is_flag=True, help="Leave the sessions open that there are.")
def set_password(user: str, reads: bool, keep_sessions: bool) -> None:
    """Set the password of USER (e-mail address or id), and end all of their sessions."""
    with database.transaction() as connection:
        _found(connection, user)  # before somebody types a password for nobody
    hashed = _hashed(_password(reads=reads))
    with database.transaction() as connection:
        person = _found(connection, user)
        people.set_password(connection, person.id, hashed)
        ended = 0 if keep_sessions else people.end_all_sessions(connection, person.id)
    sessions = {0: "", 1: " One session was ended."}.get(ended, f" {ended} sessions were ended.")
    click.echo(f"{person.email} has a new password.{sessions}")


@users.command(with_appcontext=False)
@click.argument("user")
@click.option("--duty", "duties", multiple=True, help="What for, such as photographer; may be repeated.")
def employ(user: str, duties: tuple[str, ...]) -> None:
    """Make USER (e-mail address or id) an employee with these duties and no others."""
    checked = _checked_duties(duties)
    with database.transaction() as connection:
        person = _found(connection, user)
        people.employ(connection, person.id, checked)
    click.echo(
        f"{person.email} is an employee" + (f": {', '.join(checked)}." if checked else ", without duties.")
    )


@users.command(with_appcontext=False)
@click.argument("user")
def dismiss(user: str) -> None:
    """Take the role of an employee away from USER (e-mail address or id), and end their sessions."""
    with database.transaction() as connection:
        person = _found(connection, user)
        was_one = people.dismiss(connection, person.id)
        if was_one:
            people.end_all_sessions(connection, person.id)
    click.echo(f"{person.email} is no employee{' any more' if was_one else ''}.")


@users.command("list", with_appcontext=False)
@json_option
def list_users(as_json: bool) -> None:
    """All users with their roles, and whether they have a password."""
    with database.transaction() as connection:
        listed = people.list_users(connection)
    if as_json:
        show_json(
            [
                {
                    "id": one.id,
                    "email": one.email,
                    "name": one.name,
                    "phone": one.phone,
                    "roles": one.roles,
                    "duties": one.duties,
                    "client_id": one.client_id,
                    "has_password": one.has_password,
                    "created_at": one.created_at,
                    "last_seen_at": one.last_seen_at,
                }
                for one in listed
            ]
        )
        return
    show_table(
        ("ID", "E-MAIL", "NAME", "ROLES", "DUTIES", "PASSWORD", "LAST SEEN"),
        [
            (
                one.id,
                one.email,
                one.name,
                ", ".join(one.roles),
                ", ".join(one.duties or ()),
                one.has_password,
                one.last_seen_at,
            )
            for one in listed
        ],
        "There are no users yet; `flask users create` makes one, `flask import` brings many in.",
    )


def _found(connection: Connection, user: str) -> people.Person:
    person = people.find_user(connection, user)
    if person is None:
        raise Failure(f"There is no user {user}; `flask users list` shows those there are.")
    return person


def _password(*, reads: bool) -> str:
    """From standard input, without the line end that `echo` adds, or typed twice without being shown."""
    if reads:
        # A little more than fits, so that what is too long is noticed and not cut.
        return sys.stdin.read(4 * LONGEST).removesuffix("\n").removesuffix("\r")
    typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return typed


def _hashed(password: str) -> str:
    try:
        return hash_password(password)
    except PasswordRuleError as broken:
        raise Failure(str(broken)) from None


def _checked_email(email: str) -> str:
    try:
        return checked_address(email)
    except AddressError as odd:
        raise click.BadParameter(str(odd), param_hint="--email") from None


def _checked_text(given: str, option: str, longest: int) -> str:
    given = given.strip()
    if not 1 <= len(given) <= longest or not given.isprintable():
        raise click.BadParameter(f"1 to {longest} characters on one line.", param_hint=option)
    return given


def _checked_duties(duties: tuple[str, ...]) -> tuple[str, ...]:
    """Each once, in lower case. What nothing here asks for is told, because it may be a slip of the pen."""
    checked = tuple(dict.fromkeys(_checked_text(duty, "--duty", 63).lower() for duty in duties))
    for duty in checked:
        if duty not in KNOWN_DUTIES:
            click.echo(
                f"Note: {duty} is a duty that nothing here asks for; known are {', '.join(KNOWN_DUTIES)}.",
                err=True,
            )
    return checked
