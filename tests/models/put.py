"""Commands in any state, as if they had come there."""

from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import text

from models import database
from models.command_claims import Claim
from models.command_states import LEASED
from tests.tasks.planned import command_row

KIND = "send-confirmation"
LEASE_S = 60.0
NO_LEASE = {"lease_token": None, "lease_until": None}


def put(command_id, state, **columns):
    """Bring a command into a state as if it had come there, and give a claim with its lease."""
    token = uuid4() if state in LEASED else None
    values = {
        "state": str(state),
        "lease_token": token,
        "lease_until": datetime(2100, 1, 1, tzinfo=UTC) if token else None,
        "attempts": 1,
        "published_at": datetime(2026, 1, 1, tzinfo=UTC),
        "publishes": 1,
        **columns,
    }
    with database.transaction() as connection:
        assignments = ", ".join(f"{name} = :{name}" for name in values)
        connection.execute(
            text(f"UPDATE commands SET {assignments} WHERE id = :id"), {**values, "id": command_id}
        )
    row = command_row(command_id)
    return Claim(
        id=command_id,
        appointment_id=row["appointment_id"],
        kind=KIND,
        sequence=0,
        recipient="c@example.com",
        send_id=row["send_id"],
        attempts=1,
        doubts=0,
        misses=0,
        request_id="r",
        lease_token=token or uuid4(),
        in_doubt=False,
        doubt_age_s=0,
    )


def handed_over(command_id):
    """The mail's row, which is written before the first byte goes out; its `send_id`."""
    with database.transaction() as connection:
        connection.execute(
            text(
                "INSERT INTO emails (send_id, command_id, appointment_id, kind, recipient)"
                " SELECT send_id, id, appointment_id, kind, 'c@example.com' FROM commands WHERE id = :id"
                " ON CONFLICT DO NOTHING"
            ),
            {"id": command_id},
        )
    return command_row(command_id)["send_id"]


def settled(row):
    """A row without what is measured against the present."""
    return {name: value for name, value in row.items() if not name.endswith("_s")}
