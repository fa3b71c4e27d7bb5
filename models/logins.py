"""Logging in and out: from an e-mail address and a password to a session's token, and its end.

Who has no user, no password, or another password is told the same, after the same work. How often somebody may
try is not decided here (`api/login_throttle.py`).
"""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, text

from models import tokens
from models.passwords import PasswordRuleError, hash_password, is_outdated, is_password
from models.tokens import Holder

LONGEST_ADDRESS = 320

_FIND = text("SELECT id, password_hash FROM users WHERE lower(email) = lower(:email)")
_REHASH = text("UPDATE users SET password_hash = :new WHERE id = :id AND password_hash = :old")
_END = text("UPDATE tokens SET revoked_at = now() WHERE id = :id AND kind = 'session' AND revoked_at IS NULL")

"""How long a session that is over is still known as such: `session-expired` helps a person more than a token that
is unknown."""

# A week after it began a session is over, whenever it was used last (`models.tokens.SESSION_LIFETIME`).
# Found once and for all first: a plan may ask a subquery again for every row, which then skips what it locked.
_FORGET = text(
    "WITH over AS MATERIALIZED (SELECT id FROM tokens WHERE kind = 'session' AND"
    " (revoked_at < now() - make_interval(days => CAST(:kept AS int))"
    " OR NOT remember_me"
    " AND created_at < now() - CAST(:lifetime AS interval) - make_interval(days => CAST(:kept AS int)))"
    " ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED)"
    " DELETE FROM tokens USING over WHERE tokens.id = over.id"
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session. `token` is shown to the person once and kept nowhere; `holder` is what is known of it."""

    token: str = field(repr=False)
    holder: Holder


def open_session(
    connection: Connection,
    email: str,
    password: str,
    application_id: int,
    remember_me: bool,
    now: datetime,
) -> Opened | None:
    """Open a session for the user of this address (in any case) if it is their password; None otherwise.

    `now` (aware) is when it begins. A hash that was made with older parameters is replaced by the way. The roles
    are in `holder`; a user without any gets a session too, because registering as a client takes one.

    Raises `models.passwords.PasswordsBusyError`: too many others are logging in at this moment.
    """
    email = email.strip()
    found = None
    if len(email) <= LONGEST_ADDRESS and email.isprintable():
        found = connection.execute(_FIND, {"email": email}).first()
    stored = None if found is None else found.password_hash
    if not is_password(stored, password) or found is None or stored is None:
        return None
    if is_outdated(stored):
        _renew(connection, found.id, stored, password)
    minted = tokens.mint("session")
    tokens.store(
        connection,
        minted,
        application_id=application_id,
        user_id=found.id,
        remember_me=remember_me,
        at=now,
    )
    holder = tokens.find_holder(connection, minted.text)
    return None if holder is None else Opened(minted.text, holder)


def end_session(connection: Connection, token_id: int) -> bool:
    """Revoke the token of a session; False if it was revoked already, or is not a session's."""
    return connection.execute(_END, {"id": token_id}).rowcount == 1


def forget_dead_sessions(connection: Connection, *, days: int, limit: int) -> int:
    """Delete up to `limit` sessions that have been over for `days`; how many. Application tokens stay."""
    given = {"limit": limit, "kept": days, "lifetime": tokens.SESSION_LIFETIME}
    return connection.execute(_FORGET, given).rowcount


def _renew(connection: Connection, user_id: int, old: str, password: str) -> None:
    """Replace the hash, unless the password was changed meanwhile."""
    try:
        new = hash_password(password)
    except PasswordRuleError:  # a password from before today's rule of length still opens its session
        return
    connection.execute(_REHASH, {"id": user_id, "old": old, "new": new})
