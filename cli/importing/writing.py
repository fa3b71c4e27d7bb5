"""Writing a plan: one statement for a thousand rows, parents before children, inside the caller's transaction."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from psycopg.types.json import Jsonb
from sqlalchemy import Connection, text

from cli.importing.lines import Numbered
from cli.importing.plan import Plan, Row

BATCH = 1_000
SEQUENCED = ("companies", "users", "clients", "orders", "order_request_appts")
_ONE_IMPORT_AT_A_TIME = 4_215_002  # the key of an advisory lock; any number that nothing else uses

_UPSERT = {
    "companies": """
        INSERT INTO companies (id, name)
        SELECT id, name FROM jsonb_to_recordset(%(rows)s) AS r (id bigint, name text)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name""",
    # New users first lose nothing by a blank name; the row's own null keeps an existing one.
    "users": """
        INSERT INTO users AS u (id, email, name)
        SELECT id, email, coalesce(name, (SELECT name FROM users o WHERE o.id = r.id), '')
        FROM jsonb_to_recordset(%(rows)s) AS r (id bigint, email text, name text)
        ON CONFLICT (id) DO UPDATE SET email = excluded.email, name = excluded.name""",
    "employees": """
        INSERT INTO employees (user_id, duties)
        SELECT user_id, duties FROM jsonb_to_recordset(%(rows)s) AS r (user_id bigint, duties text[])
        ON CONFLICT (user_id) DO UPDATE SET duties = excluded.duties""",
    "liaisons": """
        INSERT INTO liaisons (user_id)
        SELECT user_id FROM jsonb_to_recordset(%(rows)s) AS r (user_id bigint)
        ON CONFLICT (user_id) DO NOTHING""",
    "liaison_companies": """
        INSERT INTO liaison_companies (user_id, company_id)
        SELECT user_id, company_id FROM jsonb_to_recordset(%(rows)s) AS r (user_id bigint, company_id bigint)
        ON CONFLICT (user_id, company_id) DO NOTHING""",
    "clients": """
        INSERT INTO clients (id, user_id, email, name, assistant_emails, additional_emails)
        SELECT r.id, r.user_id, r.email, coalesce(r.name, c.name, ''),
          coalesce(r.assistant_emails, c.assistant_emails, '{}'),
          coalesce(r.additional_emails, c.additional_emails, '{}')
        FROM jsonb_to_recordset(%(rows)s) AS r (id bigint, user_id bigint, email text, name text,
          assistant_emails text[], additional_emails text[])
        LEFT JOIN clients c ON c.id = r.id
        ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, email = excluded.email, name = excluded.name,
          assistant_emails = excluded.assistant_emails, additional_emails = excluded.additional_emails""",
    "orders": """
        INSERT INTO orders (id, client_id, company_id, property_id)
        SELECT r.id, coalesce(r.client_id, o.client_id), coalesce(r.company_id, o.company_id), r.property_id
        FROM jsonb_to_recordset(%(rows)s) AS r (id bigint, client_id bigint, company_id bigint,
          property_id bigint)
        LEFT JOIN orders o ON o.id = r.id
        ON CONFLICT (id) DO UPDATE SET client_id = excluded.client_id, company_id = excluded.company_id,
          property_id = excluded.property_id""",
    "order_request_appts": """
        INSERT INTO order_request_appts (id, order_id)
        SELECT id, order_id FROM jsonb_to_recordset(%(rows)s) AS r (id bigint, order_id bigint)
        ON CONFLICT (id) DO UPDATE SET order_id = excluded.order_id""",
}
_NEW_PROPERTIES = """
    INSERT INTO properties (id, address, time_zone, latitude, longitude, zip)
    SELECT id, address, time_zone, latitude, longitude, zip
    FROM jsonb_to_recordset(%(rows)s) AS r (id bigint, address text, time_zone text, latitude float8,
      longitude float8, zip text)"""
_CHANGED_PROPERTIES = """
    UPDATE properties p SET address = r.address, time_zone = r.time_zone, latitude = r.latitude,
      longitude = r.longitude, zip = r.zip
    FROM jsonb_to_recordset(%(rows)s) AS r (id bigint, address text, time_zone text, latitude float8,
      longitude float8, zip text)
    WHERE p.id = r.id AND (p.address, p.time_zone, p.latitude, p.longitude, p.zip)
      IS DISTINCT FROM (r.address, r.time_zone, r.latitude, r.longitude, r.zip)
    RETURNING p.id"""


@dataclass(frozen=True)
class Written:
    """What came of a file: how many records of each kind, and the properties whose place or address changed.

    The times of appointments at a changed property were reconciled with what it said before, and have to be again.
    """

    companies: int
    users: int
    orders: int
    order_request_appts: int
    created: int
    updated: int
    changed_property_ids: tuple[int, ...]

    def summary(self) -> dict[str, int]:
        """The numbers, for a script."""
        return {
            "companies": self.companies,
            "users": self.users,
            "orders": self.orders,
            "order_request_appts": self.order_request_appts,
            "created": self.created,
            "updated": self.updated,
            "properties_changed": len(self.changed_property_ids),
        }


def lock(connection: Connection) -> None:
    """Until the end of the transaction no other import runs: two would make one client twice.

    A statement here moves a thousand rows and may take longer than one of a web request.
    """
    connection.execute(text("SET LOCAL statement_timeout = '60s'"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_IMPORT_AT_A_TIME})


def write(connection: Connection, said: Numbered, plan: Plan, told: Callable[[int], None]) -> Written:
    """Write a plan without faults; `told` hears how many rows of the file's records are done."""
    _move_sequences_past(connection, plan)
    _give_ids(connection, plan)

    _upsert(connection, "companies", plan.companies, told)
    _upsert(connection, "users", plan.users, told)
    _take_roles_away(connection, plan)
    _upsert(connection, "employees", plan.employees)
    _upsert(connection, "liaisons", plan.liaisons)
    _upsert(connection, "liaison_companies", plan.liaison_companies)
    _upsert(connection, "clients", plan.clients)
    changed = write_properties(connection, plan.properties)
    _upsert(connection, "orders", plan.orders, told)
    _upsert(connection, "order_request_appts", plan.order_request_appts, told)
    return Written(
        len(said.companies),
        len(said.users),
        len(said.orders),
        len(said.requests),
        plan.created,
        plan.updated,
        tuple(changed),
    )


