"""What the tests of update, cancel and history share: requests about one appointment, and the workers' part."""

import json
from typing import Any
from urllib.parse import urlencode

from models import database
from models.appointment_clocks import read_clocks
from tasks.reconcile_times import reconcile_times
from tests.client import ApiClient, Reply
from tests.world import World

UPDATE = "/api/v1/appointments/update"
CANCEL = "/api/v1/appointments/cancel"
HISTORY = "/api/v1/appointments/history"
NINE = {"date_start_local": "2026-12-03", "time_start_local": "09:00", "time_duration": "1:00"}


def stamp(number: int) -> str:
    """The stamp of the `number`th change; that of a create is the 0th."""
    return f"2026-11-20 {10 + number // 60:02}:{number % 60:02}:00"


def put(api: ApiClient, path: str, params: dict[str, Any], **headers: str) -> Reply:
    """Send exactly these parameters, and the token."""
    body = json.dumps({"token": api.token, **params}).encode()
    return api.raw(body, method="PUT", path=path, Content_Type="application/json", **headers)


def update(api: ApiClient, appointment_id: int, number: int = 1, **params: Any) -> Reply:
    """The `number`th change of an appointment."""
    return put(api, UPDATE, {"id": appointment_id, "updated_at_mt": stamp(number), **params})


def cancel(api: ApiClient, appointment_id: int, number: int = 1, **params: Any) -> Reply:
    """The `number`th change of an appointment, which calls it off."""
    return put(api, CANCEL, {"id": appointment_id, "updated_at_mt": stamp(number), **params})


def history(api: ApiClient, appointment_id: int, **query: Any) -> Reply:
    """The history of an appointment."""
    path = f"{HISTORY}?{urlencode({'id': appointment_id, **query})}"
    return api.raw(b"", method="GET", path=path, Authorization=f"Bearer {api.token}")


def reconcile_all(world: World) -> None:
    """Do the clock commands that are due; nothing is published, the tests look at the table."""
    due = world.rows(
        "SELECT id FROM commands WHERE kind = 'reconcile-times' AND state = 'pending' ORDER BY id"
    )
    for row in due:
        reconcile_times(row["id"])


def deliver_all(world: World) -> None:
    """As if the provider had accepted every mail that is due."""
    world.execute(
        "INSERT INTO emails (send_id, command_id, appointment_id, kind, recipient, outcome)"
        " SELECT send_id, id, appointment_id, kind, recipient, 'accepted' FROM commands"
        " WHERE kind LIKE 'send-%' AND state = 'pending'"
    )
    world.execute(
        "UPDATE commands SET state = 'done', attempts = 1, finished_at = now()"
        " WHERE kind LIKE 'send-%' AND state = 'pending'"
    )


def settle(world: World) -> None:
    """Let the workers do all that is to be done."""
    reconcile_all(world)
    deliver_all(world)


def mails(world: World, appointment_id: int, *states: str) -> list[tuple[str, str, str]]:
    """Kind, recipient and state of the mails, oldest first; `dropped` for those that never went out."""
    rows = world.rows(
        "SELECT kind, recipient, CASE WHEN state = 'done' AND last_error IS NOT NULL THEN 'dropped' ELSE state END"
        " AS state FROM all_commands WHERE appointment_id = :id AND kind LIKE 'send-%' ORDER BY id",
        id=appointment_id,
    )
    found = [(row["kind"], row["recipient"], row["state"]) for row in rows]
    return [mail for mail in found if not states or mail[2] in states]


def snapshot(appointment_id: int) -> Any:
    """What the clocks read of the stored row."""
    with database.transaction() as connection:
        return read_clocks(connection, appointment_id)
