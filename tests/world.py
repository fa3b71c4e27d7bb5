"""Builds the records that tests are about, with sensible defaults: `world.order(zone="America/New_York")`."""

import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, text

from models import tokens
from models.moment import now

_numbers = itertools.count(1)


@dataclass(frozen=True)
class MadeUser:
    """A user and their address."""

    id: int
    email: str
    name: str


@dataclass(frozen=True)
class MadeOrder:
    """An order, with who gets its mails."""

    id: int
    client_id: int | None
    client_email: str | None
    property_id: int


class World:
    """One database's records."""

    def __init__(self, engine: Engine) -> None:
        """Nothing is made yet."""
        self.engine = engine

    def insert(self, statement: str, **values: object) -> int:
        """Run an `INSERT … RETURNING id` and give the id."""
        with self.engine.begin() as connection:
            return int(connection.execute(text(statement), values).scalar_one())

    def execute(self, statement: str, **values: object) -> None:
        """Run a statement in a transaction."""
        with self.engine.begin() as connection:
            connection.execute(text(statement), values)

    def rows(self, statement: str, **values: object) -> list[dict]:
        """The rows of a query, as dictionaries."""
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(statement), values).mappings()]

    def row(self, statement: str, **values: object) -> dict:
        """The only row of a query."""
        (row,) = self.rows(statement, **values)
        return row

    def application_id(self, slug: str = "planoauth") -> int:
        """The id of an application that the migrations made."""
        return self.row("SELECT id FROM applications WHERE slug = :slug", slug=slug)["id"]

    def application_token(self, slug: str = "planoauth") -> str:
        """A new application token."""
        minted = tokens.mint("application")
        with self.engine.begin() as connection:
            tokens.store(connection, minted, application_id=self.application_id(slug))
        return minted.text

    def session_token(
        self,
        user_id: int,
        *,
        application: str = "planoauth",
        age: timedelta = timedelta(0),
        idle: timedelta = timedelta(0),
        remember_me: bool = False,
    ) -> str:
        """A session of a user that was opened `age` ago and last used `idle` ago."""
        minted = tokens.mint("session")
        with self.engine.begin() as connection:
            token_id = tokens.store(
                connection,
                minted,
                application_id=self.application_id(application),
                user_id=user_id,
                remember_me=remember_me,
            )
            connection.execute(
                text("UPDATE tokens SET created_at = :created, last_used_at = :used WHERE id = :id"),
                {"id": token_id, "created": now() - max(age, idle), "used": now() - idle},
            )
        return minted.text

    def user(self, name: str = "Una User", email: str | None = None) -> MadeUser:
        """A user without any role."""
        email = email or f"user{next(_numbers)}@example.com"
        made = self.insert(
            "INSERT INTO users (email, name) VALUES (:email, :name) RETURNING id", email=email, name=name
        )
        return MadeUser(made, email, name)

    def employee(self, *duties: str, name: str = "Emma Employee", email: str | None = None) -> MadeUser:
        """A user with an employee record."""
        user = self.user(name, email)
        self.execute(
            "INSERT INTO employees (user_id, duties) VALUES (:id, :duties)", id=user.id, duties=list(duties)
        )
        return user

    def photographer(self, name: str = "Pat Photographer", email: str | None = None) -> MadeUser:
        """An employee with the duty of a photographer."""
        return self.employee("photographer", name=name, email=email)

    def company(self, name: str = "Acme Homes") -> int:
        """A customer company."""
        return self.insert("INSERT INTO companies (name) VALUES (:name) RETURNING id", name=name)

    def liaison(self, *company_ids: int, name: str = "Lee Liaison") -> MadeUser:
        """A user who serves companies."""
        user = self.user(name)
        self.execute("INSERT INTO liaisons (user_id) VALUES (:id)", id=user.id)
        for company_id in company_ids:
            self.execute(
                "INSERT INTO liaison_companies (user_id, company_id) VALUES (:id, :company)",
                id=user.id,
                company=company_id,
            )
        return user

    def client(
        self,
        *,
        user_id: int | None = None,
        email: str | None = "",
        name: str = "Carla Client",
        assistants: tuple[str, ...] = (),
        additional: tuple[str, ...] = (),
    ) -> int:
        """A client record; an empty `email` makes one up, None leaves the client without."""
        if email == "":
            email = f"client{next(_numbers)}@example.com"
        return self.insert(
            "INSERT INTO clients (user_id, email, name, assistant_emails, additional_emails)"
            " VALUES (:user_id, :email, :name, :assistants, :additional) RETURNING id",
            user_id=user_id,
            email=email,
            name=name,
            assistants=list(assistants),
            additional=list(additional),
        )

    def order(
        self,
        *,
        zone: str | None = "America/Denver",
        address: str = "12 Larimer St, Denver, CO",
        lat: float | None = None,
        lng: float | None = None,
        zip: str | None = None,
        client_id: int | None = None,
        company_id: int | None = None,
        client_email: str | None = "",
        assistants: tuple[str, ...] = (),
    ) -> MadeOrder:
        """An order with a property in `zone` and, unless given, a client of its own."""
        property_id = self.insert(
            "INSERT INTO properties (address, time_zone, latitude, longitude, zip)"
            " VALUES (:address, :zone, :lat, :lng, :zip) RETURNING id",
            address=address,
            zone=zone,
            lat=lat,
            lng=lng,
            zip=zip,
        )
        if client_id is None:
            client_id = self.client(email=client_email, assistants=assistants)
        order_id = self.insert(
            "INSERT INTO orders (client_id, company_id, property_id) VALUES (:client, :company, :property)"
            " RETURNING id",
            client=client_id,
            company=company_id,
            property=property_id,
        )
        email = self.row("SELECT email FROM clients WHERE id = :id", id=client_id)["email"]
        return MadeOrder(order_id, client_id, email, property_id)

    def order_request_appt(self, order_id: int) -> int:
        """A client's wish within an order."""
        return self.insert(
            "INSERT INTO order_request_appts (order_id) VALUES (:order) RETURNING id", order=order_id
        )

    def appointment(self, appointment_id: int) -> dict:
        """The stored row."""
        return self.row("SELECT * FROM appointments WHERE id = :id", id=appointment_id)

    def commands(self, appointment_id: int) -> dict[str, dict]:
        """The commands of an appointment, by kind."""
        rows = self.rows("SELECT * FROM commands WHERE appointment_id = :id ORDER BY id", id=appointment_id)
        return {row["kind"]: row for row in rows}

    def notifications(self, appointment_id: int) -> list[dict]:
        """What developers see of an appointment."""
        return self.rows(
            "SELECT * FROM notifications WHERE appointment_id = :id ORDER BY id", id=appointment_id
        )


def stamp(moment: datetime | None = None) -> str:
    """An `updated_at_mt` that will do."""
    return (moment or now()).strftime("%Y-%m-%d %H:%M:%S")
