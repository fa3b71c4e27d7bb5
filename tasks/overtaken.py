"""Troubles with mails that a later mail has ended: whoever was to be told has been told by that one.

A failed mail is over when the provider took a later one, about the same appointment and in the same role, to the
person who is concerned now. Of somebody who was taken off and did not hear of it only a mail to that person is proof;
and a mail by which somebody is taken off says nothing about anybody else.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, text

from models.incidents import close_notifications
from models.notifications import MANDRILL_EMAIL_FAILED
from tasks.catalogue import SEND_ASSIGNMENT

BY: Final = "a later mail"


def _role(command: str) -> str:
    return (
        f"CASE WHEN {command}.kind = '{SEND_ASSIGNMENT.name}' THEN 'photographer'"
        f" ELSE coalesce({command}.facts ->> 'role', 'client') END"
    )


def _says(command: str, fact: str) -> str:
    return f"coalesce(CAST({command}.facts ->> '{fact}' AS boolean), false)"


_OVERTAKEN = text(
    "SELECT n.subject_key FROM all_commands later JOIN notifications n ON n.appointment_id = later.appointment_id"  # noqa: S608 - constants
    " JOIN all_commands c ON c.id = n.command_id"
    f" WHERE later.id = ANY(:ids) AND n.status = '{MANDRILL_EMAIL_FAILED}' AND n.state IN ('open', 'retrying')"
    " AND c.id < later.id AND c.state IN ('failed', 'unknown', 'done')"
    # A copy's trouble is about somebody else.
    f" AND lower(n.recipient) = lower(c.recipient) AND {_role('c')} = {_role('later')}"
    " AND (lower(c.recipient) = lower(later.recipient)"
    f" OR c.facts ->> 'party' = later.facts ->> 'party' AND NOT {_says('later', 'readdressed')}"
    f" OR NOT {_says('later', 'withdrawn')} AND NOT {_says('c', 'withdrawn')})"
)


def close_overtaken(connection: Connection, command_ids: Sequence[int]) -> None:
    """The provider has taken the mails of these commands: what failed before them is over."""
    if not command_ids:
        return
    keys = list(connection.execute(_OVERTAKEN, {"ids": list(command_ids)}).scalars())
    if keys:
        close_notifications(connection, keys, BY)
