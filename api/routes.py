"""A route is a declaration and one function; this is the declaration and the list of all routes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from api.answer import Answer
from api.caller import APPLICATION_ROLE, WITHOUT_ROLE, Caller
from api.decoding import Decoded
from api.faults import Fault
from api.params import Registry
from api.shapes.shape import Returned
from api.statuses import STATUS
from models.accounts import ROLES
from models.prepared import Row
from models.switchboard import KnownApplication
from models.tokens import ReadAlong

EVERY_ROLE = frozenset({APPLICATION_ROLE, *ROLES})
EVERY_SESSION = frozenset({*ROLES, WITHOUT_ROLE})
"""Whoever is logged in, with a role or without."""
ANYBODY = frozenset({"anybody"})
"""Nobody has to be logged in. Only an `OpenRoute` may declare it, and it has to."""


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
    along: Row = field(default=(), repr=False)
    """What `Route.along` read with the token; empty when the request names nothing of it."""


def _nothing_to_look_up(_call: Call) -> None:
    return None


def _nothing_to_check(_call: Call, _found: Any) -> list[Fault]:
    return []


@dataclass(frozen=True, slots=True)
class Route:
    """One verb on one path (contract.md section 1).

    `callers` are the roles that may use it; an empty set would let nobody in and is refused at start. Only who is
    named there comes through, and a user without any role only where `WITHOUT_ROLE` is.
    `sensitive` routes take base64 of a JSON object. `along` is read in the same round trip as the token, for a route
    where a round trip counts. `look_up` reads what else the route needs from the database;
    `check` finds the faults that show only there, such as unknown ids; `act` does the work, and is reached
    without faults only. Both get what `look_up` found. All three may run twice (`Call.again`).

    `statuses` are those that this route's own functions answer, beside the ones of the pipeline's stages
    (`api/answerable.py`). `sample` names the parameters that the documentation's code examples send beside the
    required ones; `whole` gives values to send instead of the parameters' own examples where the documentation shows
    all of them at once, None for a parameter that others exclude. `returns` says what `data` holds, the successful
    answer first; what is not in it holds nothing.
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
    along: ReadAlong | None = None
    sensitive: bool = False
    choices: Callable[[], Mapping[str, tuple[str, ...]]] = dict
    statuses: frozenset[str] = frozenset()
    sample: tuple[str, ...] = ()
    whole: Mapping[str, str | int | bool | None] = field(default_factory=dict, hash=False)
    returns: tuple[Returned, ...] = ()

    def __post_init__(self) -> None:
        if not self._declares_callers():
            raise ValueError(f"{self.method} {self.path} does not declare which roles may call it.")
        if not self.statuses <= STATUS.keys():
            raise ValueError(f"{self.method} {self.path} declares a status that is not in the table.")
        if not self.path.startswith("/api/v1/"):
            raise ValueError(f"{self.path} is not under /api/v1/.")
        if "<" in self.path:
            raise ValueError(
                f"{self.path} has a variable part. A path is fixed text: say by parameters which record is meant,"
                " as api/appointments/naming.py does."
            )

    def _declares_callers(self) -> bool:
        return bool(self.callers) and self.callers <= EVERY_ROLE | EVERY_SESSION

    @property
    def key(self) -> tuple[str, str]:
        """How the records of routes name it."""
        return (self.method, self.path)


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A request of somebody unknown, its parameters read: what the functions of an open route get.

    `address` is the client's IP address, as far as the trusted proxies tell it.
    """

    decoded: Decoded
    applications: Mapping[str, KnownApplication]
    address: str = field(repr=False)
    now: datetime
    request_id: str


@dataclass(frozen=True, slots=True)
class OpenRoute(Route):
    """A route that anybody may use without a token, with a body: logging in is the reason that there is one.

    `callers` says so by being `ANYBODY` and nothing else. `check` and `act` get an `OpenCall`; nothing is looked
    up before they are called, and they open their own connections.
    """

    act: Callable[[Any, Any], Answer]
    check: Callable[[Any, Any], list[Fault]] = _nothing_to_check

    def _declares_callers(self) -> bool:
        return self.callers == ANYBODY and self.method != "GET" and "token" not in self.params


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
    """A path on which a provider calls us. `callers` names the providers; `take` checks the signature first.

    `signature_header` and `form` (the fields, each with a sentence) are for the documentation.
    """

    method: str
    path: str
    service: str
    purpose: str
    callers: frozenset[str]
    take: Callable[[SignedCall], Answer]
    signature_header: str
    form: Mapping[str, str] = field(hash=False)
    statuses: frozenset[str] = frozenset()
    returns: tuple[Returned, ...] = ()

    def __post_init__(self) -> None:
        if not self.callers or not self.callers <= SIGNERS:
            raise ValueError(f"{self.method} {self.path} does not declare which providers may call it.")

    @property
    def key(self) -> tuple[str, str]:
        """How the records of routes name it."""
        return (self.method, self.path)


AnyRoute = Route | SignedRoute
