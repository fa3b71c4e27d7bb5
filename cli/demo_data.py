"""The demo records, as data: people of example.com, two companies, five orders.

They are recognised by their natural keys (e-mail address, company name, and for an order its client and
address), not by ids, so that they can live beside imported records.
"""

from dataclasses import dataclass, field
from datetime import timedelta

APPLICATIONS = ("planoauth", "planoorder", "planox2")
SESSION_APPLICATION = "planoauth"
"""The application that the demo sessions belong to; it admits every role."""

COMPANY = "Demo Property Management"
OTHER_COMPANY = "Another Demo Company"


@dataclass(frozen=True)
class Person:
    """A user. `duties` None: no employee. `companies`: those that a liaison serves. `client_of`: a company."""

    email: str
    name: str
    duties: tuple[str, ...] | None = None
    companies: tuple[str, ...] = ()
    client_of: str | None = None
    assistants: tuple[str, ...] = ()


EMPLOYEE = Person("dispatcher@example.com", "Dana Whitfield", duties=("dispatcher",))
PHOTOGRAPHER = Person("photographer@example.com", "Pat Novak", duties=("photographer",))
CLIENT = Person(
    "client@example.com", "Casey Moreno", client_of=COMPANY, assistants=("assistant@example.com",)
)
LIAISON = Person("liaison@example.com", "Lee Okafor", companies=(COMPANY,))
NO_ROLE = Person("visitor@example.com", "Vic Halloran")
OTHER_CLIENT = Person("other.client@example.com", "Olive Brandt", client_of=OTHER_COMPANY)
PEOPLE = (EMPLOYEE, PHOTOGRAPHER, CLIENT, LIAISON, NO_ROLE, OTHER_CLIENT)


@dataclass(frozen=True)
class DemoOrder:
    """An order for one property. Zone, position (WGS 84 degrees) and ZIP tell the same place, or are absent."""

    client: Person
    address: str
    zone: str | None = None
    position: tuple[float, float] | None = None
    zip: str | None = None


ORDERS = {
    "denver": DemoOrder(
        CLIENT, "1701 Wynkoop Street, Denver, CO 80202", "America/Denver", (39.7530, -105.0002), "80202"
    ),
    "new_york": DemoOrder(
        CLIENT, "89 East 42nd Street, New York, NY 10017", "America/New_York", (40.7527, -73.9772), "10017"
    ),
    "phoenix": DemoOrder(
        CLIENT,
        "1625 North Central Avenue, Phoenix, AZ 85004",
        "America/Phoenix",
        (33.4664, -112.0730),
        "85004",
    ),
    "no_zone": DemoOrder(CLIENT, "Parcel 7, address to follow"),
    "other_client": DemoOrder(
        OTHER_CLIENT,
        "233 South Wacker Drive, Chicago, IL 60606",
        "America/Chicago",
        (41.8789, -87.6359),
        "60606",
    ),
}
WITH_REQUEST = ("denver", "new_york")
"""The orders that have an order request appointment."""


@dataclass(frozen=True)
class DemoSession:
    """A session token: whose, how long ago it began, and how long ago it was used last."""

    person: Person
    age: timedelta = field(default=timedelta())
    unused: timedelta = field(default=timedelta())
    remember_me: bool = False


SESSIONS = {
    "employee": DemoSession(EMPLOYEE),
    "client": DemoSession(CLIENT),
    "liaison": DemoSession(LIAISON),
    "no_role": DemoSession(NO_ROLE),
    # Each is over for one reason only: too old although in use, unused although young enough.
    "expired": DemoSession(EMPLOYEE, age=timedelta(days=8), unused=timedelta(hours=1)),
    "idle": DemoSession(EMPLOYEE, age=timedelta(days=4), unused=timedelta(hours=80)),
    "remembered": DemoSession(EMPLOYEE, age=timedelta(days=30), unused=timedelta(days=20), remember_me=True),
}
