"""A user becomes a client: the record that confirmations and orders hang on, made once or found and taken over."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

_LOCK_USER = text("SELECT name, email FROM users WHERE id = :id FOR UPDATE")
_OF_USER = text("SELECT id FROM clients WHERE user_id = :id")

# The oldest, as an import chooses. A user's address is trusted, see `register_client`.
_UNCLAIMED = text(
    "SELECT id FROM clients WHERE user_id IS NULL AND lower(email) = lower(:email) ORDER BY id LIMIT 1 FOR UPDATE"
)
_CLAIM = text(
    "UPDATE clients SET user_id = :user_id, name = coalesce(nullif(name, ''), :name),"
    " phone = coalesce(nullif(phone, ''), :phone),"
    " assistant_emails = assistant_emails || ARRAY(SELECT added FROM unnest(CAST(:assistants AS text[])) added"
    "  WHERE lower(added) NOT IN (SELECT lower(there) FROM unnest(assistant_emails) there))"
    " WHERE id = :id"
)
_INSERT = text(
    "INSERT INTO clients (user_id, email, name, phone, assistant_emails)"
    " VALUES (:user_id, :email, :name, :phone, CAST(:assistants AS text[]))"
    " ON CONFLICT (user_id) DO NOTHING RETURNING id"
)
_READ = text("SELECT id, name, email, phone, assistant_emails, company_id FROM clients WHERE user_id = :id")


@dataclass(frozen=True, slots=True)
class Registered:
    """The client record of a user. `how`: `made`, `linked` (there was one without a user) or `there` already."""

    how: str
    client: dict[str, Any]


def register_client(
    connection: Connection,
    user_id: int,
    *,
    name: str | None,
    phone: str | None,
    assistants: Sequence[str],
) -> Registered:
    """Give the user a client record, in the caller's transaction; the user's own name where `name` is None.

    The address is the user's own and cannot be chosen: mails about orders must not go to an address that
    nobody vouches for. For the same reason a record of that address which has no user yet is taken over with
    its orders, rather than doubled: users are made by operators and by imports only, and nobody can change the
    address of their own account, so whoever has the account was given it as the person of that address. An
    import links the two by the same rule. Should people ever sign up by themselves, this has to wait until
    their address is confirmed. What the office wrote into such a record stays; gaps are filled.

    The company is not asked for: which company somebody orders for is the office's to say.

    Of two at once the second waits for the first and finds its record.
    """
    user = connection.execute(_LOCK_USER, {"id": user_id}).one()
    if connection.execute(_OF_USER, {"id": user_id}).first() is not None:
        return Registered("there", _read(connection, user_id))
    said = {
        "user_id": user_id,
        "name": name or user.name,
        "phone": phone,
        "assistants": list(assistants),
    }
    unclaimed = connection.execute(_UNCLAIMED, {"email": user.email}).first()
    if unclaimed is not None:
        connection.execute(_CLAIM, {**said, "id": unclaimed.id})
        return Registered("linked", _read(connection, user_id))
    made = connection.execute(_INSERT, {**said, "email": user.email}).first()
    return Registered("there" if made is None else "made", _read(connection, user_id))


def _read(connection: Connection, user_id: int) -> dict[str, Any]:
    return dict(connection.execute(_READ, {"id": user_id}).mappings().one())