def write_properties(connection: Connection, rows: list[Row]) -> list[int]:
    """Write the orders' properties; the ids of existing ones that are not what they were."""
    changed: list[int] = []
    for batch in _batches(rows):
        updated = connection.exec_driver_sql(_CHANGED_PROPERTIES, {"rows": Jsonb(batch)})
        changed += [row.id for row in updated]
        there = "SELECT id FROM properties WHERE id = ANY(%(ids)s)"
        known = set(connection.exec_driver_sql(there, {"ids": [row["id"] for row in batch]}).scalars())
        new = [row for row in batch if row["id"] not in known]
        if new:
            connection.exec_driver_sql(_NEW_PROPERTIES, {"rows": Jsonb(new)})
    return changed


def _upsert(
    connection: Connection, table: str, rows: list[Row], told: Callable[[int], None] = lambda _rows: None
) -> None:
    for batch in _batches(rows):
        connection.exec_driver_sql(_UPSERT[table], {"rows": Jsonb(batch)})
        told(len(batch))


def _take_roles_away(connection: Connection, plan: Plan) -> None:
    for statement, user_ids in (
        ("DELETE FROM employees WHERE user_id = ANY(:ids)", plan.no_longer_employees),
        ("DELETE FROM liaisons WHERE user_id = ANY(:ids)", plan.no_longer_liaisons),
        ("DELETE FROM liaison_companies WHERE user_id = ANY(:ids)", plan.served_anew),
        ("UPDATE clients SET user_id = NULL WHERE user_id = ANY(:ids)", plan.no_longer_clients),
    ):
        if user_ids:
            connection.execute(text(statement), {"ids": user_ids})


def _give_ids(connection: Connection, plan: Plan) -> None:
    """Put real ids in the place of negative ones."""
    clients = _new_ids(connection, "clients", plan.clients)
    properties = _new_ids(connection, "properties", plan.properties)
    for order in plan.orders:
        order["client_id"] = clients.get(order["client_id"], order["client_id"])
        order["property_id"] = properties.get(order["property_id"], order["property_id"])


def _new_ids(connection: Connection, table: str, rows: list[Row]) -> dict[int, int]:
    stand_ins = [row["id"] for row in rows if row["id"] < 0]
    drawn = connection.execute(
        text("SELECT nextval(pg_get_serial_sequence(:table, 'id')) FROM generate_series(1, :number)"),
        {"table": table, "number": len(stand_ins)},
    ).scalars()
    ids = dict(zip(stand_ins, drawn, strict=True))
    for row in rows:
        row["id"] = ids.get(row["id"], row["id"])
    return ids


def _move_sequences_past(connection: Connection, plan: Plan) -> None:
    """Ids that are drawn from now on are above those of the file, and do not collide with them."""
    for table in SEQUENCED:
        highest = max((row["id"] for row in getattr(plan, table)), default=0)
        if highest > 0:
            connection.execute(
                text(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), :highest)"  # noqa: S608 - constants
                    f" FROM {table}_id_seq WHERE last_value <= :highest"
                ),
                {"highest": highest},
            )


def _batches(rows: list[Row]) -> Iterator[list[Row]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]
