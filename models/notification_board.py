"""Notifications as people look at them: searched and filtered, grouped by cause, with what was tried.

A group is what one mend ends: an incident with all that hangs on it, or the notifications of one cause. Groups
come worst first (something open, then severity, then the newest); inside one, open before the rest, then the
newest. Lists show addresses masked.

A search may meet a long history: each statement has the patience of `models/patience.py` and no more.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from models import cursors
from models.command_sql import LEFT_TO_PEOPLE
from models.notification_list import masked
from models.notifications import MAIL_INCIDENT, UNFINISHED
from models.patience import patience

FEW = 5
"""Notifications of a group that a list of several groups shows."""
GROUPS_OF_A_PAGE = 20
ROWS_OF_A_PAGE = 50


@dataclass(frozen=True, slots=True)
class Sought:
    """Which notifications; None is any. `states` None is every state.

    `recipient` is an address or how one begins; `words` stands anywhere in the message, the cause, the reason or
    the client's name, or is a request's id. `number` is the id of a notification, an appointment or an order, `id` of a
    notification alone. `max_age_s` counts from when it happened last. `group` is the key of a group. What hangs on an
    incident is found by the incident's severity and status, too.
    """

    states: Sequence[str] | None = UNFINISHED
    severity: str | None = None
    status: str | None = None
    cause: str | None = None
    mail_kind: str | None = None
    appointment_id: int | None = None
    order_id: int | None = None
    max_age_s: int | None = None
    recipient: str | None = None
    words: str | None = None
    number: int | None = None
    id: int | None = None
    command_id: int | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """What one mend ends. `head` is the incident's own row, None for a cause.

    `opened`, `retrying` and `total` count what was sought, the incident itself left out. `rows` are the first of
    them.
    """

    key: str
    head: dict[str, Any] | None
    rows: list[dict[str, Any]]
    opened: int
    retrying: int
    total: int
    severity: str
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Board:
    """Some of the groups, and the cursor of the next; None at the end.

    When there is one group only, the cursor goes on inside it.
    """

    groups: list[Group]
    next_cursor: str | None
    news: int


_KEY = (
    "CASE WHEN n.status = :incident THEN 'incident:' || n.id"
    " WHEN n.incident_id IS NOT NULL THEN 'incident:' || n.incident_id"
    " ELSE 'cause:' || coalesce(n.cause_key, n.status || '/' || n.cause) END"
)
_SOUGHT = (
    "SELECT n.*, a.order_id,"  # noqa: S608 - constants
    f" {_KEY} AS group_key, n.status = :incident AS is_head,"
    " CASE n.severity WHEN 'critical' THEN 3 WHEN 'high' THEN 2 ELSE 1 END AS weight"
    " FROM notifications n LEFT JOIN appointments a ON a.id = n.appointment_id"
    " LEFT JOIN notifications i ON i.id = n.incident_id"
    " WHERE (CAST(:states AS text[]) IS NULL OR n.state = ANY(:states))"
    " AND (CAST(:severity AS text) IS NULL OR :severity IN (n.severity, i.severity))"
    " AND (CAST(:status AS text) IS NULL OR :status IN (n.status, i.status))"
    " AND (CAST(:cause AS text) IS NULL OR n.cause = :cause)"
    " AND (CAST(:mail_kind AS text) IS NULL OR n.mail_kind = :mail_kind)"
    " AND (CAST(:appointment_id AS bigint) IS NULL OR n.appointment_id = :appointment_id)"
    " AND (CAST(:order_id AS bigint) IS NULL OR a.order_id = :order_id)"
    " AND (CAST(:max_age_s AS bigint) IS NULL OR n.last_at > now() - make_interval(secs => :max_age_s))"
    " AND (CAST(:recipient AS text) IS NULL OR starts_with(lower(n.recipient), lower(:recipient)))"
    " AND (CAST(:number AS bigint) IS NULL OR CAST(:number AS bigint) IN (n.id, n.appointment_id, a.order_id))"
    " AND (CAST(:id AS bigint) IS NULL OR n.id = :id)"
    " AND (CAST(:command_id AS bigint) IS NULL OR n.command_id = :command_id)"
    " AND (CAST(:words AS text) IS NULL OR n.request_id = :words OR strpos(lower(n.message), lower(:words)) > 0"
    " OR strpos(lower(n.cause), lower(:words)) > 0 OR strpos(lower(coalesce(n.reason, '')), lower(:words)) > 0"
    " OR starts_with(lower(coalesce(n.recipient, '')), lower(:words))"
    " OR a.order_id IN (SELECT o.id FROM orders o JOIN clients c ON c.id = o.client_id"
    " WHERE strpos(lower(c.name), lower(:words)) > 0))"
    f" AND (CAST(:group AS text) IS NULL OR {_KEY} = :group)"
)
_GROUPS = text(
    f"SELECT * FROM (SELECT group_key, count(*) FILTER (WHERE NOT is_head AND state = 'open') AS opened,"  # noqa: S608
    " count(*) FILTER (WHERE NOT is_head AND state = 'retrying') AS retrying,"
    " count(*) FILTER (WHERE NOT is_head) AS total, max(weight) AS weight, max(last_at) AS last_at,"
    " bool_or(state = 'open')::int AS is_open"
    f" FROM ({_SOUGHT}) AS sought GROUP BY group_key) AS groups"
    " WHERE CAST(:after_key AS text) IS NULL OR (is_open, weight, last_at, group_key)"
    " < (CAST(:after_open AS int), CAST(:after_weight AS int), CAST(:after_at AS timestamptz), :after_key)"
    " ORDER BY is_open DESC, weight DESC, last_at DESC, group_key DESC LIMIT :limit"
)
_SHOWN = (
    "id, status, state, severity, cause, cause_key, failure_class, message, hint, appointment_id, order_id,"
    " command_id, mail_kind, recipient, attempts, may_have_been_sent, incident_id, occurrences, first_at, last_at,"
    " closed_by, closed_at, reason, request_id, http_status"
)
_MEMBERS = text(
    f"SELECT group_key, {_SHOWN} FROM (SELECT *, row_number() OVER (PARTITION BY group_key"  # noqa: S608
    " ORDER BY (state = 'open') DESC, last_at DESC, id DESC) AS place"
    f" FROM ({_SOUGHT}) AS sought WHERE group_key = ANY(:keys) AND NOT is_head"
    " AND (CAST(:after_id AS bigint) IS NULL OR ((state = 'open')::int, last_at, id)"
    " < (CAST(:after_open AS int), CAST(:after_at AS timestamptz), CAST(:after_id AS bigint)))"
    ") AS placed WHERE place <= :limit ORDER BY group_key, place"
)
_HEADS = text("SELECT n.*, NULL::bigint AS order_id FROM notifications n WHERE n.id = ANY(:ids)")
_NEWS = text(
    f"SELECT count(*) FROM ({_SOUGHT}) AS sought WHERE NOT is_head AND state = 'open' AND last_at > :since"  # noqa: S608
)
_CAUSES = text(
    "SELECT cause, count(*) AS number FROM notifications WHERE state IN ('open', 'retrying')"
    " GROUP BY cause ORDER BY number DESC, cause LIMIT 50"
)
_MAILS = text(
    "SELECT m.id, m.send_id, m.recipient, m.copies, m.outcome, m.cause, m.detail, m.http_status, m.provider_id,"
    " m.created_at, m.decided_at, m.attempts, m.last_event, m.last_event_at, c.send_id = m.send_id AS is_current"
    " FROM emails m LEFT JOIN all_commands c ON c.id = m.command_id"
    " WHERE m.command_id = :command_id ORDER BY m.id DESC LIMIT 50"
)
_EVENTS = text(
    "SELECT send_id, event, at, received_at, recipient, reason, detail FROM mail_events"
    " WHERE send_id = ANY(:send_ids) ORDER BY at DESC, id DESC LIMIT 200"
)
_COMMAND = text(
    "SELECT id, kind, state, attempts, doubts, misses, available_at, doubt_since, last_error, created_at,"  # noqa: S608 - constants
    " finished_at, recipient, request_id, coalesce(facts ->> 'role', 'client') AS role,"
    f" {LEFT_TO_PEOPLE} AS left_to_people FROM all_commands WHERE id = :command_id"
)
_APPOINTMENT = text(
    "SELECT a.id, a.uuid, a.order_id, a.confirmed, a.cancelled, a.allday, a.summary, a.appt_type,"
    " a.photographer_name, a.starts_at, a.stops_at, a.zone_name, a.office_zone, a.start_offset_s, a.stop_offset_s,"
    " a.date_start_local, a.time_start_local, a.date_stop_local, a.time_stop_local, a.date_start_office,"
    " a.time_start_office, a.date_stop_office, a.time_stop_office, a.date_start_utc, a.time_start_utc,"
    " a.date_stop_utc, a.time_stop_utc, p.address, c.name AS client_name"
    " FROM appointments a LEFT JOIN orders o ON o.id = a.order_id LEFT JOIN properties p ON p.id = o.property_id"
    " LEFT JOIN clients c ON c.id = o.client_id WHERE a.id = :id"
)


def read_board(
    connection: Connection, sought: Sought, cursor: str | None = None, since: datetime | None = None
) -> Board:
    """The groups of what is sought. `news` counts what was opened after `since` (aware).

    Raises `CursorError` and `SearchTooWideError`.
    """
    after = _read_cursor(cursor)
    values = _values(sought)
    with patience(connection):
        page = connection.execute(
            _GROUPS,
            {
                **values,
                "limit": GROUPS_OF_A_PAGE + 1,
                "after_key": after.get("key"),
                "after_open": after.get("open"),
                "after_weight": after.get("weight"),
                "after_at": after.get("at"),
            },
        ).all()
        is_single = len(page) == 1 and "key" not in after
        kept = page[:GROUPS_OF_A_PAGE]
        limit = ROWS_OF_A_PAGE if is_single else FEW
        rows: dict[str, list[dict[str, Any]]] = {row.group_key: [] for row in kept}
        members = connection.execute(
            _MEMBERS,
            {
                **values,
                "keys": list(rows),
                "limit": limit + 1 if is_single else limit,
                "after_id": after.get("id"),
                "after_open": after.get("open"),
                "after_at": after.get("at"),
            },
        )
        for row in members.mappings():
            rows[row["group_key"]].append({**row, "recipient": masked(row["recipient"])})
        news = 0 if since is None else connection.execute(_NEWS, {**values, "since": since}).scalar_one()
        heads = _heads(connection, list(rows))
    next_cursor = None
    if is_single and len(rows[kept[0].group_key]) > limit:
        last = rows[kept[0].group_key][limit - 1]
        del rows[kept[0].group_key][limit:]
        next_cursor = _cursor(
            open=int(last["state"] == "open"), at=last["last_at"].isoformat(), id=last["id"]
        )
    elif len(page) > GROUPS_OF_A_PAGE:
        last_group = kept[-1]
        next_cursor = _cursor(
            open=last_group.is_open,
            weight=last_group.weight,
            at=last_group.last_at.isoformat(),
            key=last_group.group_key,
        )
    groups = [
        Group(
            row.group_key,
            heads.get(row.group_key),
            rows[row.group_key],
            row.opened,
            row.retrying,
            row.total,
            {3: "critical", 2: "high", 1: "low"}[row.weight],
            row.last_at,
        )
        for row in kept
    ]
    return Board(groups, next_cursor, int(news))


def open_causes(connection: Connection) -> list[tuple[str, int]]:
    """The causes of what is not over, with how many there are of each, the most frequent first."""
    return [(row.cause, row.number) for row in connection.execute(_CAUSES)]


def read_command(connection: Connection, command_id: int) -> dict[str, Any] | None:
    """The command behind a notification, as it stands; None if there is no such."""
    row = connection.execute(_COMMAND, {"command_id": command_id}).mappings().first()
    return None if row is None else dict(row)


def read_sends(connection: Connection, command_id: int) -> list[dict[str, Any]]:
    """Each mail that was made for a command, newest first, with what the provider told of it (`events`).

    A mail keeps its row over retries: `attempts` has what became of each, oldest first (`models/emails.py`), the
    other columns are those of the last. One that a person sent again has a row of its own.
    """
    mails = [
        {**row, "events": []} for row in connection.execute(_MAILS, {"command_id": command_id}).mappings()
    ]
    of_mail: dict[Any, list[dict[str, Any]]] = {mail["send_id"]: mail["events"] for mail in mails}
    if of_mail:
        for event in connection.execute(_EVENTS, {"send_ids": list(of_mail)}).mappings():
            of_mail[event["send_id"]].append({**event, "recipient": masked(event["recipient"])})
    return mails


def read_appointment(connection: Connection, appointment_id: int) -> dict[str, Any] | None:
    """When, where and for whom an appointment is; without its notes."""
    row = connection.execute(_APPOINTMENT, {"id": appointment_id}).mappings().first()
    return None if row is None else dict(row)


def _heads(connection: Connection, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The rows of the incidents among these groups, by key; found even if they are not what is sought."""
    ids = [int(key.removeprefix("incident:")) for key in keys if key.startswith("incident:")]
    if not ids:
        return {}
    return {f"incident:{row['id']}": dict(row) for row in connection.execute(_HEADS, {"ids": ids}).mappings()}


