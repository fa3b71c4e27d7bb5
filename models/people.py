"""Users as operators make them: the record, the password, and the role of an employee with its duties."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

_INSERT = text(
    "INSERT INTO users (email, name, phone) VALUES (:email, :name, :phone)"
    " ON CONFLICT (lower(email)) DO NOTHING RETURNING id"
)
_FIND_BY_EMAIL = text("SELECT id, email, name FROM users WHERE lower(email) = lower(:key)")
_FIND_BY_ID = text("SELECT id, email, name FROM users WHERE id = :key")
_SET_PASSWORD = text("UPDATE users SET password_hash = :hash WHERE id = :id")
_END_SESSIONS = text(
    "UPDATE tokens SET revoked_at = now() WHERE kind = 'session' AND revoked_at IS NULL"
    " AND (user_id = :id OR CAST(:id AS bigint) IS NULL)"
)
_EMPLOY = text(
    "INSERT INTO employees (user_id, duties) VALUES (:id, :duties)"
    " ON CONFLICT (user_id) DO UPDATE SET duties = excluded.duties"
)
_DISMISS = text("DELETE FROM employees WHERE user_id = :id")
_LIST = text(
    "SELECT u.id, u.email, u.name, u.phone, u.created_at, u.password_hash IS NOT NULL AS has_password,"
    " e.duties, l.user_id IS NOT NULL AS is_liaison, c.id AS client_id,"
    " (SELECT max(t.last_used_at) FROM tokens t WHERE t.user_id = u.id) AS last_seen_at"
    " FROM users u LEFT JOIN employees e ON e.user_id = u.id LEFT JOIN liaisons l ON l.user_id = u.id"
    " LEFT JOIN clients c ON c.user_id = u.id ORDER BY u.id"
)


@dataclass(frozen=True, slots=True)
class Person:
    """A user, found."""

    id: int
    email: str
    name: str


@dataclass(frozen=True, slots=True)
class ListedUser:
    """A user as a list shows them. `duties` is None for who is no employee; stamps are aware, in UTC."""

    id: int
    email: str
    name: str
    phone: str | None
    created_at: datetime
    has_password: bool
    duties: tuple[str, ...] | None
    is_liaison: bool
    client_id: int | None
    last_seen_at: datetime | None

    @property
    def roles(self) -> tuple[str, ...]:
        """The user's roles, strongest first."""
        has = {
            "employee": self.duties is not None,
            "liaison": self.is_liaison,
            "client": self.client_id is not None,
        }
        return tuple(role for role, is_one in has.items() if is_one)


def add_user(connection: Connection, email: str, name: str, phone: str | None = None) -> int | None:
    """Make a user; their id, or None if there is one of this address, in whatever case."""
    made = connection.execute(_INSERT, {"email": email, "name": name, "phone": phone}).first()
    return None if made is None else int(made.id)


def find_user(connection: Connection, email_or_id: str) -> Person | None:
    """The user of an address, in any case, or of an id: digits only, which no address is."""
    is_id = email_or_id.isascii() and email_or_id.isdecimal() and len(email_or_id) < 19
    if is_id:
        found = connection.execute(_FIND_BY_ID, {"key": int(email_or_id)}).first()
    else:
        found = connection.execute(_FIND_BY_EMAIL, {"key": email_or_id}).first()
    return None if found is None else Person(found.id, found.email, found.name)


def set_password(connection: Connection, user_id: int, password_hash: str) -> None:
    """Store a hash of `models.passwords.hash_password`."""
    connection.execute(_SET_PASSWORD, {"id": user_id, "hash": password_hash})


def end_all_sessions(connection: Connection, user_id: int | None) -> int:
    """Revoke every session of a user, or with None of everybody; how many there were."""
    return connection.execute(_END_SESSIONS, {"id": user_id}).rowcount


def employ(connection: Connection, user_id: int, duties: Sequence[str]) -> None:
    """Make the user an employee with exactly these duties."""
    connection.execute(_EMPLOY, {"id": user_id, "duties": list(duties)})


def dismiss(connection: Connection, user_id: int) -> bool:
    """Take the role of an employee away; False if the user was none."""
    return connection.execute(_DISMISS, {"id": user_id}).rowcount == 1


def list_users(connection: Connection) -> list[ListedUser]:
    """All users by id."""
    return [
        ListedUser(
            row.id,
            row.email,
            row.name,
            row.phone,
            row.created_at,
            row.has_password,
            None if row.duties is None else tuple(row.duties),
            row.is_liaison,
            row.client_id,
            row.last_seen_at,
        )
        for row in connection.execute(_LIST)
    ]
