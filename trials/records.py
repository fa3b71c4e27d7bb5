"""Writes the records that requests refer to into a migrated, empty database: a token, people, places, orders."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, create_engine, text

from models import tokens

APPLICATION = "planoauth"


@dataclass(frozen=True)
class Place:
    """Where a property is: its IANA zone, and what the clocks work a zone out from where there is none."""

    zone: str
    latitude: float | None = None
    longitude: float | None = None
    zip: str | None = None


class Recorder:
    """Each method makes one record and returns its id."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def photographer(self, name: str, email: str) -> int:
        """A user with the duty of a photographer."""
        user = self._insert("INSERT INTO users (email, name) VALUES (:email, :name)", email=email, name=name)
        self._connection.execute(
            text("INSERT INTO employees (user_id, duties) VALUES (:id, '{photographer}')"), {"id": user}
        )
        return user

    def client(self, name: str, email: str | None, assistants: Sequence[str] = ()) -> int:
        """A client; without an address nobody is mailed."""
        return self._insert(
            "INSERT INTO clients (email, name, assistant_emails, additional_emails)"
            " VALUES (:email, :name, :assistants, '{}')",
            email=email,
            name=name,
            assistants=list(assistants),
        )

    def property(self, address: str, place: Place) -> int:
        """A property at a place."""
        return self._insert(
            "INSERT INTO properties (address, time_zone, latitude, longitude, zip)"
            " VALUES (:address, :zone, :latitude, :longitude, :zip)",
            address=address,
            **asdict(place),
        )

    def order(self, client_id: int, property_id: int) -> int:
        """An order of a client for a property."""
        return self._insert(
            "INSERT INTO orders (client_id, property_id) VALUES (:client, :place)",
            client=client_id,
            place=property_id,
        )

    def request(self, order_id: int) -> int:
        """The wish for an appointment that was made with an order."""
        return self._insert("INSERT INTO order_request_appts (order_id) VALUES (:order)", order=order_id)

    def token(self, label: str) -> str:
        """A token of an application; this returns its text, which is stored nowhere."""
        minted = tokens.mint("application")
        application = self._connection.execute(
            text("SELECT id FROM applications WHERE slug = :slug"), {"slug": APPLICATION}
        ).scalar_one()
        tokens.store(self._connection, minted, application_id=application, label=label)
        return minted.text

    def _insert(self, statement: str, **values: object) -> int:
        return int(self._connection.execute(text(statement + " RETURNING id"), values).scalar_one())


@contextlib.contextmanager
def recording(database_url: str) -> Iterator[Recorder]:
    """A recorder; what it made is committed at the end."""
    engine = create_engine(database_url)
    try:
        with engine.begin() as connection:
            yield Recorder(connection)
    finally:
        engine.dispose()
