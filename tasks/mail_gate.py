"""The mail provider's gate: its pace, what an outcome says about it, and the one incident that people are told of."""

import time

from sqlalchemy import Connection

from models import database
from models.command_ledger import Claim, postpone, publish_again
from models.incidents import Trouble, close_notification, open_notification
from models.notifications import MANDRILL_UNAVAILABLE
from models.provider_gate import note_failure, note_success, reserve
from tasks.catalogue import KINDS, MAIL_PROVIDER
from tasks.mail.outcomes import NotAccepted, Outcome, is_providers_failure

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


LONGEST_WAIT_S = 10.0
"""A worker waits for its turn for so long at most, well within the lease; beyond that the command waits instead."""


def take_turn(claimed: Claim, rate_per_s: float) -> bool:
    """Wait for this mail's turn in the pace of `rate_per_s`; False when it was put off, because the line is long.

    Raises `LeaseLostError`. Holds no transaction while it waits.
    """
    if not rate_per_s:
        return True
    with database.transaction() as connection:
        wait_s = reserve(connection, MAIL_PROVIDER, rate_per_s)
        if wait_s > LONGEST_WAIT_S:
            postpone(connection, claimed, wait_s, "Many mails are before it in the pace of MAIL_RATE_PER_S.")
            return False
    time.sleep(wait_s)
    return True
