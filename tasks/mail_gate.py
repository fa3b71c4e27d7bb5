"""The mail provider's gate: its pace, what an outcome says about it, and the one incident that people are told of."""

import math
import time

from sqlalchemy import Connection

from models import database
from models.command_claims import Claim
from models.command_endings import put_off
from models.command_publishing import publish_again
from models.incidents import Trouble, close_notification, open_notification
from models.notifications import MANDRILL_UNAVAILABLE
from models.provider_gate import PROBES, line_s, note_failure, note_success, read_gate, reserve
from settings import Settings
from tasks.catalogue import KINDS, MAIL_PROVIDER, MAIL_QUEUE, ROOM
from tasks.mail.outcomes import NotAccepted, Outcome, is_providers_failure

LONGEST_WAIT_S = 10.0
"""A worker waits for a mail's turn for so long at most; in a longer line the mail waits in the table instead."""

INCIDENT = f"incident:{MANDRILL_UNAVAILABLE}"


def note(connection: Connection, outcome: Outcome) -> None:
    """Let the gate know how a mail fared; open the incident when it closes, end it when the provider is back."""
    if not is_providers_failure(outcome):
        if note_success(connection, MAIL_PROVIDER):
            close_notification(connection, INCIDENT, "success")
            # Workers dropped the messages that came while the gate was closed. Without this their commands
            # would wait until the messages count as lost, the longer the more often that happened.
            publish_again(connection, [kind.name for kind in KINDS.values() if kind.is_mail])
        return
    at_least_s = outcome.retry_after_s if isinstance(outcome, NotAccepted) else None
    if note_failure(connection, MAIL_PROVIDER, at_least_s or 0):
        open_notification(
            connection,
            Trouble(
                status=MANDRILL_UNAVAILABLE,
                subject_key=INCIDENT,
                cause=getattr(outcome, "cause", "unknown"),
                message="Mandrill fails again and again; all mails wait, in order of age, and none is lost.",
                hint="See Mandrill's status page, MANDRILL_URL and the network. It is tried again by itself.",
                severity="critical",
            ),
        )


def take_turn(claimed: Claim, settings: Settings) -> bool:
    """Wait for this mail's turn in the pace of `MAIL_RATE_PER_S`; False when it was put off: the line is too long.

    Raises `LeaseLostError`. Holds no transaction while it waits, and waits well within the lease.
    """
    rate_per_s = settings.mail_rate_per_s
    if not rate_per_s:
        return True
    with database.transaction() as connection:
        wait_s = reserve(connection, MAIL_PROVIDER, rate_per_s, longest_wait_s(settings))
        if wait_s is None:
            put_off(connection, claimed)
            return False
    time.sleep(wait_s)
    return True


def longest_wait_s(settings: Settings) -> float:
    """How long a worker waits for a mail's turn at most."""
    return min(LONGEST_WAIT_S, settings.command_lease_s / 3)


def room(connection: Connection, settings: Settings) -> int:
    """How many mails may be under way to the workers, as gate and pace stand now."""
    gate = read_gate(connection, MAIL_PROVIDER)
    if gate.is_closed:
        return 0
    if gate.is_half_open:
        return PROBES
    if not settings.mail_rate_per_s:
        return ROOM[MAIL_QUEUE]
    # What a worker would only put off again is better left in the table.
    free_s = longest_wait_s(settings) - line_s(connection, MAIL_PROVIDER)
    return min(ROOM[MAIL_QUEUE], math.ceil(max(0.0, free_s) * settings.mail_rate_per_s))
