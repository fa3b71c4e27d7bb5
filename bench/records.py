"""The records that the measured requests refer to: a token, photographers, and orders in Denver."""

from dataclasses import dataclass, field

from sqlalchemy import create_engine, text

from models import tokens

ORDERS = 50
"""So many, and as many photographers, that requests at the same moment rarely lock the same order."""


@dataclass(frozen=True)
class Order:
    """An order and the wish that was made with it."""

    id: int
    request_id: int


@dataclass(frozen=True)
class Photographer:
    """A photographer, to whom a mail goes too."""

    id: int
    name: str


@dataclass(frozen=True)
class Records:
    """What a request may name."""

    token: str = field(repr=False)
    orders: tuple[Order, ...]
    photographers: tuple[Photographer, ...]


def make(database_url: str) -> Records:
    """Write the records into a migrated, empty database."""
    engine = create_engine(database_url)
    minted = tokens.mint("application")
    with engine.begin() as connection:

        def insert(statement: str, **values: object) -> int:
            return int(connection.execute(text(statement + " RETURNING id"), values).scalar_one())

        application = connection.execute(
            text("SELECT id FROM applications WHERE slug = 'planoauth'")
        ).scalar_one()
        tokens.store(connection, minted, application_id=application, label="bench")
        photographers = []
        for number in range(ORDERS):
            name = f"Pat Photographer {number}"
            user = insert(
                "INSERT INTO users (email, name) VALUES (:email, :name)",
                email=f"photographer{number}@example.com",
                name=name,
            )
            connection.execute(
                text("INSERT INTO employees (user_id, duties) VALUES (:id, '{photographer}')"), {"id": user}
            )
            photographers.append(Photographer(user, name))
        orders = []
        for number in range(ORDERS):
            client = insert(
                "INSERT INTO clients (email, name, assistant_emails, additional_emails)"
                " VALUES (:email, :name, '{}', '{}')",
                email=f"client{number}@example.com",
                name=f"Client {number}",
            )
            place = insert(
                "INSERT INTO properties (address, time_zone, latitude, longitude, zip)"
                " VALUES (:address, 'America/Denver', 39.7530, -105.0002, '80202')",
                address=f"{100 + number} Larimer Street, Denver, CO 80202",
            )
            order = insert(
                "INSERT INTO orders (client_id, property_id) VALUES (:client, :place)",
                client=client,
                place=place,
            )
            request = insert("INSERT INTO order_request_appts (order_id) VALUES (:order)", order=order)
            orders.append(Order(order, request))
    engine.dispose()
    return Records(minted.text, tuple(orders), tuple(photographers))
