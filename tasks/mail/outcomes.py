"""What became of a mail: the only words about sending that leave this room.

Five outcomes, because they ask for five different reactions:

| outcome | what is certain | what to do |
|---|---|---|
| `Accepted` | the provider has the mail and is sending it | done |
| `Held` | the provider has the mail and keeps it back | done, and tell the developers once |
| `Refused` | the provider will never take this mail as it is | fail, and tell the developers |
| `NotAccepted` | nothing was taken; a later try is safe | try again, not before `retry_after_s` |
| `Unknown` | it may or may not have been taken | ask the provider (`find`) before any second try |

All of them are made of primitives, so that they survive pickling, logging and the database. Addresses are
kept out of `repr`, the key and the mail's text are never in them.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took the mail for the person it is written to."""

    provider_id: str | None
    """Mandrill's `_id` of the message to the primary recipient."""
    detail: str
    """`sent`, `queued`, `queued: <reason>` or `scheduled`."""
    recipients: tuple[str, ...] = field(default=(), repr=False)
    """Addresses that were taken, the primary one first."""
    refused_copies: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """(address, reason) of every copy that will not be delivered."""


@dataclass(frozen=True, slots=True)
class Held:
    """The provider took the mail but does not send it until somebody mends the account."""

    provider_id: str | None
    reason: str
    """Mandrill's `queued_reason`, like `sending-paused`."""
    hint: str = ""
    refused_copies: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """Permanent: the same mail would be refused again."""

    cause: str
    """Mandrill's error name, or `rejected`, `invalid`, `tls-verification`, `http-<status>`."""
    message: str
    hint: str
    http_status: int | None = None
    reject_reason: str | None = None
    provider_id: str | None = None
    code: int | None = None
    """Mandrill's number of the error. Its numbers collide, so it is shown to people and decides nothing."""


@dataclass(frozen=True, slots=True)
class NotAccepted:
    """Certainly not taken; the same mail may be sent again without risk of a duplicate."""

    cause: str
    message: str
    retry_after_s: int | None = None
    """Seconds to wait at least; None leaves it to the caller's own schedule."""
    http_status: int | None = None
    hint: str = ""
    about_recipient: bool = False
    """The provider works; only this recipient cannot be reached for now."""
    code: int | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request was written, but no answer that can be believed came back."""

    cause: str
    message: str
    http_status: int | None = None
    hint: str = ""
    code: int | None = None


Outcome = Accepted | Held | Refused | NotAccepted | Unknown


def is_providers_failure(outcome: Outcome) -> bool:
    """Whether it speaks against the provider rather than the mail: the next mail would likely fare the same."""
    if isinstance(outcome, NotAccepted):
        return not outcome.about_recipient
    return isinstance(outcome, Unknown)


@dataclass(frozen=True, slots=True)
class Found:
    """The provider has a message with this `send_id`."""

    provider_id: str
    state: str
    """As the provider tells it: `sent`, `queued`, `scheduled`, `bounced`, `rejected`, …"""


@dataclass(frozen=True, slots=True)
class NotFound:
    """The provider was asked and shows no such message.

    Its index lags by an undocumented time, so this is proof only some while after the attempt.
    """


@dataclass(frozen=True, slots=True)
class CannotTell:
    """The provider could not be asked, or its answer proves nothing."""

    reason: str
    needs_setup: bool = False
    """No answer can ever come until somebody sets the provider's account up: tell people at once."""
