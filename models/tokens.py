"""Tokens: how they are made, read, stored and looked up (contract.md section 4).

A token is `<kind>_<public id>_<secret>`: the public id finds its row through a unique index, the secret (256
random bits) is stored as its SHA-256 only, because a random secret needs no slow hash. It is compared in
constant time.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from models.accounts import ROLES
from models.prepared import Prepared, Row

SESSION_LIFETIME = timedelta(days=7)
SESSION_IDLE_LIMIT = timedelta(hours=72)
LAST_USED_PRECISION = timedelta(minutes=5)
"""A token's last use is written at most this often: a write for each request would double its cost."""

_SPELLING = re.compile(r"(application|session)_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class MintedToken:
    """A new token. `text` is shown once and kept nowhere."""

    text: str = field(repr=False)
    kind: str
    public_id: str
    secret_sha256: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Holder:
    """What the database knows about a token and whoever holds it. `roles` are the user's, strongest first."""

    token_id: int
    kind: str
    public_id: str
    created_at: datetime
    last_used_at: datetime
    remember_me: bool
    application_id: int
    application_slug: str
    application_name: str
    user_id: int | None
    user_email: str | None = field(repr=False)
    user_name: str | None = field(repr=False)
    roles: tuple[str, ...]
    client_id: int | None
    company_ids: frozenset[int]

    def expires_at(self) -> datetime | None:
        """When the session ends if it is not used again; None for what does not expire."""
        if self.kind != "session" or self.remember_me:
            return None
        return min(self.created_at + SESSION_LIFETIME, self.last_used_at + SESSION_IDLE_LIMIT)

    def has_expired(self, now: datetime) -> bool:
        """Whether the session is over at `now` (aware)."""
        end = self.expires_at()
        return end is not None and now >= end


def mint(kind: str) -> MintedToken:
    """A new token of `kind` ("application" or "session")."""
    public_id = secrets.token_hex(8)
    secret = secrets.token_urlsafe(32)
    return MintedToken(f"{kind}_{public_id}_{secret}", kind, public_id, _sha256(secret))


_INSERT = text(
    "INSERT INTO tokens (public_id, secret_sha256, kind, label, application_id, user_id, remember_me, created_at,"
    " last_used_at) VALUES (:public_id, :secret_sha256, :kind, :label, :application_id, :user_id, :remember_me,"
    " coalesce(:at, now()), coalesce(:at, now())) RETURNING id"
)


def store(
    connection: Connection,
    minted: MintedToken,
    *,
    application_id: int,
    user_id: int | None = None,
    label: str = "",
    remember_me: bool = False,
    at: datetime | None = None,
) -> int:
    """Keep a new token's hash; the id of its row. `at` (aware) is when it begins to count; None: now."""
    row = connection.execute(
        _INSERT,
        {
            "public_id": minted.public_id,
            "secret_sha256": minted.secret_sha256,
            "kind": minted.kind,
            "label": label,
            "application_id": application_id,
            "user_id": user_id,
            "remember_me": remember_me,
            "at": at,
        },
    ).one()
    return int(row.id)


# One indexed read on the way of every request. From the fourth column on, the fields of `Holder` in their
# order, but for its roles.
_COLUMNS = """t.secret_sha256, e.user_id IS NOT NULL AS is_employee, l.user_id IS NOT NULL AS is_liaison,
  t.id, t.kind, t.public_id, t.created_at, t.last_used_at, t.remember_me, a.id, a.slug, a.name,
  u.id, u.email, u.name, c.id,
  ARRAY(SELECT company_id FROM liaison_companies s WHERE s.user_id = l.user_id)"""
_COLUMN_COUNT = 17
_TABLES = """tokens t
JOIN applications a ON a.id = t.application_id
LEFT JOIN users u ON u.id = t.user_id
LEFT JOIN employees e ON e.user_id = u.id
LEFT JOIN liaisons l ON l.user_id = u.id
LEFT JOIN clients c ON c.user_id = u.id"""
_IS_VALID = "t.public_id = $1 AND t.revoked_at IS NULL"

_FIND = Prepared(f"SELECT {_COLUMNS} FROM {_TABLES} WHERE {_IS_VALID}")  # noqa: S608 - constants


class ReadAlong:
    """What a request names, read in the same round trip as its token: one statement instead of two."""

    def __init__(self, select: str, params: tuple[str, ...]) -> None:
        """`select` gives one row; `$2`, `$3` … in it are the values of `params`, null where one was not given."""
        self._params = params
        self._find = Prepared(
            f"SELECT {_COLUMNS}, along.* FROM {_TABLES} LEFT JOIN LATERAL ({select}) AS along ON true"  # noqa: S608
            f" WHERE {_IS_VALID}"
        )

    def find(
        self, connection: Connection, token: str, values: Mapping[str, object]
    ) -> tuple[Holder | None, Row]:
        """Who holds this token, as `find_holder` tells, and the row; it is empty when `values` name nothing.

        Nobody is to see anything of the row before the holder has been checked.
        """
        named = [values.get(param) for param in self._params]
        if not any(named):
            return find_holder(connection, token), ()
        spelled = _SPELLING.fullmatch(token)
        row = None if spelled is None else self._find.row(connection, spelled[2], *named)
        if spelled is None or row is None:
            return None, ()
        return _holder(spelled, row[:_COLUMN_COUNT]), row[_COLUMN_COUNT:]


def find_holder(connection: Connection, token: str) -> Holder | None:
    """Who holds this token; None when it is malformed, unknown or revoked."""
    spelled = _SPELLING.fullmatch(token)
    row = None if spelled is None else _FIND.row(connection, spelled[2])
    return None if spelled is None or row is None else _holder(spelled, row)


def _holder(spelled: re.Match[str], row: Row) -> Holder | None:
    """The holder whose row was found, if the secret is right."""
    secret_sha256, is_employee, is_liaison, token_id, kind, *known, client_id, company_ids = row
    if kind != spelled[1] or not hmac.compare_digest(secret_sha256, _sha256(spelled[3])):
        return None
    has = {"employee": is_employee, "liaison": is_liaison, "client": client_id is not None}
    roles = tuple(role for role in ROLES if has[role])
    fields = (token_id, kind, *known, roles, client_id, frozenset(company_ids))
    return Holder(*fields)


_TOUCH = "UPDATE tokens SET last_used_at = %(now)s WHERE id = %(id)s AND last_used_at < %(now)s"


def touch(connection: Connection, holder: Holder, now: datetime) -> Holder:
    """Note that the token was used at `now`, unless that was noted a short while ago; the holder as it is then."""
    if now - holder.last_used_at < LAST_USED_PRECISION:
        return holder
    connection.exec_driver_sql(_TOUCH, {"id": holder.token_id, "now": now})
    return replace(holder, last_used_at=now)


def _sha256(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
