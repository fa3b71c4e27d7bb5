"""A route is a declaration and one function; this is the declaration and the list of all routes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from api.answer import Answer
from api.caller import APPLICATION_ROLE, Caller
from api.decoding import Decoded
from api.faults import Fault
from api.params import Registry
from models.accounts import ROLES

EVERY_ROLE = frozenset({APPLICATION_ROLE, *ROLES})


@dataclass(frozen=True, slots=True)
class Call:
    """A request that passed every check up to its parameters: what the route's functions get.

    When the database connection breaks, the request is served once more, and `again` is true: what it writes
    may have been written by the first try. A record that has no uuid gets `spare_uuid`, the same in both.
    """

    caller: Caller
    decoded: Decoded
    connection: Connection
    now: datetime
    request_id: str
    spare_uuid: UUID
    again: bool
    idempotency_key: str | None = field(default=None, repr=False)
    wait_s: int = 0
    """For how long the caller is willing to wait for what follows (`Prefer: wait=N`)."""


def _nothing_to_look_up(_call: Call) -> None:
    return None


def _nothing_to_check(_call: Call, _found: Any) -> list[Fault]:
    return []


@dataclass(frozen=True, slots=True)
class Route:
    """One verb on one path (contract.md section 1).

    `callers` are the roles that may use it; an empty set would let nobody in and is refused at start.
    `sensitive` routes take base64 of a JSON object. `look_up` reads what the route needs from the database;
    `check` finds the faults that show only there, such as unknown ids; `act` does the work, and is reached
    without faults only. Both get what `look_up` found. All three may run twice (`Call.again`).
    """

    method: str
    path: str
    service: str
    purpose: str
    params: Registry
    callers: frozenset[str]
    act: Callable[[Call, Any], Answer]
    look_up: Callable[[Call], Any] = _nothing_to_look_up
    check: Callable[[Call, Any], list[Fault]] = _nothing_to_check
    sensitive: bool = False
    choices: Callable[[], Mapping[str, tuple[str, ...]]] = dict

    def __post_init__(self) -> None:
        if not self.callers or not self.callers <= EVERY_ROLE:
            raise ValueError(f"{self.method} {self.path} does not declare which roles may call it.")
        if not self.path.startswith("/api/v1/"):
            raise ValueError(f"{self.path} is not under /api/v1/.")

    @property
    def key(self) -> tuple[str, str]:
        """How the records of routes name it."""
        return (self.method, self.path)


@dataclass(frozen=True, slots=True)
class SignedCall:
    """A form that says who sent it by its signature: its fields in order, and the headers by lower-case name."""

    fields: Sequence[tuple[str, str]] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    request_id: str


SIGNERS = frozenset({"mandrill"})
"""Providers that may call without a token, each on its own route."""


@dataclass(frozen=True, slots=True)
class SignedRoute:
    """A path on which a provider calls us. `callers` names the providers; `take` checks the signature first."""

    method: str
    path: str
    service: str
    purpose: str
    callers: frozenset[str]
    take: Callable[[SignedCall], Answer]

    def __post_init__(self) -> None:
        if not self.callers or not self.callers <= SIGNERS:
            raise ValueError(f"{self.method} {self.path} does not declare which providers may call it.")

    @property
    def key(self) -> tuple[str, str]:
        """How the records of routes name it."""
        return (self.method, self.path)


AnyRoute = Route | SignedRoute
