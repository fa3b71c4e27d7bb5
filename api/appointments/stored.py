"""Appointments as they stand in the database now, and which of them a caller may see."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from api.caller import Caller
from models.appointment_history import former_orders

_READ = (
    "SELECT a.*, o.client_id AS order_client_id, o.company_id AS order_company_id FROM appointments a"
    " LEFT JOIN orders o ON o.id = a.order_id WHERE a.id = %(id)s"
)


def read_stored(connection: Connection, appointment_id: int) -> Mapping[str, Any]:
    """The row, with whom its order belongs to. Raises `sqlalchemy.exc.NoResultFound` when there is none."""
    return dict(connection.exec_driver_sql(_READ, {"id": appointment_id}).mappings().one())


def may_see(caller: Caller, row: Mapping[str, Any]) -> bool:
    """Whether the caller may know of it: through its order, or, without one, as the person who made it."""
    if row["order_id"] is not None:
        return caller.may_touch_order(row["order_client_id"], row["order_company_id"])
    if caller.role in ("application", "employee"):
        return True
    return caller.holder.user_id is not None and row["caller_user_id"] == caller.holder.user_id


def in_sight_since(connection: Connection, caller: Caller, row: Mapping[str, Any]) -> int:
    """The id of the change by which the appointment came to an order of the caller's, the last time.

    0 when it was the caller's from the beginning; what was before is somebody else's.
    """
    if caller.role in ("application", "employee"):
        return 0
    for former in former_orders(connection, row["id"]):
        of_order = {"order_client_id": former.client_id, "order_company_id": former.company_id}
        if not may_see(caller, {**row, **of_order, "order_id": former.order_id}):
            return former.change_id
    return 0
