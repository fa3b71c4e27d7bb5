"""What the database already has of the records that a file speaks of: a handful of reads, nothing locked."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection, text

from cli.importing.lines import Numbered


@dataclass(frozen=True, slots=True)
class KnownClient:
    """A client record."""

    id: int
    email: str | None
    user_id: int | None


@dataclass
class Known:
    """The records by id; `user_emails` in lower case."""

    companies: set[int] = field(default_factory=set)
    users: set[int] = field(default_factory=set)
    user_emails: dict[int, str] = field(default_factory=dict)
    duties: dict[int, list[str]] = field(default_factory=dict)
    clients: dict[int, KnownClient] = field(default_factory=dict)
    orders: dict[int, int | None] = field(default_factory=dict)
    """The property's id of each order."""
    requests: set[int] = field(default_factory=set)


_USERS = text(
    "SELECT id, lower(email) AS email FROM users WHERE id = ANY(:ids) OR lower(email) = ANY(:emails)"
)
_CLIENTS = text(
    "SELECT id, email, user_id FROM clients"
    " WHERE id = ANY(:ids) OR user_id = ANY(:user_ids) OR lower(email) = ANY(:emails) ORDER BY id"
)
_DUTIES = text("SELECT user_id, duties FROM employees WHERE user_id = ANY(:ids)")
_ORDERS = text("SELECT id, property_id FROM orders WHERE id = ANY(:ids)")
_COMPANIES = text("SELECT id FROM companies WHERE id = ANY(:ids)")
_REQUESTS = text("SELECT id FROM order_request_appts WHERE id = ANY(:ids)")


def look_up(connection: Connection, said: Numbered) -> Known:
    """Read what the lines name by id or by e-mail address."""
    known = Known()
    clients = [order.client for _, order in said.orders.values() if order.client is not None]
    own_clients = [user.client for _, user in said.users.values() if user.client]
    client_ids = {client.id for client in clients} | {client.id for client in own_clients}
    user_addresses = {user.email.lower() for _, user in said.users.values()}
    addresses = user_addresses | {client.email.lower() for client in clients if client.email}

    for row in connection.execute(_USERS, {"ids": list(said.users), "emails": list(addresses)}):
        known.users.add(row.id)
        known.user_emails[row.id] = row.email
    for row in connection.execute(_DUTIES, {"ids": list(said.users)}):
        known.duties[row.user_id] = list(row.duties)
    whose = {
        "ids": [client_id for client_id in client_ids if client_id is not None],
        "user_ids": list({*known.users, *said.users}),
        "emails": list(addresses),
    }
    for row in connection.execute(_CLIENTS, whose):
        known.clients[row.id] = KnownClient(row.id, row.email, row.user_id)

    order_ids = {*said.orders, *(request.order_id for _, request in said.requests.values())}
    for row in connection.execute(_ORDERS, {"ids": list(order_ids)}):
        known.orders[row.id] = row.property_id
    company_ids = {*said.companies, *_companies_named(said)}
    known.companies.update(connection.execute(_COMPANIES, {"ids": list(company_ids)}).scalars())
    known.requests.update(connection.execute(_REQUESTS, {"ids": list(said.requests)}).scalars())
    return known


def _companies_named(said: Numbered) -> Iterable[int]:
    for _, order in said.orders.values():
        if order.company_id is not None:
            yield order.company_id
    for _, user in said.users.values():
        if user.liaison:
            yield from user.liaison.company_ids or ()
