"""The demo's tokens and console password, and the file that keeps them between seeds.

The database holds hashes only, so what was shown once is kept in `VAR_DIR/demo.json`, readable by its owner
alone. A seed keeps what still works and makes anew what does not.
"""

import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, bindparam, text

from cli.demo_data import APPLICATIONS, EMPLOYEE, SESSION_APPLICATION, SESSIONS
from cli.failures import Failure
from models import tokens
from models.passwords import hash_password, is_password
from models.production import DEMO_LABEL

FILE = "demo.json"
LABEL = DEMO_LABEL
_SET_STAMPS = text("UPDATE tokens SET created_at = :created_at, last_used_at = :last_used_at WHERE id = :id")


def application_tokens(connection: Connection, kept: Mapping[str, Any]) -> dict[str, str]:
    """A working token of each application, by slug."""
    return {
        slug: _working(connection, _text(kept, "application_tokens", slug), slug, None, remember_me=False)[0]
        for slug in APPLICATIONS
    }


def session_tokens(
    connection: Connection, kept: Mapping[str, Any], user_ids: Mapping[str, int], now: datetime
) -> dict[str, str]:
    """A token for each demo session, with its stamps set relative to `now`."""
    made = {}
    for name, session in SESSIONS.items():
        made[name], token_id = _working(
            connection,
            _text(kept, "session_tokens", name),
            SESSION_APPLICATION,
            user_ids[session.person.email],
            remember_me=session.remember_me,
        )
        stamps = {"created_at": now - session.age, "last_used_at": now - session.unused}
        connection.execute(_SET_STAMPS, {**stamps, "id": token_id})
    return made


def console_login(
    connection: Connection, kept: Mapping[str, Any], user_ids: Mapping[str, int]
) -> dict[str, str]:
    """The console's demo login: the kept password if the record still has it, else a new one."""
    user_id = user_ids[EMPLOYEE.email]
    stored = connection.scalar(text("SELECT password_hash FROM users WHERE id = :id"), {"id": user_id})
    password = _text(kept, "console_login", "password")
    if password is None or not is_password(stored, password):
        password = secrets.token_urlsafe(12)
        connection.execute(
            text("UPDATE users SET password_hash = :hash WHERE id = :id"),
            {"hash": hash_password(password), "id": user_id},
        )
    return {"email": EMPLOYEE.email, "password": password}


def forget(connection: Connection, kept: Mapping[str, Any]) -> None:
    """Delete the kept application tokens; those of sessions go with their users."""
    found = [
        holder.token_id
        for slug in APPLICATIONS
        if (token := _text(kept, "application_tokens", slug)) is not None
        and (holder := tokens.find_holder(connection, token)) is not None
    ]
    connection.execute(
        text("DELETE FROM tokens WHERE id IN :ids AND label = :label").bindparams(
            bindparam("ids", expanding=True)
        ),
        {"ids": found, "label": LABEL},
    )


def read_file(directory: Path) -> dict[str, Any]:
    """What the last seed kept; empty without a readable file."""
    try:
        kept = json.loads((directory / FILE).read_text())
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def write_file(directory: Path, demo: Mapping[str, object]) -> None:
    """Keep the demo's values for the next seed, replacing the file in one step. Raises `Failure`."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        handle, unfinished = tempfile.mkstemp(prefix=f".{FILE}-", dir=directory)  # readable by its owner only
        with os.fdopen(handle, "w") as file:
            json.dump(demo, file, indent=2)
        Path(unfinished).replace(directory / FILE)
    except OSError as refused:
        raise Failure(
            f"{directory / FILE} cannot be written ({refused.strerror}); set VAR_DIR to a directory of your own."
        ) from None


def _working(
    connection: Connection, kept: str | None, application: str, user_id: int | None, *, remember_me: bool
) -> tuple[str, int]:
    """The kept token if the database still knows it as what it is to be, else a new one; and its row's id."""
    holder = None if kept is None else tokens.find_holder(connection, kept)
    if (
        kept is not None
        and holder is not None
        and holder.application_slug == application
        and holder.user_id == user_id
        and holder.remember_me == remember_me
    ):
        return kept, holder.token_id
    minted = tokens.mint("application" if user_id is None else "session")
    application_id = connection.scalar(
        text("SELECT id FROM applications WHERE slug = :slug"), {"slug": application}
    )
    if application_id is None:
        raise Failure(f"The application {application} is missing; run `alembic upgrade head`.")
    token_id = tokens.store(
        connection,
        minted,
        application_id=application_id,
        user_id=user_id,
        label=LABEL,
        remember_me=remember_me,
    )
    return minted.text, token_id


def _text(kept: Mapping[str, Any], part: str, name: str) -> str | None:
    values = kept.get(part)
    value = values.get(name) if isinstance(values, dict) else None
    return value if isinstance(value, str) else None
