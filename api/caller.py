"""Who calls: from the token of a request to a caller with a role, or a refusal (contract.md section 4)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.faults import Refusal
from api.statuses import INVALID_TOKEN, SESSION_EXPIRED
from models.accounts import ROLES
from models.switchboard import KnownApplication
from models.tokens import Holder

APPLICATION_ROLE = "application"
WITHOUT_ROLE = "without-role"
"""What a user is called who is neither an employee nor a liaison nor a client."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of a valid token, in the role that this request is made in."""

    holder: Holder
    application: KnownApplication
    role: str

    @property
    def name(self) -> str:
        """What is filled in where the caller's name is wanted: the person's, else the application's."""
        return self.holder.user_name or self.holder.user_email or self.application.name

    @property
    def idempotency_scope(self) -> str:
        """Within which an `Idempotency-Key` is unique: the person, else the application."""
        if self.holder.user_id is not None:
            return f"user:{self.holder.user_id}"
        return f"application:{self.holder.application_id}"

    def may_touch_order(self, client_id: int | None, company_id: int | None) -> bool:
        """Whether this role reaches an order of that client and company."""
        if self.role in (APPLICATION_ROLE, "employee"):
            return True
        if self.role == "liaison":
            return company_id is not None and company_id in self.holder.company_ids
        return client_id is not None and client_id == self.holder.client_id


def bearer_token(authorization: str | None) -> str | None:
    """The token of an `Authorization: Bearer …` header (RFC 6750 section 2.1); None without one."""
    scheme, _, token = (authorization or "").strip().partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def one_token(in_body: str | None, in_header: str | None) -> str | None:
    """The token of a request. Raises `Refusal` when body and header carry different ones."""
    if in_body is not None and in_header is not None and in_body != in_header:
        raise Refusal(
            INVALID_TOKEN,
            "The body and the Authorization header carry different tokens.",
            "Send the token once, or the same in both places.",
        )
    return in_body or in_header


def check_holder(holder: Holder | None, now: datetime) -> Holder:
    """The holder of a valid, fresh token. Raises `Refusal` otherwise."""
    if holder is None:
        raise Refusal(
            INVALID_TOKEN,
            "The token is unknown or was revoked.",
            "Sign in again, or ask the operators for a new application token.",
        )
    if holder.has_expired(now):
        raise Refusal(
            SESSION_EXPIRED,
            "The session is over: it is older than seven days, or was not used for 72 hours.",
            "Sign in again; with remember_me a session does not expire.",
        )
    return holder


def in_role(holder: Holder, application: KnownApplication) -> Caller | None:
    """The caller in the strongest role that the application admits; None when it admits none of them.

    A user without any role is that in every application.
    """
    if holder.kind == APPLICATION_ROLE:
        return Caller(holder, application, APPLICATION_ROLE)
    if lacks_role(holder):
        return Caller(holder, application, WITHOUT_ROLE)
    for role in ROLES:
        if role in holder.roles and role in application.admits:
            return Caller(holder, application, role)
    return None


def lacks_role(holder: Holder) -> bool:
    """Whether the holder is a user who is neither employee, liaison nor client."""
    return holder.kind == "session" and not holder.roles


def session_view(holder: Holder, roles: tuple[str, ...], token: str | None = None) -> dict[str, Any]:
    """The session as an answer shows it; with the token only where the caller needs it to go on."""
    user = None
    if holder.user_id is not None:
        user = {"id": holder.user_id, "email": holder.user_email, "name": holder.user_name}
    expires_at = holder.expires_at()
    shown: dict[str, Any] = {
        "kind": holder.kind,
        "user": user,
        "roles": list(roles),
        "application": holder.application_slug,
        "created_at": _stamp(holder.created_at),
        "last_used_at": _stamp(holder.last_used_at),
        "expires_at": None if expires_at is None else _stamp(expires_at),
        "remember_me": holder.remember_me,
    }
    if token is not None:
        shown["token"] = token
    return shown


def _stamp(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")
