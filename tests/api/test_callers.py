"""Who calls, in which role, and what that role may touch (contract.md section 4)."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from models.moment import now
from tests.api.conftest import OpenDoor
from tests.client import STAMP, ApiClient
from tests.world import World

UNKNOWN = 987_654


@dataclass
class People:
    """A company with its liaison and a client of it, an employee, and orders of theirs and of strangers."""

    tokens: dict[str, str]
    orders: dict[str, int]
    requests: dict[str, int]


@pytest.fixture
def people(world: World, api: ApiClient) -> People:
    company, strange_company = world.company("Acme"), world.company("Strangers")
    client_user = world.user("Carla Client")
    client_id = world.client(user_id=client_user.id)
    liaison = world.liaison(company)
    orders = {
        "the client's": world.order(client_id=client_id).id,
        "the company's": world.order(company_id=company).id,
        "both's": world.order(client_id=client_id, company_id=company).id,
        "a stranger's": world.order(company_id=strange_company).id,
        "nobody's": world.order(client_id=world.client()).id,
    }
    return People(
        tokens={
            "application": api.token,
            "employee": world.session_token(world.employee().id),
            "liaison": world.session_token(liaison.id),
            "client": world.session_token(client_user.id),
        },
        orders={**orders, "unknown": UNKNOWN},
        requests={whose: world.order_request_appt(order_id) for whose, order_id in orders.items()},
    )


EVERY_ORDER = {"the client's", "the company's", "both's", "a stranger's", "nobody's"}
REACH = {
    "application": EVERY_ORDER,
    "employee": EVERY_ORDER,
    "liaison": {"the company's", "both's"},
    "client": {"the client's", "both's"},
}


@pytest.mark.parametrize("role", REACH)
def test_which_orders_a_role_reaches(api: ApiClient, people: People, world: World, role: str):
    caller = api.with_token(people.tokens[role])
    for whose, order_id in people.orders.items():
        reply = caller.create(order_id=order_id)
        expected = "action-successful" if whose in REACH[role] else "invalid-param"
        assert reply.status == expected, whose
        if reply.code == 200:
            row = world.appointment(reply.appointment["id"])
            assert (row["caller_role"], row["order_id"]) == (role, order_id)


@pytest.mark.parametrize("role", ["liaison", "client"])
def test_another_ones_order_and_an_unknown_one_get_the_same_words(api: ApiClient, people: People, role: str):
    caller = api.with_token(people.tokens[role])
    answers = []
    for order_id in (UNKNOWN, people.orders["a stranger's"]):
        body = caller.create(order_id=order_id).body
        answers.append({**body, "request_id": None})
    assert answers[0] == answers[1]
    assert [error["param"] for error in answers[0]["errors"]] == ["order_id"]


@pytest.mark.parametrize("role", ["liaison", "client"])
@pytest.mark.parametrize("beside", [None, "both's"])
def test_another_ones_order_request_and_an_unknown_one_get_the_same_words(
    api: ApiClient, people: People, role: str, beside: str | None
):
    caller = api.with_token(people.tokens[role])
    params = {"order_id": people.orders[beside]} if beside else {}
    answers = []
    for request_id in (UNKNOWN, people.requests["a stranger's"]):
        body = caller.create(params, order_request_appt_id=request_id).body
        answers.append({**body, "request_id": None})
    assert answers[0] == answers[1]
    assert [error["param"] for error in answers[0]["errors"]] == ["order_request_appt_id"]


def test_an_order_request_has_to_belong_to_the_order(api: ApiClient, people: People):
    request_id = people.requests["both's"]
    fits = api.create(order_id=people.orders["both's"], order_request_appt_id=request_id)
    assert (fits.code, fits.appointment["order_request_appt_id"]) == (200, request_id)
    other = api.create(order_id=people.orders["the client's"], order_request_appt_id=request_id)
    assert other.faults == {"order_request_appt_id": "invalid-param"}
    assert "does not belong" in other.body["errors"][0]["message"]


def test_an_order_request_may_come_without_its_order(api: ApiClient, people: People):
    reply = api.create(order_request_appt_id=people.requests["both's"])
    assert (reply.code, reply.appointment["order_id"]) == (200, None)


@pytest.mark.parametrize("role", REACH)
def test_whoever_is_no_photographer_might_as_well_not_exist(
    api: ApiClient, world: World, people: People, role: str
):
    caller = api.with_token(people.tokens[role])
    answers = []
    for user_id in (UNKNOWN, world.user().id, world.employee("driver").id, world.liaison().id):
        body = caller.create(photographer_user_id=user_id).body
        answers.append({**body, "request_id": None})
    assert answers[0]["status"] == "invalid-param"
    assert all(answer == answers[0] for answer in answers)
    assert caller.create(photographer_user_id=world.photographer().id).code == 200


def test_an_appointment_without_an_order_is_open_to_every_role(api: ApiClient, people: People):
    for token in people.tokens.values():
        assert api.with_token(token).create().code == 200


# --- the application selects the role ---


@pytest.mark.parametrize(
    ("records", "own", "named", "role"),
    [
        (["employee"], "planoauth", None, "employee"),
        (["client"], "planoauth", None, "client"),
        (["employee", "liaison", "client"], "planoauth", None, "employee"),
        (["liaison", "client"], "planoauth", None, "liaison"),
        (["liaison", "client"], "planox2", None, "liaison"),
        (["client"], "planox2", None, None),
        (["client"], "planox2", "planoorder", "client"),
        (["client"], "planoorder", "planox2", None),
        (["employee", "client"], "planoorder", "planox2", "employee"),
        (["client"], "planoorder", "PlanoOrder", "client"),
    ],
)
def test_the_application_admits_roles_and_the_strongest_one_counts(
    api: ApiClient, world: World, records: list[str], own: str, named: str | None, role: str | None
):
    user = world.user()
    for record in records:
        if record == "client":
            world.client(user_id=user.id)
        else:
            world.execute(f"INSERT INTO {record}s (user_id) VALUES (:id)", id=user.id)
    reply = api.with_token(world.session_token(user.id, application=own)).create(application=named)
    if role is None:
        assert (reply.code, reply.status) == (403, "permission-denied")
        assert reply.body["errors"][0]["hint"].endswith("in the parameter application.")
        return
    row = world.appointment(reply.appointment["id"])
    assert row["caller_role"] == role
    slug = (named or own).lower()
    assert (reply.appointment["created_in"], row["caller_application_id"]) == (
        slug,
        world.application_id(slug),
    )


def test_the_role_decides_what_may_be_touched(api: ApiClient, world: World):
    """An employee who is also a client acts as a client where employees are not admitted."""
    user = world.employee()
    own = world.order(client_id=world.client(user_id=user.id))
    other = world.order()
    world.execute("UPDATE applications SET admits = '{client}' WHERE slug = 'planoorder'")
    try:
        caller = api.with_token(world.session_token(user.id))
        assert caller.create(order_id=other.id).code == 200
        assert caller.create(order_id=own.id, application="planoorder").code == 200
        refused = caller.create(order_id=other.id, application="planoorder")
        assert refused.faults == {"order_id": "invalid-param"}
    finally:
        world.execute(
            "UPDATE applications SET admits = '{employee,liaison,client}' WHERE slug = 'planoorder'"
        )


def test_an_application_token_may_name_another_application(api: ApiClient, world: World):
    reply = api.create(application="planox2")
    row = world.appointment(reply.appointment["id"])
    assert (row["caller_role"], row["caller_application_id"]) == (
        "application",
        world.application_id("planox2"),
    )


def test_an_unknown_application_is_invalid_and_the_known_ones_are_named(api: ApiClient):
    (error,) = api.create(application="planox3").body["errors"]
    assert (error["param"], error["status"]) == ("application", "invalid-param")
    for slug in ("planoauth", "planoorder", "planox2"):
        assert slug in error["hint"]


def test_a_route_may_be_closed_to_a_role(door: OpenDoor, world: World):
    api = door(callers=frozenset({"employee"}))
    reply = api.create()
    assert (reply.code, reply.status) == (403, "permission-denied")
    assert api.with_token(world.session_token(world.employee().id)).create().code == 200


# --- where the token is ---


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_bearer_header_will_do(api: ApiClient, scheme: str):
    reply = api.post({"updated_at_mt": STAMP}, Authorization=f"{scheme} {api.token}")
    assert reply.code == 200


def test_the_same_token_twice_is_fine_and_two_different_ones_are_not(api: ApiClient, world: World):
    both = {"token": api.token, "updated_at_mt": STAMP}
    assert api.post(both, Authorization=f"Bearer {api.token}").code == 200
    assert api.post(both, Authorization=f"Bearer {world.application_token()}").status == "invalid-token"
    assert api.post({**both, "token": " "}, Authorization=f"Bearer {api.token}").code == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dTpw", "{token}"])
def test_other_headers_are_no_token(api: ApiClient, header: str):
    reply = api.post({"updated_at_mt": STAMP}, Authorization=header.format(token=api.token))
    assert (reply.status, reply.faults) == ("missing-param", {"token": "missing-param"})


# --- the stamp of last use ---


@pytest.mark.parametrize(
    ("idle", "written"),
    [
        (timedelta(0), False),
        (timedelta(minutes=4), False),
        (timedelta(minutes=6), True),
        (timedelta(hours=70), True),
    ],
)
def test_use_is_noted_at_most_every_few_minutes(api: ApiClient, world: World, idle: timedelta, written: bool):
    token = world.session_token(world.employee().id, idle=idle)
    before = world.rows("SELECT id, last_used_at FROM tokens ORDER BY id")[-1]
    reply = api.with_token(token).create(session_view="default")
    after = world.row("SELECT last_used_at FROM tokens WHERE id = :id", id=before["id"])["last_used_at"]
    assert (after != before["last_used_at"]) == written
    if written:
        assert now() - after < timedelta(minutes=1)
    assert reply.body["session"]["last_used_at"] == after.isoformat(timespec="seconds").replace("+00:00", "Z")


def test_use_keeps_a_session_alive_even_when_the_request_is_refused(api: ApiClient, world: World):
    token = world.session_token(world.employee().id, idle=timedelta(hours=71))
    assert api.with_token(token).post({"token": token}).status == "missing-param"
    used = world.rows("SELECT last_used_at FROM tokens ORDER BY id")[-1]["last_used_at"]
    assert now() - used < timedelta(minutes=1)
