"""After the database was restored to an earlier time: nothing that may have happened since happens once more.

A restored database shows mails as unsent that went out after the moment it was restored to. Their `send_id` is the
one that they went out with, for it is written with the command; so each becomes a mail in doubt, and the provider
is asked about it before anything is sent (`tasks/send_mail.py`). Workers must not run before that.

    mail waiting or pending   ─► unknown, asked about; left to people where the provider's search does not reach back
    mail that a worker had    ─► counts as handed over: the end of its lease makes it unknown, and it is asked about
    mail that failed          ─► a person may have sent it again since: whoever wants to is asked first
    ids                       ─► go on far above, so that an id that somebody kept never names another record
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Identity, text

from models import audit, command_ledger
from models.audit import Actor
from models.command_states import MISTRUST, State
from models.heartbeats import SILENT_AFTER_S
from models.notification_list import masked
from models.tables import metadata

SUBJECT = "command"
CAUSE = "restored"
"""The `cause` of such a mail in `emails`."""

ERROR = "The database was restored to an earlier time; the mail may have been sent after it."

SEARCHED_FOR = timedelta(days=6)
"""The provider's search reaches seven days back; it may take a while until it can be asked."""

ASK_AT_ONCE = 15
ASK_EVERY_S = 4.0
"""The provider allows 20 searches a minute, and one mail may need several."""

_AS_OF = text(
    "SELECT greatest((SELECT max(beat_at) FROM heartbeats), (SELECT max(created_at) FROM commands)) AS as_of,"
    " now() AS now"
)
_BEATS = text(
    "SELECT name, beat_at FROM heartbeats WHERE beat_at > now() - make_interval(secs => :within_s) ORDER BY name"
)
_OTHERS = text(
    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
    " AND backend_type = 'client backend' AND pid <> pg_backend_pid())"
)
_COUNT = text(
    "SELECT count(*) FILTER (WHERE recipient <> '' AND state = ANY(:unsent)) AS mails,"
    " count(*) FILTER (WHERE recipient <> '' AND state = 'failed') AS failed FROM commands"
    " WHERE state = ANY(:looked_at)"
)
_REMEMBER = text(
    "INSERT INTO emails (send_id, command_id, appointment_id, kind, recipient, outcome, cause, detail)"  # noqa: S608 - constants
    " SELECT send_id, id, appointment_id, kind, recipient, 'unknown', :cause, :detail FROM commands"
    # What a worker had may have been written down and handed over right after that moment.
    f" WHERE id = ANY(:ids) OR state = '{State.SENDING}' ORDER BY id"
    " ON CONFLICT (send_id) DO UPDATE SET outcome = 'unknown', cause = excluded.cause, detail = excluded.detail"
)
_ASK_FIRST = text(
    "UPDATE notifications SET may_have_been_sent = true WHERE state IN ('open', 'retrying') AND command_id IN"
    " (SELECT id FROM commands WHERE state = 'failed' AND recipient <> '') AND NOT may_have_been_sent"
)
_LEAP = text("SELECT setval(CAST(:sequence AS regclass), nextval(CAST(:sequence AS regclass)) + :ids)")


@dataclass(frozen=True, slots=True)
class Restored:
    """What was found, and done unless it was only looked.

    `as_of` is the last sign of life in the data: the moment it was restored to, within seconds; None for a
    database that nothing ever happened in. `mails` are in doubt now; with `too_old` they are left to people.
    `failed` mails ask before they are sent again.
    """

    as_of: datetime | None
    mails: int
    failed: int
    too_old: bool


def beats(connection: Connection) -> dict[str, datetime]:
    """Processes that were heard of a short while ago, by the data; whether they live is told by a second look.

    None while nobody else is connected: a process that lives keeps its connection.
    """
    if not connection.execute(_OTHERS).scalar_one():
        return {}
    rows = connection.execute(_BEATS, {"within_s": SILENT_AFTER_S})
    return {row.name: row.beat_at for row in rows}


def look(connection: Connection) -> Restored:
    """What `mend` would do. Nothing is changed."""
    as_of, at = connection.execute(_AS_OF).one()
    unsent = [str(state) for state in MISTRUST.sources]
    count = connection.execute(_COUNT, {"unsent": unsent, "looked_at": [*unsent, str(State.FAILED)]}).one()
    return Restored(as_of, count.mails, count.failed, as_of is not None and at - as_of > SEARCHED_FOR)


def mend(connection: Connection, actor: Actor, *, skip_ids: int) -> Restored:
    """Have every mail that may have been sent asked about, and let the ids go on `skip_ids` higher.

    Only while no worker runs. To do it twice is harmless.
    """
    found = look(connection)
    gap_s = None if found.too_old else ASK_EVERY_S
    moved = command_ledger.mistrust(connection, ERROR, gap_s=gap_s, at_once=ASK_AT_ONCE)
    ids = [one.id for one in moved]
    connection.execute(_REMEMBER, {"ids": ids, "cause": CAUSE, "detail": ERROR})
    connection.execute(_ASK_FIRST)
    details = {
        one.id: {"kind": one.kind, "appointment": one.appointment_id, "recipient": masked(one.recipient)}
        for one in moved
    }
    audit.note(connection, actor, MISTRUST.name, SUBJECT, details)
    for sequence in _sequences(connection):
        connection.execute(_LEAP, {"sequence": sequence, "ids": skip_ids})
    return found


def _sequences(connection: Connection) -> Sequence[str]:
    """Where the ids of all tables that number their rows come from."""
    numbered = [
        table.name
        for table in metadata.sorted_tables
        if "id" in table.columns and isinstance(table.columns["id"].identity, Identity)
    ]
    statement = text(
        "SELECT pg_get_serial_sequence(name, 'id') FROM unnest(CAST(:tables AS text[])) AS t (name)"
    )
    return list(connection.execute(statement, {"tables": numbered}).scalars())
