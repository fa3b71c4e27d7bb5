"""The records that the measured requests refer to: a token, photographers, and orders in Denver."""

from dataclasses import dataclass, field

from trials.records import Place, recording

ORDERS = 50
"""So many, and as many photographers, that requests at the same moment rarely lock the same order."""
DENVER = Place("America/Denver", 39.7530, -105.0002, "80202")


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
    with recording(database_url) as record:
        photographers, orders = [], []
        for number in range(ORDERS):
            name = f"Pat Photographer {number}"
            photographers.append(
                Photographer(record.photographer(name, f"photographer{number}@example.com"), name)
            )
            client = record.client(f"Client {number}", f"client{number}@example.com")
            place = record.property(f"{100 + number} Larimer Street, Denver, CO 80202", DENVER)
            order = record.order(client, place)
            orders.append(Order(order, record.request(order)))
        token = record.token("bench")
    return Records(token, tuple(orders), tuple(photographers))