def _values(sought: Sought) -> Mapping[str, Any]:
    return {
        "incident": MAIL_INCIDENT,
        "states": None if sought.states is None else list(sought.states),
        "severity": sought.severity,
        "status": sought.status,
        "cause": sought.cause,
        "mail_kind": sought.mail_kind,
        "appointment_id": sought.appointment_id,
        "order_id": sought.order_id,
        "max_age_s": sought.max_age_s,
        "recipient": sought.recipient,
        "words": sought.words,
        "number": sought.number,
        "id": sought.id,
        "command_id": sought.command_id,
        "group": sought.group,
    }


def _cursor(**place: Any) -> str:
    return cursors.wrapped(json.dumps(place))


def _read_cursor(cursor: str | None) -> dict[str, Any]:
    if cursor is None:
        return {}
    with cursors.unwrapped(cursor) as said:
        place = json.loads(said)
        at = datetime.fromisoformat(place["at"])
        is_whole = isinstance(place["open"], int) and at.utcoffset() is not None
        if isinstance(place.get("id"), int) and 0 < place["id"] < 2**63:
            read = {"open": place["open"], "at": at, "id": place["id"]}
        else:
            read = {"open": place["open"], "at": at, "weight": int(place["weight"]), "key": str(place["key"])}
        if not is_whole or not 0 <= place["open"] <= 1 or "\x00" in read.get("key", ""):
            raise ValueError(cursor)
        return read
