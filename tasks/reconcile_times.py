"""The command `reconcile-times`: make the three frames of an appointment agree, then let its mails go.

It computes from the snapshot of what was supplied, never from its own output, so that running it again
changes nothing (clocks.md section 1). Result, end of the command and release of the mails are one
transaction.
"""

from functools import lru_cache
from typing import Any

import structlog
from celery import shared_task
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, text

from models import command_ledger as ledger
from models import database
from models.clock import Place, Reconciliation, Supplied, load_atlas, reconcile, zone_of
from models.command_ledger import Claim, Due, LeaseLostError
from settings import get_settings
from tasks.catalogue import RECONCILE_TIMES
from tasks.claims import give_back, take
from tasks.publishing import publish

log = structlog.get_logger(__name__)

_SUPPLIED = text("""
SELECT a.supplied, p.time_zone, p.latitude, p.longitude, p.zip
FROM appointments a
LEFT JOIN orders o ON o.id = a.order_id
LEFT JOIN properties p ON p.id = o.property_id
WHERE a.id = :id
""")


def reconcile_times(command_id: int) -> None:
    """Do one command. A message too many, or too late, does nothing."""
    claimed = take(RECONCILE_TIMES, command_id)
    if claimed is None:
        return
    try:
        with database.transaction() as connection:
            result = _reconcile(connection, claimed.appointment_id)
            _store(connection, claimed.appointment_id, result)
            released = _finish(connection, claimed)
    except LeaseLostError as lost:
        log.warning("lease lost", error=str(lost))
        return
    except Exception as failure:
        give_back(RECONCILE_TIMES, claimed, type(failure).__name__)
        raise
    publish(released)
    log.info("reconciled", start=result.start, stop=result.stop, zone_source=result.zone_source)


def _reconcile(connection: Connection, appointment_id: int) -> Reconciliation:
    row = connection.execute(_SUPPLIED, {"id": appointment_id}).one()
    place = Place(iana=row.time_zone, lat=row.latitude, lng=row.longitude, zip=row.zip)
    finding = zone_of(place, load_atlas())
    return reconcile(Supplied.from_json(row.supplied), finding, get_settings().office_time_zone)


def _store(connection: Connection, appointment_id: int, result: Reconciliation) -> None:
    values: dict[str, Any] = dict(result.values)
    connection.exec_driver_sql(
        _update_statement(tuple(values)),
        {
            **values,
            "id": appointment_id,
            "starts_at": result.start_instant,
            "stops_at": result.stop_instant,
            "start_resolution": result.start,
            "stop_resolution": result.stop,
            "zone_name": result.zone_name,
            "zone_source": result.zone_source,
            "start_offset_s": result.offsets.get("start"),
            "stop_offset_s": result.offsets.get("stop"),
            "office_zone": get_settings().office_time_zone,
            "tzdata_version": result.tzdata_version,
            "discrepancies": Jsonb([found.to_json() for found in result.discrepancies]),
        },
    )


_FOUND = (
    *("starts_at", "stops_at", "start_resolution", "stop_resolution", "zone_name", "zone_source"),
    *("start_offset_s", "stop_offset_s", "office_zone", "tzdata_version", "discrepancies"),
)


@lru_cache(maxsize=8)
def _update_statement(names: tuple[str, ...]) -> str:
    columns = ", ".join(f"{name} = %({name})s" for name in (*names, *_FOUND))
    return f"UPDATE appointments SET {columns}, reconciled_at = now() WHERE id = %(id)s"  # noqa: S608


def _finish(connection: Connection, claimed: Claim) -> list[Due]:
    ledger.finish(connection, claimed)
    return ledger.release(connection, claimed.appointment_id)


@shared_task(name=RECONCILE_TIMES.name, ignore_result=True)
def reconcile_times_task(command_id: int) -> None:
    """The thin shell of `reconcile-times`."""
    reconcile_times(command_id)
