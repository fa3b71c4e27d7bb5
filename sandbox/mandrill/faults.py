"""The faults: their names, whether the mail was recorded, and who asks for them.

A fault is asked for in one of three ways, and the first that applies wins:

1. an order, ``POST /admin/faults``: the next *n* requests that match meet the fault;
2. the key ``sandbox-<fault>``;
3. a recipient ``fault+<fault>@…``. What follows a dot only makes the address unique
   (``fault+503.order-7@example.com``); ``*n`` limits the fault to the first n attempts of each mail
   (``fault+503*2@example.com`` fails twice and is then accepted).

A fault may take a value: ``429=3`` or, where ``=`` is unwelcome, ``429-3``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.mandrill.wire import Recipient, SendRequest

REJECT_REASONS = (
    "hard-bounce", "soft-bounce", "spam", "unsub", "custom", "invalid-sender", "invalid", "test-mode-limit",
    "unsigned", "rule", "recipient-domain-mismatch",
)  # fmt: skip
QUEUED_REASONS = (
    "attachments", "multiple-recipients", "free-trial-sends-exhausted", "hourly-quota-exhausted",
    "monthly-limit-reached", "sending-paused", "sending-suspended", "account-suspended", "sending-backlogged",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """What a fault does. ``recorded``: the mail is accepted and in the inbox, whatever the client sees."""

    recorded: bool
    says: str
    value: str | None = None
    """The value that is meant if none is given; None if the fault takes no value."""


KINDS: dict[str, Kind] = {
    "401": Kind(False, "401 Invalid_Key"),
    "402": Kind(False, "402 PaymentRequired"),
    "404-template": Kind(False, "404 Unknown_Template"),
    "422": Kind(False, "422 ValidationError"),
    "429": Kind(False, "429 RequestLimitExceeded with Retry-After in seconds", "1"),
    "503": Kind(False, "503 ServiceUnavailable"),
    "500-json": Kind(False, "500 GeneralError; nothing was accepted"),
    "500-html": Kind(False, "500 with an HTML page; nothing was accepted"),
    "502-empty": Kind(False, "502 without a body; nothing was accepted"),
    "500-text": Kind(False, "500 with the plain text “Invalid API key”, as older versions answered"),
    "500-broken": Kind(False, "500 with JSON that breaks off; nothing was accepted"),
    "504-untyped": Kind(False, "504 with text and no content type; nothing was accepted"),
    "500-json-after": Kind(True, "accepted, then 500 GeneralError"),
    "500-html-after": Kind(True, "accepted, then 500 with an HTML page"),
    "502-empty-after": Kind(True, "accepted, then 502 without a body"),
    "refuse": Kind(False, "the connection is closed without an answer; nothing was accepted"),
    "timeout-before": Kind(False, "silence; nothing was accepted"),
    "timeout-after": Kind(True, "accepted, then silence"),
    "reset-after": Kind(True, "accepted, then the connection is reset"),
    "partial": Kind(True, "accepted, then half of the answer and the end of the connection"),
    "drip": Kind(True, "accepted, then the answer byte by byte, with a pause in milliseconds", "500"),
    "slow": Kind(True, "accepted, and answered after so many milliseconds", "2000"),
    "200-html": Kind(True, "accepted, then 200 with an HTML page"),
    "200-empty": Kind(True, "accepted, then 200 with an empty list"),
    "200-short": Kind(True, "accepted, then 200 with the last recipient missing"),
    "invalid": Kind(True, "200, status invalid"),
    "rejected": Kind(True, "200, status rejected with a reason", "hard-bounce"),
    "queued": Kind(True, "200, status queued with a reason", "sending-paused"),
    "late-reject": Kind(
        True,
        "200, status queued; then the event reject with a reason (or hard_bounce or soft_bounce, if that is"
        " the value)",
        "hard-bounce",
    ),
}

ENTRY_FAULTS = ("invalid", "rejected", "queued", "late-reject")
SENDING_CALLS = ("messages/send", "messages/send-template", "messages/send-raw")
_NUMERIC = ("429", "drip", "slow")
_LARGEST_VALUE = {"429": 3600, "drip": 60_000, "slow": 60_000}


class UnknownFaultError(ValueError):
    """No such fault, or a value that it cannot take; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    value: str = ""

    @property
    def recorded(self) -> bool:
        return KINDS[self.name].recorded

    @property
    def number(self) -> int:
        return int(self.value)

    def __str__(self) -> str:
        return f"{self.name}={self.value}" if self.value else self.name


