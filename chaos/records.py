"""The records that the creates refer to: a token, and orders in several zones, each with people of its own.

Every order has its own client and photographer, so that the sandbox can be asked for their mails alone, and
one order in eight has a client without an address.
"""

from dataclasses import dataclass, field

from sqlalchemy import create_engine, text

from models import tokens

ORDERS = 64
PLACES = (
    ("America/Denver", "Larimer Street, Denver, CO"),
    ("America/New_York", "Broadway, New York, NY"),
    ("America/Phoenix", "Camelback Road, Phoenix, AZ"),
    ("America/Los_Angeles", "Sunset Boulevard, Los Angeles, CA"),
)


@dataclass(frozen=True)
class Order:
    """An order and the photographer that its appointments name."""

    id: int
    photographer_id: int


@dataclass(frozen=True)
class Records:
    """What a create may name, and every address that may get a mail."""

    token: str = field(repr=False)
    orders: tuple[Order, ...]
    addresses: tuple[str, ...]


def make(database_url: str) -> Records:
    """Write the records into a migrated, empty database."""
    engine = create_engine(database_url)
    minted = tokens.mint("application")
    orders, addresses = [], []
    with engine.begin() as connection:

        def insert(statement: str, **values: object) -> int:
            return int(connection.execute(text(statement + " RETURNING id"), values).scalar_one())

        application = connection.execute(
            text("SELECT id FROM applications WHERE slug = 'planoauth'")
        ).scalar_one()
        tokens.store(connection, minted, application_id=application, label="chaos")
        for number in range(ORDERS):
            zone, street = PLACES[number % len(PLACES)]
            client_email = None if number % 8 == 7 else f"client{number}@example.com"
            photographer_email = f"photographer{number}@example.com"
            addresses += [address for address in (client_email, photographer_email) if address]
            photographer = insert(
                "INSERT INTO users (email, name) VALUES (:email, :name)",
                email=photographer_email,
                name=f"Photographer {number}",
            )
            connection.execute(
                text("INSERT INTO employees (user_id, duties) VALUES (:id, '{photographer}')"),
                {"id": photographer},
            )
            client = insert(
                "INSERT INTO clients (email, name, assistant_emails, additional_emails)"
                " VALUES (:email, :name, :assistants, '{}')",
                email=client_email,
                name=f"Client {number}",
                assistants=[f"assistant{number}@example.com"] if client_email and number % 4 == 0 else [],
            )
            place = insert(
                "INSERT INTO properties (address, time_zone) VALUES (:address, :zone)",
                address=f"{100 + number} {street}",
                zone=zone,
            )
            order = insert(
                "INSERT INTO orders (client_id, property_id) VALUES (:client, :place)",
                client=client,
                place=place,
            )
            orders.append(Order(order, photographer))
    engine.dispose()
    return Records(minted.text, tuple(orders), tuple(addresses))
