"""Making the demo records, finding those that are there, and deleting them with all that hangs on them.

Every function works inside the caller's transaction.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, text

from cli.demo_data import COMPANY, ORDERS, OTHER_COMPANY, PEOPLE, WITH_REQUEST, DemoOrder, Person

_ONE_SEED_AT_A_TIME = 4_215_001  # the key of an advisory lock; any number that nothing else uses


@dataclass(frozen=True)
class DemoRecords:
    """The ids of the demo records, by the names and addresses in `cli.demo_data`."""

    user_ids: dict[str, int]
    order_ids: dict[str, int]
    request_ids: dict[str, int]


def lock(connection: Connection) -> None:
    """Until the end of the transaction no other seed or reset runs on this database."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_SEED_AT_A_TIME})


def ensure(connection: Connection) -> DemoRecords:
    """Make what is missing and bring back what was changed."""
    companies = {name: _company(connection, name) for name in (COMPANY, OTHER_COMPANY)}
    users = {person.email: _user(connection, person) for person in PEOPLE}
    clients: dict[str, int] = {}
    for person in PEOPLE:
        _roles(connection, person, users[person.email], companies)
        if person.client_of is not None:
            company_id = companies[person.client_of]
            clients[person.email] = _client(connection, person, users[person.email], company_id)
    orders = {
        name: _order(connection, order, clients[order.client.email], companies)
        for name, order in ORDERS.items()
    }
    requests = {name: _request(connection, orders[name]) for name in WITH_REQUEST}
    return DemoRecords(users, orders, requests)


def _company(connection: Connection, name: str) -> int:
    found = connection.scalar(
        text("SELECT id FROM companies WHERE name = :name ORDER BY id LIMIT 1"), {"name": name}
    )
    return found or _new_id(connection, "INSERT INTO companies (name) VALUES (:name) RETURNING id", name=name)


def _user(connection: Connection, person: Person) -> int:
    return _new_id(
        connection,
        "INSERT INTO users (email, name) VALUES (:email, :name)"
        " ON CONFLICT (lower(email)) DO UPDATE SET name = excluded.name RETURNING id",
        email=person.email,
        name=person.name,
    )


def _roles(connection: Connection, person: Person, user_id: int, companies: dict[str, int]) -> None:
    if person.duties is None:
        connection.execute(text("DELETE FROM employees WHERE user_id = :id"), {"id": user_id})
    else:
        connection.execute(
            text(
                "INSERT INTO employees (user_id, duties) VALUES (:id, :duties)"
                " ON CONFLICT (user_id) DO UPDATE SET duties = excluded.duties"
            ),
            {"id": user_id, "duties": list(person.duties)},
        )
    connection.execute(text("DELETE FROM liaisons WHERE user_id = :id"), {"id": user_id})
    if person.companies:
        connection.execute(text("INSERT INTO liaisons (user_id) VALUES (:id)"), {"id": user_id})
        connection.execute(
            text("INSERT INTO liaison_companies (user_id, company_id) VALUES (:id, :company_id)"),
            [{"id": user_id, "company_id": companies[name]} for name in person.companies],
        )
    if person.client_of is None:
        connection.execute(text("UPDATE clients SET user_id = NULL WHERE user_id = :id"), {"id": user_id})


def _client(connection: Connection, person: Person, user_id: int, company_id: int) -> int:
    return _new_id(
        connection,
        "INSERT INTO clients (user_id, company_id, email, name, assistant_emails)"
        " VALUES (:user_id, :company_id, :email, :name, :assistants)"
        " ON CONFLICT (user_id) DO UPDATE SET company_id = excluded.company_id, email = excluded.email,"
        " name = excluded.name, assistant_emails = excluded.assistant_emails, additional_emails = '{}'"
        " RETURNING id",
        user_id=user_id,
        company_id=company_id,
        email=person.email,
        name=person.name,
        assistants=list(person.assistants),
    )


