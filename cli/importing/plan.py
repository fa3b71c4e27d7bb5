"""From what the lines say and what the database has to the rows to be written, or the faults. Pure.

The rows are plain dictionaries, as `writing` sends them. A value of None in a row leaves what is there, except
in a property, which is stated whole. New clients and properties have negative stand-in ids, because their real
ids come from the database.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cli.importing.lines import (
    PHOTOGRAPHER,
    ClientSaid,
    EmployeeSaid,
    Fault,
    Numbered,
    OrderLine,
    UserClientSaid,
    UserLine,
)
from cli.importing.lookup import Known

Row = dict[str, Any]


@dataclass
class Plan:
    """The rows of each table, and which kinds of records are created or updated."""

    companies: list[Row] = field(default_factory=list)
    users: list[Row] = field(default_factory=list)
    employees: list[Row] = field(default_factory=list)
    liaisons: list[Row] = field(default_factory=list)
    liaison_companies: list[Row] = field(default_factory=list)
    clients: list[Row] = field(default_factory=list)
    properties: list[Row] = field(default_factory=list)
    orders: list[Row] = field(default_factory=list)
    order_request_appts: list[Row] = field(default_factory=list)
    no_longer_employees: list[int] = field(default_factory=list)
    no_longer_liaisons: list[int] = field(default_factory=list)
    no_longer_clients: list[int] = field(default_factory=list)
    """Ids of users."""
    served_anew: list[int] = field(default_factory=list)
    """Liaisons whose companies are replaced."""
    created: int = 0
    updated: int = 0
    faults: list[Fault] = field(default_factory=list)


def make_plan(said: Numbered, known: Known) -> Plan:
    """The plan of a file. It may be written only if it has no faults."""
    plan = Plan()
    for kind, there in (
        ("company", known.companies),
        ("user", known.users),
        ("order", set(known.orders)),
        ("order_request_appt", known.requests),
    ):
        ids = set(said.of_kind(kind))
        plan.updated += len(ids & there)
        plan.created += len(ids - there)
    plan.companies = [{"id": company.id, "name": company.name} for _, company in said.companies.values()]
    _plan_users(plan, said, known)
    clients = _Clients(plan, said, known)
    chosen = clients.choose()
    _plan_orders(plan, said, known, chosen)
    for line, request in said.requests.values():
        if request.order_id not in known.orders and ("order", request.order_id) not in said.named:
            plan.faults.append(Fault(line, f"order_id: there is no order {request.order_id}."))
        plan.order_request_appts.append({"id": request.id, "order_id": request.order_id})
    return plan


def _plan_users(plan: Plan, said: Numbered, known: Known) -> None:
    _check_addresses(plan, said, known)
    for line, user in said.users.values():
        plan.users.append({"id": user.id, "email": user.email, "name": user.name})
        if user.employee is False:
            plan.no_longer_employees.append(user.id)
        elif (
            user.employee is not None
            or user.photographer
            or (user.photographer is False and user.id in known.duties)
        ):
            plan.employees.append({"user_id": user.id, "duties": _duties(user, known)})
        if user.liaison is False:
            plan.no_longer_liaisons.append(user.id)
        elif user.liaison is not None:
            plan.liaisons.append({"user_id": user.id})
            if user.liaison.company_ids is not None:
                plan.served_anew.append(user.id)
            for company_id in dict.fromkeys(user.liaison.company_ids or ()):
                _check_company(plan, said, known, line, "liaison.company_ids", company_id)
                plan.liaison_companies.append({"user_id": user.id, "company_id": company_id})
        if user.client is False:
            plan.no_longer_clients.append(user.id)


def _check_addresses(plan: Plan, said: Numbered, known: Known) -> None:
    """Two users never have one address, whatever its case."""
    others = {email: user_id for user_id, email in known.user_emails.items() if user_id not in said.users}
    lines: dict[str, int] = {}
    for line, user in said.users.values():
        email = user.email.lower()
        if email in others:
            plan.faults.append(Fault(line, f"email: user {others[email]} has this address already."))
        elif email in lines:
            plan.faults.append(
                Fault(line, f"email: the user on line {lines[email]} has this address already.")
            )
        lines.setdefault(email, line)


def _duties(user: UserLine, known: Known) -> list[str]:
    stated = user.employee.duties if isinstance(user.employee, EmployeeSaid) else None
    duties = list(dict.fromkeys(known.duties.get(user.id, ()) if stated is None else stated))
    if user.photographer and PHOTOGRAPHER not in duties:
        duties.append(PHOTOGRAPHER)
    if user.photographer is False and PHOTOGRAPHER in duties:
        duties.remove(PHOTOGRAPHER)
    return duties


def _check_company(
    plan: Plan, said: Numbered, known: Known, line: int, key: str, company_id: int | None
) -> None:
    if company_id is None or company_id in known.companies or ("company", company_id) in said.named:
        return
    plan.faults.append(Fault(line, f"{key}: there is no company {company_id}."))


def _plan_orders(plan: Plan, said: Numbered, known: Known, clients: dict[int, int]) -> None:
    for line, order in said.orders.values():
        _check_company(plan, said, known, line, "company_id", order.company_id)
        property_id = known.orders.get(order.id)
        if order.property is not None:
            if property_id is None:
                property_id = -1 - len(plan.properties)
            plan.properties.append(_property_row(property_id, order))
        plan.orders.append(
            {
                "id": order.id,
                "client_id": clients.get(order.id),
                "company_id": order.company_id,
                "property_id": property_id,
            }
        )


def _property_row(property_id: int, order: OrderLine) -> Row:
    said = order.property
    assert said is not None  # noqa: S101 - the caller looked
    return {
        "id": property_id,
        "address": said.address,
        "time_zone": said.iana,
        "latitude": said.lat,
        "longitude": said.lng,
        "zip": said.zip,
    }


@dataclass
class _Client:
    """A client record as it will be. `id` is negative while the database has not given one."""

    id: int
    email: str | None
    user_id: int | None
    name: str | None = None
    assistant_emails: list[str] | None = None
    additional_emails: list[str] | None = None
    is_touched: bool = False

    def take(self, said: ClientSaid | UserClientSaid) -> None:
        """What was said replaces what was there; a later line wins."""
        self.is_touched = True
        if isinstance(said, ClientSaid):
            self.email = said.email or self.email
            self.name = said.name if said.name is not None else self.name
        if said.assistant_emails is not None:
            self.assistant_emails = _each_once(said.assistant_emails)
        if said.additional_emails is not None:
            self.additional_emails = _each_once(said.additional_emails)

    def row(self) -> Row:
        """The row to be written."""
        return {
            "id": self.id,
            "user_id": self.user_id,
            "email": self.email,
            "name": self.name,
            "assistant_emails": self.assistant_emails,
            "additional_emails": self.additional_emails,
        }


class _Clients:
    """Finds the client record of every order and user, and links it to the user of its address.

    Those named by id come first, then the users' own, then those named by address: so a record that one line
    names by id is found by the others, wherever they stand.
    """

    def __init__(self, plan: Plan, said: Numbered, known: Known) -> None:
        self._plan = plan
        self._said = said
        self._by_id: dict[int, _Client] = {}
        self._by_user: dict[int, _Client] = {}
        self._by_email: dict[str, list[_Client]] = {}
        self._users = {
            email: user_id for user_id, email in known.user_emails.items() if user_id not in said.users
        }
        self._users |= {user.email.lower(): user.id for _, user in said.users.values()}
        leaving = set(plan.no_longer_clients)
        for there in known.clients.values():
            user_id = None if there.user_id in leaving else there.user_id
            self._keep(_Client(there.id, there.email, user_id))

    def choose(self) -> dict[int, int]:
        """The client's id for each order that names one. Puts the clients' rows into the plan."""
        chosen: dict[int, int] = {}
        by_id: list[tuple[int, int, ClientSaid]] = []
        by_address: list[tuple[int, int, ClientSaid]] = []
        for line, order in self._said.orders.values():
            if order.client is not None:
                (by_address if order.client.id is None else by_id).append((line, order.id, order.client))
        for line, order_id, said in by_id:
            chosen[order_id] = self._named(line, "client.id", said).id
        for line, user in self._said.users.values():
            if user.client:
                self._own(line, user, user.client)
        for _line, order_id, said in by_address:
            chosen[order_id] = self._at_address(said).id
        self._plan.clients = [client.row() for client in self._touched()]
        return chosen

    def _touched(self) -> Iterator[_Client]:
        return (client for client in self._by_id.values() if client.is_touched)

    def _named(self, line: int, key: str, said: ClientSaid) -> _Client:
        client = self._by_id.get(said.id or 0)
        if client is None:
            client = self._keep(_Client(said.id or 0, said.email, None))
        elif said.email is not None:
            self._readdress(client, said.email)
        client.take(said)
        self._link(client, line, key)
        return client

    def _own(self, line: int, user: UserLine, said: UserClientSaid) -> None:
        client = self._by_user.get(user.id)
        if client is None and said.id is not None:
            client = self._by_id.get(said.id) or self._keep(_Client(said.id, user.email, None, user.name))
        elif client is None:
            client = self._unlinked(user.email) or self._new(user.email, user.name)
        if said.id is not None and client.id != said.id:
            self._fault(line, f"client.id: this user has the client record {client.id} already.")
            return
        if client.user_id not in (None, user.id):
            self._fault(line, f"client.id: client {client.id} is the record of user {client.user_id}.")
            return
        client.take(said)
        self._join(client, user.id)

    def _at_address(self, said: ClientSaid) -> _Client:
        email = said.email or ""
        user_id = self._users.get(email.lower())
        client = self._by_user.get(user_id) if user_id is not None else None
        if client is None:
            # A record of another user would keep this one's user from their order.
            client = self._unlinked(email) if user_id is not None else self._first(email)
        if client is None:
            client = self._new(email, None)
        # The address found the record; it may be the user's and not the record's own.
        client.take(said.model_copy(update={"email": None}))
        if user_id is not None:
            self._join(client, user_id)
        return client

    def _link(self, client: _Client, line: int, key: str) -> None:
        """Let the user of the record's address use it."""
        user_id = None if client.email is None else self._users.get(client.email.lower())
        if user_id is None or client.user_id is not None:
            return
        theirs = self._by_user.get(user_id)
        if theirs is not None:
            self._fault(
                line,
                f"{key}: the user of this address has the client record {theirs.id} already;"
                " name that id, or leave the id out.",
            )
            return
        self._join(client, user_id)

    def _join(self, client: _Client, user_id: int) -> None:
        if client.user_id is None:
            client.user_id = user_id
            self._by_user[user_id] = client

    def _unlinked(self, email: str) -> _Client | None:
        return next((c for c in self._by_email.get(email.lower(), ()) if c.user_id is None), None)

    def _first(self, email: str) -> _Client | None:
        return next(iter(self._by_email.get(email.lower(), ())), None)

    def _new(self, email: str, name: str | None) -> _Client:
        return self._keep(_Client(-1 - len(self._by_id), email, None, name))

    def _keep(self, client: _Client) -> _Client:
        self._by_id[client.id] = client
        if client.email is not None:
            self._by_email.setdefault(client.email.lower(), []).append(client)
        if client.user_id is not None:
            self._by_user[client.user_id] = client
        return client

    def _readdress(self, client: _Client, email: str) -> None:
        if client.email is not None:
            self._by_email[client.email.lower()].remove(client)
        self._by_email.setdefault(email.lower(), []).append(client)

    def _fault(self, line: int, message: str) -> None:
        self._plan.faults.append(Fault(line, message))


def _each_once(emails: list[str]) -> list[str]:
    return list({email.lower(): email for email in reversed(emails)}.values())[::-1]
