"""Passwords: hashed with Argon2id, and verified with the same effort whether there is such a user or not.

Each hash costs 19 MiB and about a thirtieth of a second, on purpose. So that a rush of log-ins neither fills the
memory nor starves other requests, only `AT_ONCE` of them are computed at a time in one process; whoever would
have to wait longer than `PATIENCE_S` is refused.
"""

import unicodedata
from threading import BoundedSemaphore
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)
"""Argon2id (RFC 9106) with the parameters of the OWASP Password Storage Cheat Sheet: 19 MiB, two passes, one lane.

One lane, because a web process has a thread for each request and a lane more would only be one more thread.
"""

NOBODYS: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$srsxNpQayFndrp68eOLBQQ$11uACs1G83PkJaCZpPYrbZEFRp+GnN38F05pYtSCadc"
)
"""The hash of a random password that nobody kept, with the same parameters: what is verified for nobody."""

AT_ONCE: Final = 4
PATIENCE_S: Final = 0.5

SHORTEST: Final = 12
LONGEST: Final = 256
"""Characters. Long enough for every passphrase, and short enough that nobody can send us megabytes to hash."""

_slots = BoundedSemaphore(AT_ONCE)


class PasswordRuleError(ValueError):
    """A password of fewer than `SHORTEST` or more than `LONGEST` characters, or one without a character to see."""


class PasswordsBusyError(Exception):
    """Too many passwords are being verified in this process; try again in a second."""


def hash_password(password: str) -> str:
    """What is stored of a password. Raises `PasswordRuleError` and `PasswordsBusyError`; neither repeats it."""
    if not SHORTEST <= len(password) <= LONGEST or not password.strip():
        raise PasswordRuleError(f"A password has {SHORTEST} to {LONGEST} characters, not only blanks.")
    with _Slot():
        return HASHER.hash(_normal(password))


def is_password(stored: str | None, password: str) -> bool:
    """Whether `password` is the one of the hash `stored`; False without one, after the same work.

    Raises `PasswordsBusyError`.
    """
    try:
        with _Slot():
            HASHER.verify(stored or NOBODYS, _normal(password))
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def is_outdated(stored: str) -> bool:
    """Whether a hash was made with other parameters than today's, and should be made anew at the next log-in."""
    return HASHER.check_needs_rehash(stored)


class _Slot:
    """One of the `AT_ONCE` computations at a time."""

    def __enter__(self) -> None:
        if not _slots.acquire(timeout=PATIENCE_S):
            raise PasswordsBusyError

    def __exit__(self, *_exception: object) -> None:
        _slots.release()


def _normal(password: str) -> bytes:
    """The password as it is hashed: composed (NFC, RFC 8265 section 4.2), because keyboards differ in that.

    What is longer than any password stays longer than any, and is cut so that it costs no more.
    """
    composed = unicodedata.normalize("NFC", password[: 4 * LONGEST])
    return composed[: LONGEST + 1].encode("utf-8", "surrogatepass")