def _order(connection: Connection, order: DemoOrder, client_id: int, companies: dict[str, int]) -> int:
    latitude, longitude = order.position or (None, None)
    place = {
        "address": order.address,
        "time_zone": order.zone,
        "latitude": latitude,
        "longitude": longitude,
        "zip": order.zip,
    }
    company_id = companies[order.client.client_of or COMPANY]
    found = connection.execute(
        text(
            "SELECT o.id, o.property_id FROM orders o JOIN properties p ON p.id = o.property_id"
            " WHERE o.client_id = :client_id AND p.address = :address ORDER BY o.id LIMIT 1"
        ),
        {"client_id": client_id, "address": order.address},
    ).first()
    if found is not None:
        connection.execute(
            text(
                "UPDATE properties SET time_zone = :time_zone, latitude = :latitude, longitude = :longitude,"
                " zip = :zip WHERE id = :id"
            ),
            {**place, "id": found.property_id},
        )
        connection.execute(
            text("UPDATE orders SET company_id = :company_id WHERE id = :id"),
            {"company_id": company_id, "id": found.id},
        )
        return int(found.id)
    property_id = _new_id(
        connection,
        "INSERT INTO properties (address, time_zone, latitude, longitude, zip)"
        " VALUES (:address, :time_zone, :latitude, :longitude, :zip) RETURNING id",
        **place,
    )
    return _new_id(
        connection,
        "INSERT INTO orders (client_id, company_id, property_id)"
        " VALUES (:client_id, :company_id, :property_id) RETURNING id",
        client_id=client_id,
        company_id=company_id,
        property_id=property_id,
    )


def _request(connection: Connection, order_id: int) -> int:
    found = connection.scalar(
        text("SELECT id FROM order_request_appts WHERE order_id = :id ORDER BY id LIMIT 1"), {"id": order_id}
    )
    return found or _new_id(
        connection, "INSERT INTO order_request_appts (order_id) VALUES (:id) RETURNING id", id=order_id
    )


def _new_id(connection: Connection, statement: str, **values: object) -> int:
    return int(connection.execute(text(statement), values).scalar_one())


def delete(connection: Connection) -> dict[str, int]:
    """Delete the demo records and what belongs to them; how many of each kind.

    The orders of the demo clients and companies go with their appointments, and these with their commands,
    mails and notifications. An appointment of another order that a demo photographer was to do stays, without
    a photographer.
    """
    emails = [person.email for person in PEOPLE]
    users = _ids(connection, "SELECT id FROM users WHERE lower(email) IN :keys", emails)
    companies = _ids(connection, "SELECT id FROM companies WHERE name IN :keys", [COMPANY, OTHER_COMPANY])
    clients = _ids(connection, "SELECT id FROM clients WHERE user_id IN :keys", users)
    orders = sorted(
        {
            *_ids(connection, "SELECT id FROM orders WHERE client_id IN :keys", clients),
            *_ids(connection, "SELECT id FROM orders WHERE company_id IN :keys", companies),
        }
    )
    properties = _ids(connection, "SELECT property_id FROM orders WHERE id IN :keys", orders)
    deleted = {"appointments": _run(connection, "DELETE FROM appointments WHERE order_id IN :keys", orders)}
    deleted["appointments"] += _run(
        connection, "DELETE FROM appointments WHERE order_id IS NULL AND caller_user_id IN :keys", users
    )
    _run(
        connection,
        "UPDATE appointments SET photographer_user_id = NULL WHERE photographer_user_id IN :keys",
        users,
    )
    deleted["orders"] = _run(connection, "DELETE FROM orders WHERE id IN :keys", orders)
    _run(
        connection,
        "DELETE FROM properties WHERE id IN :keys"
        " AND NOT EXISTS (SELECT FROM orders WHERE property_id = properties.id)",
        properties,
    )
    deleted["clients"] = _run(connection, "DELETE FROM clients WHERE id IN :keys", clients)
    deleted["users"] = _run(connection, "DELETE FROM users WHERE id IN :keys", users)
    _run(connection, "UPDATE clients SET company_id = NULL WHERE company_id IN :keys", companies)
    deleted["companies"] = _run(connection, "DELETE FROM companies WHERE id IN :keys", companies)
    return deleted


def _ids(connection: Connection, statement: str, keys: list[str] | list[int]) -> list[int]:
    found = connection.execute(_over(statement), {"keys": keys}).scalars()
    return [key for key in found if key is not None]


def _run(connection: Connection, statement: str, keys: list[int]) -> int:
    return connection.execute(_over(statement), {"keys": keys}).rowcount


def _over(statement: str):  # type: ignore[no-untyped-def]
    return text(statement).bindparams(bindparam("keys", expanding=True))
