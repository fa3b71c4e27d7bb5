"""The records that the creates refer to: a token, and orders in several zones, each with people of its own.

Every order has its own client and photographer, so that the sandbox can be asked for their mails alone, and
one order in eight has a client without an address.
"""

from dataclasses import dataclass, field

from trials.records import Place, recording

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
    orders, addresses = [], []
    with recording(database_url) as record:
        token = record.token("chaos")
        for number in range(ORDERS):
            zone, street = PLACES[number % len(PLACES)]
            client_email = None if number % 8 == 7 else f"client{number}@example.com"
            photographer_email = f"photographer{number}@example.com"
            addresses += [address for address in (client_email, photographer_email) if address]
            photographer = record.photographer(f"Photographer {number}", photographer_email)
            assistants = [f"assistant{number}@example.com"] if client_email and number % 4 == 0 else []
            client = record.client(f"Client {number}", client_email, assistants)
            place = record.property(f"{100 + number} {street}", Place(zone))
            orders.append(Order(record.order(client, place), photographer))
    return Records(token, tuple(orders), tuple(addresses))