def parse_fault(text: str) -> Fault:
    """``429``, ``429=3``, ``rejected=unsub``, ``rejected-unsub``. Raises `UnknownFaultError`."""
    name, _, value = text.strip().lower().partition("=")
    if name not in KINDS:
        for known, kind in KINDS.items():
            if kind.value is not None and name.startswith(known + "-"):
                name, value = known, name.removeprefix(known + "-")
                break
        else:
            raise UnknownFaultError(f"No fault is called {text!r}. The faults are: {', '.join(KINDS)}.")
    default = KINDS[name].value
    if default is None:
        if value:
            raise UnknownFaultError(f"The fault {name} takes no value.")
        return Fault(name)
    value = value or default
    if name in _NUMERIC:
        # isascii: int() also reads the digits of other scripts, and isdigit() superscripts.
        if not (
            value.isascii() and value.isdigit() and len(value) <= 6 and int(value) <= _LARGEST_VALUE[name]
        ):
            raise UnknownFaultError(f"The fault {name} takes a whole number up to {_LARGEST_VALUE[name]}.")
        value = str(int(value))
    return Fault(name, value)


def fault_in_key(key: str) -> Fault | None:
    """The fault that a key ``sandbox-<fault>`` asks for; any other key is an ordinary one."""
    if not key.startswith("sandbox-"):
        return None
    try:
        return parse_fault(key.removeprefix("sandbox-"))
    except UnknownFaultError:
        return None


def fault_in_address(email: str) -> tuple[Fault, int | None] | None:
    """The fault that a recipient asks for, and for how many attempts (None: always).

    Raises `UnknownFaultError` for ``fault+`` with a name that is not one: a typing error must not pass as
    success.
    """
    local = email.rpartition("@")[0].lower()
    if not local.startswith("fault+"):
        return None
    text, star, times = local.removeprefix("fault+").partition(".")[0].partition("*")
    if star and not (times.isascii() and times.isdigit() and 1 <= len(times) <= 4):
        raise UnknownFaultError(f"The address {email} asks for a fault *n times; n is a number.")
    return parse_fault(text), int(times) if star else None


MATCHES = ("to", "from", "subject", "tag", "send_id", "appointment_id", "call")


@dataclass(slots=True)
class Order:
    """``left`` more requests that match shall meet the fault."""

    fault: Fault
    left: int
    match: dict[str, str]

    def applies(self, call: str, send: SendRequest | None) -> bool:
        wanted = self.match.get("call")
        return (call == wanted if wanted else call in SENDING_CALLS) and all(
            send is not None and _matches(send, name, value)
            for name, value in self.match.items()
            if name != "call"
        )

    def to_json(self) -> dict[str, Any]:
        return {"fault": str(self.fault), "left": self.left, "match": self.match}


def _matches(send: SendRequest, name: str, wanted: str) -> bool:
    wanted = wanted.lower()
    if name == "to":
        return any(same_address(each, wanted) for each in send.addresses())
    if name == "from":
        return same_address(send.from_email, wanted)
    if name == "subject":
        return wanted in send.subject.lower()
    if name == "tag":
        return wanted in (tag.lower() for tag in send.tags)
    return wanted == ((send.send_id if name == "send_id" else send.appointment_id) or "").lower()


def same_address(address: str, wanted: str) -> bool:
    """A whole address if ``wanted`` has an @ between two other characters, else a part of one."""
    address, wanted = address.lower(), wanted.lower()
    return address == wanted if "@" in wanted.strip("@") else wanted in address


class FaultBook:
    """The orders that still stand, and the count of faults with ``*n`` that each mail has met. In memory."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self._met: dict[tuple[str, str], int] = {}

    def order(self, fault: Fault, count: int, match: Mapping[str, str]) -> Order:
        order = Order(fault, count, dict(match))
        self.orders.append(order)
        return order

    def clear(self) -> None:
        self.orders.clear()
        self._met.clear()

    def ordered(self, call: str, send: SendRequest | None = None) -> Fault | None:
        """The fault of the oldest order that applies, which is thereby used up by one."""
        for order in self.orders:
            if order.applies(call, send):
                order.left -= 1
                if order.left <= 0:
                    self.orders.remove(order)
                return order.fault
        return None

    def by_address(self, send: SendRequest) -> dict[Recipient, Fault]:
        """The faults that recipients ask for. Raises `UnknownFaultError`."""
        found: dict[Recipient, Fault] = {}
        for recipient in send.recipients:
            asked = fault_in_address(recipient.email)
            if asked is None:
                continue
            fault, times = asked
            if times is not None:
                mail = (recipient.email.lower(), send.send_id or send.subject)
                self._met[mail] = self._met.get(mail, 0) + 1
                if self._met[mail] > times:
                    continue
            found[recipient] = fault
        return found
