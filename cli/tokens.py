"""`flask tokens`: make, revoke and list tokens. A secret is shown once, when it is made, and never again."""

from dataclasses import dataclass
from datetime import datetime

import click
from sqlalchemy import Connection, text

from cli.failures import Failure, Group
from cli.output import json_option, show_json, show_table
from models import database, people
from models import tokens as ledger
from models.moment import now


@click.group(cls=Group)
def tokens() -> None:
    """Tokens of applications and of people's sessions."""


@tokens.command(with_appcontext=False)
@click.option("--application", required=True, help="The application's slug, such as planoauth.")
@click.option("--user", help="E-mail address or id: makes a session token of this person.")
@click.option("--remember-me", is_flag=True, help="The session never expires.")
@click.option("--label", default="", help="What the token is for; shown in the list.")
@json_option
def create(application: str, user: str | None, remember_me: bool, label: str, as_json: bool) -> None:
    """Make a token and print it, once. Without --user it is the application's own."""
    if remember_me and user is None:
        raise click.UsageError("--remember-me is for sessions: name the person with --user.")
    if len(label) > 255:
        raise click.BadParameter("at most 255 characters.", param_hint="--label")
    minted = ledger.mint("application" if user is None else "session")
    with database.transaction() as connection:
        application_id = _application(connection, application)
        person = None if user is None else _user(connection, user)
        ledger.store(
            connection,
            minted,
            application_id=application_id,
            user_id=None if person is None else person.id,
            label=label,
            remember_me=remember_me,
        )
    if as_json:
        show_json(
            {
                "token": minted.text,
                "public_id": minted.public_id,
                "kind": minted.kind,
                "application": application,
                "user": None if person is None else {"id": person.id, "email": person.email},
                "remember_me": remember_me,
                "label": label,
            }
        )
        return
    click.echo("Keep this token now: it is shown once and stored nowhere.", err=True)
    click.echo(minted.text)


@tokens.command(with_appcontext=False)
@click.argument("public_id", required=False)
@click.option("--sessions", is_flag=True, help="All sessions of people instead; those of programs stay.")
@click.option("--user", help="With --sessions: only those of this person (e-mail address or id).")
def revoke(public_id: str | None, sessions: bool, user: str | None) -> None:
    """Revoke the token with this PUBLIC_ID (the middle part of the token). Requests with it fail at once."""
    if sessions == (public_id is not None):
        raise click.UsageError("Name the PUBLIC_ID of one token, or --sessions.")
    if user is not None and not sessions:
        raise click.UsageError("--user goes with --sessions.")
    if public_id is None:
        _revoke_sessions(user)
    else:
        _revoke(public_id)


def _revoke(public_id: str) -> None:
    with database.transaction() as connection:
        found = connection.execute(
            text("SELECT id, revoked_at FROM tokens WHERE public_id = :public_id FOR UPDATE"),
            {"public_id": public_id},
        ).first()
        if found is None:
            raise Failure("There is no token with this public id; `flask tokens list` shows those there are.")
        if found.revoked_at is None:
            connection.execute(text("UPDATE tokens SET revoked_at = now() WHERE id = :id"), {"id": found.id})
    click.echo("Revoked." if found.revoked_at is None else "It had been revoked already.")


def _revoke_sessions(user: str | None) -> None:
    with database.transaction() as connection:
        person = None if user is None else _user(connection, user)
        number = people.end_all_sessions(connection, None if person is None else person.id)
    of = "" if person is None else f" of {person.email}"
    click.echo(f"{number} {'session' if number == 1 else 'sessions'}{of} revoked.")


@tokens.command("list", with_appcontext=False)
@json_option
def list_tokens(as_json: bool) -> None:
    """All tokens, without their secrets."""
    with database.transaction() as connection:
        rows = connection.execute(
            text(
                "SELECT t.public_id, t.kind, a.slug AS application, u.id AS user_id, u.email, t.label,"
                " t.remember_me, t.created_at, t.last_used_at, t.revoked_at"
                " FROM tokens t JOIN applications a ON a.id = t.application_id"
                " LEFT JOIN users u ON u.id = t.user_id ORDER BY t.id"
            )
        ).all()
    at = now()
    listed = [
        {
            "public_id": row.public_id,
            "kind": row.kind,
            "application": row.application,
            "user": None if row.user_id is None else {"id": row.user_id, "email": row.email},
            "label": row.label,
            "remember_me": row.remember_me,
            "created_at": row.created_at,
            "last_used_at": row.last_used_at,
            "state": _state(row.kind, row.remember_me, row.created_at, row.last_used_at, row.revoked_at, at),
        }
        for row in rows
    ]
    if as_json:
        show_json(listed)
        return
    show_table(
        ("PUBLIC ID", "KIND", "APPLICATION", "USER", "LABEL", "CREATED", "LAST USED", "STATE"),
        [
            (
                token["public_id"],
                token["kind"],
                token["application"],
                row.email,
                token["label"],
                token["created_at"],
                token["last_used_at"],
                token["state"],
            )
            for token, row in zip(listed, rows, strict=True)
        ],
        "There are no tokens yet; `flask tokens create` makes one.",
    )


@dataclass(frozen=True, slots=True)
class _User:
    id: int
    email: str


def _application(connection: Connection, slug: str) -> int:
    known = {
        row.slug: row.id
        for row in connection.execute(text("SELECT slug, id FROM applications ORDER BY slug"))
    }
    if slug not in known:
        raise Failure(f"There is no application {slug}; there are {', '.join(known)}.")
    return int(known[slug])


def _user(connection: Connection, email_or_id: str) -> _User:
    """By id when it is digits only, which no address is."""
    is_id = email_or_id.isascii() and email_or_id.isdecimal() and len(email_or_id) < 19
    by = "id = :key" if is_id else "lower(email) = lower(:key)"
    found = connection.execute(
        text(f"SELECT id, email FROM users WHERE {by}"),  # noqa: S608 - constants
        {"key": int(email_or_id) if is_id else email_or_id},
    ).first()
    if found is None:
        raise Failure(f"There is no user {email_or_id}; `flask import` brings users in.")
    return _User(found.id, found.email)


def _state(
    kind: str,
    remember_me: bool,
    created_at: datetime,
    last_used_at: datetime,
    revoked_at: datetime | None,
    at: datetime,
) -> str:
    if revoked_at is not None:
        return "revoked"
    if kind != "session" or remember_me:
        return "active"
    end = min(created_at + ledger.SESSION_LIFETIME, last_used_at + ledger.SESSION_IDLE_LIMIT)
    return "expired" if at >= end else "active"
