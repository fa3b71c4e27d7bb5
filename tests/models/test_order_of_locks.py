"""Who locks commands, mails and notifications does so in one order, so that no two wait for each other."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import Connection, text

from models import command_actions, database, notification_actions
from models.audit import Actor
from tasks.mail.events import ToldEvent
from tasks.provider_events import take_in
from tests.client import ApiClient
from tests.waiting import eventually
from tests.world import World

EMMA = Actor("Emma Employee", "console", "user:1", "request-1")
Action = Callable[[Connection, int, int, UUID], object]
ACTIONS: dict[str, Action] = {
    "resend": lambda c, _command, notice, _send_id: notification_actions.resend(c, [notice], EMMA),
    "resolve": lambda c, _command, notice, _send_id: notification_actions.resolve(c, [notice], EMMA),
    "retry": lambda c, command, _notice, _send_id: command_actions.retry_now(c, [command], EMMA),
    "webhook": lambda c, _command, _notice, send_id: take_in(
        c,
        [ToldEvent("m1", "send", datetime.now(UTC), send_id, "carla@example.com")],
    ),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_commands_come_before_mails_and_notifications(world: World, api: ApiClient, action: str):
    made = api.create(order_id=world.order(client_email="carla@example.com").id).appointment["id"]
    command = world.commands(made)["send-confirmation"]
    world.execute("UPDATE commands SET state = 'unknown' WHERE id = :id", id=command["id"])
    world.execute(
        "INSERT INTO emails (send_id, command_id, appointment_id, kind, recipient, outcome)"
        " VALUES (:send_id, :id, :made, 'send-confirmation', 'carla@example.com', 'unknown')",
        send_id=command["send_id"],
        id=command["id"],
        made=made,
    )
    notice = world.insert(
        "INSERT INTO notifications (status, subject_key, cause, message, appointment_id, command_id, recipient)"
        " VALUES ('mandrill-email-failed', 'mail:x', 'x', 'It failed.', :made, :id, 'carla@example.com')"
        " RETURNING id",
        made=made,
        id=command["id"],
    )

    def act() -> None:
        with database.transaction() as connection:
            ACTIONS[action](connection, command["id"], notice, command["send_id"])

    waiting = (
        "SELECT count(*) AS n FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as worker:
            worker.execute(text("UPDATE commands SET misses = 1 WHERE id = :id"), {"id": command["id"]})
            late = pool.submit(act)
            eventually(lambda: world.row(waiting)["n"] == 1)
            for table in ("emails", "notifications"):
                worker.execute(text(f"SELECT FROM {table} FOR UPDATE NOWAIT"))
        late.result(20)
