"""What a record will show once its clocks have been reconciled, for a change that comes before they are.

Until then a row shows only what was supplied. A change that names a time alone keeps the date that the record shows
on that clock; what that is must not depend on whether a worker was faster than the client.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, text

from models.appointment_change import Snapshots
from models.appointment_clocks import needs_atlas
from models.clock import Place, reconcile, zone_of

_PLACE: Final = text(
    "SELECT p.time_zone, p.latitude, p.longitude, p.zip FROM orders o JOIN properties p ON p.id = o.property_id"
    " WHERE o.id = :order_id"
)


def foreseen(
    connection: Connection, row: Mapping[str, Any], snapshots: Snapshots, office_zone: str
) -> Mapping[str, Any] | None:
    """The row with the values that reconciliation will fill in; as it is when that has been done.

    None when it cannot be told: the property's zone is known by its position or ZIP alone, and no web process loads
    the atlas that looks it up.
    """
    if row["reconciled_at"] is not None:
        return row
    place = Place()
    if row["order_id"] is not None:
        found = connection.execute(_PLACE, {"order_id": row["order_id"]}).one_or_none()
        place = Place() if found is None else Place(*found)
    finding = zone_of(place)
    if finding.zone is None and needs_atlas(place):
        return None
    return {**row, **reconcile(snapshots.effective, finding, office_zone).values}
