"""The routes of notifications: what is listed, read and done, by whom, and how a GET is asked."""

import io
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from models.tokens import mint
from tests.client import ApiClient, Reply
from tests.world import World

BASE = "/api/v1/notifications/"


class Failed:
    """An appointment whose confirmation failed, with its open notification."""

    def __init__(
        self, world: World, api: ApiClient, *, cause: str = "hard-bounce", doubt: bool = False
    ) -> None:
        self.world = world
        order = world.order(client_email="carla@example.com")
        self.appointment_id = api.create(order_id=order.id).appointment["id"]
        self.command_id = world.commands(self.appointment_id)["send-confirmation"]["id"]
        world.execute("UPDATE commands SET state = 'failed' WHERE id = :id", id=self.command_id)
        self.id = world.insert(
            "INSERT INTO notifications (status, subject_key, cause, message, hint, appointment_id, command_id,"
            " recipient, attempts, may_have_been_sent) VALUES ('mandrill-email-failed', :key, :cause, 'It failed.',"
            " 'Correct the address.', :appointment, :command, 'carla@example.com', 3, :doubt) RETURNING id",
            key=f"mail:{self.appointment_id}:send-confirmation:0:carla@example.com",
            cause=cause,
            appointment=self.appointment_id,
            command=self.command_id,
            doubt=doubt,
        )

    @property
    def state(self) -> str:
        return self.world.row("SELECT state FROM notifications WHERE id = :id", id=self.id)["state"]

    @property
    def command(self) -> dict[str, Any]:
        return self.world.row("SELECT * FROM commands WHERE id = :id", id=self.command_id)


def get(api: ApiClient, path: str, **query: object) -> Reply:
    """Ask with the token in the header."""
    return api.raw(
        b"", method="GET", path=f"{BASE}{path}?{urlencode(query)}", Authorization=f"Bearer {api.token}"
    )


def do(api: ApiClient, action: str, **params: Any) -> Reply:
    return api.post({"token": api.token, **params}, path=BASE + action)


@pytest.fixture
def employee(api: ApiClient, world: World) -> ApiClient:
    return api.with_token(world.session_token(world.employee(name="Emma Employee").id))


# -- how a GET is asked


def test_a_get_takes_its_token_in_the_header_only(
    api: ApiClient, world: World, log_output: io.StringIO
) -> None:
    reply = api.raw(
        b"", method="GET", path=f"{BASE}index?token={api.token}", Authorization=f"Bearer {api.token}"
    )
    assert (reply.code, reply.status) == (401, "invalid-token")
    assert "must not stand in a URL" in reply.body["message"]
    secret = api.token.split("_", 2)[2]
    assert secret not in json.dumps(reply.body) + log_output.getvalue()
    reply = api.raw(b"", method="GET", path=f"{BASE}index")
    assert (reply.status, reply.faults) == ("missing-param", {"token": "missing-param"})
    assert "Bearer" in reply.body["errors"][0]["hint"]
    reply = api.raw(b"", method="GET", path=f"{BASE}read?id=x")
    assert reply.faults == {"token": "missing-param", "id": "invalid-param"}


def test_a_get_passes_the_stages_of_every_request(api: ApiClient, world: World, retired: Any) -> None:
    stranger = api.with_token(mint("session").text)
    assert get(stranger, "index").status == "invalid-token"
    assert get(api, "read").faults == {"id": "missing-param"}
    assert get(api, "read", id="one").faults == {"id": "invalid-param"}
    assert get(api, "index", limt=3).warned == ["limt"]
    shown = get(api, "index", session_view="default")
    assert shown.body["session"]["kind"] == "application"
    retired("routes")
    assert get(api, "index").status == "route-not-found"


@pytest.mark.parametrize("who", ["client", "liaison"])
def test_notifications_are_open_to_employees_and_applications_only(
    api: ApiClient, world: World, who: str
) -> None:
    failed = Failed(world, api)
    if who == "client":
        user = world.user()
        world.client(user_id=user.id)
    else:
        user = world.liaison(world.company())
    caller = api.with_token(world.session_token(user.id))
    for number in (failed.id, 9_999):
        assert get(caller, "read", id=number).status == "permission-denied"
        assert do(caller, "resend", ids=number).status == "permission-denied"
        assert do(caller, "resolve", ids=number).status == "permission-denied"
    assert get(caller, "index").status == "permission-denied"
    assert failed.state == "open"


# -- list and read


def test_the_list_shows_what_is_not_over_with_masked_addresses(
    employee: ApiClient, api: ApiClient, world: World
) -> None:
    first, second, over = (Failed(world, api) for _ in range(3))
    world.execute("UPDATE notifications SET state = 'resolved' WHERE id = :id", id=over.id)
    world.execute("UPDATE notifications SET state = 'retrying' WHERE id = :id", id=second.id)
    reply = get(employee, "index")
    listed = reply.body["data"]["notifications"]
    assert [one["id"] for one in listed] == [second.id, first.id]
    assert {one["recipient"] for one in listed} == {"c***@example.com"}
    assert listed[0]["order_id"] is not None
    assert listed[0]["last_at"].endswith("Z")
    assert "carla@" not in json.dumps(reply.body)
    assert [one["id"] for one in get(employee, "index", state="resolved").body["data"]["notifications"]] == [
        over.id
    ]
    assert len(get(employee, "index", state="any").body["data"]["notifications"]) == 3


def test_the_list_is_filtered(api: ApiClient, world: World) -> None:
    one, other = Failed(world, api), Failed(world, api, cause="unsub")
    for query, expected in (
        ({"cause": "unsub"}, [other.id]),
        ({"appointment_id": one.appointment_id}, [one.id]),
        ({"status": "mandrill-email-failed"}, [other.id, one.id]),
        ({"status": "command-failed"}, []),
    ):
        assert [row["id"] for row in get(api, "index", **query).body["data"]["notifications"]] == expected, (
            query
        )
    assert get(api, "index", state="lost").faults == {"state": "invalid-param"}


def test_pages_follow_one_another_without_gap_or_repetition(api: ApiClient, world: World) -> None:
    made = [Failed(world, api).id for _ in range(5)]
    world.execute("UPDATE notifications SET last_at = now()")  # the same instant
    seen, query = [], {"limit": 2}
    for _ in range(3):
        data = get(api, "index", **query).body["data"]
        seen += [row["id"] for row in data["notifications"]]
        query = {"limit": 2, "cursor": data["next_cursor"]}
    assert (seen, data["next_cursor"]) == (made[::-1], None)


@pytest.mark.parametrize("cursor", ["x", "%%%", "MjAyNg", "MjAyNi0xMS0yMlQxMjowMDowMC8xMg"])
def test_a_cursor_of_ones_own_making_is_refused(api: ApiClient, cursor: str) -> None:
    assert get(api, "index", cursor=cursor).faults == {"cursor": "invalid-param"}


def test_one_notification_is_read_with_everything_that_is_known(
    employee: ApiClient, api: ApiClient, world: World
) -> None:
    failed = Failed(world, api)
    do(employee, "resend", ids=failed.id)
    shown = get(employee, "read", id=failed.id).body["data"]["notification"]
    assert (shown["recipient"], shown["command_state"], shown["state"]) == (
        "carla@example.com",
        "pending",
        "retrying",
    )
    assert shown["next_at"] is not None
    (entry,) = shown["audit"]
    assert (entry["actor"], entry["via"], entry["action"]) == ("Emma Employee", "planoauth", "resend")
    assert entry["request_id"]
    assert get(employee, "read", id=9_999).faults == {"id": "invalid-param"}


# -- actions


@pytest.mark.parametrize("spelled", [lambda a, b: [a, b], lambda a, b: f"{a}, {b}", lambda a, b: [str(a), b]])
def test_several_are_sent_again_at_once(api: ApiClient, world: World, spelled: Any) -> None:
    one, other = Failed(world, api), Failed(world, api)
    before = one.command["send_id"]
    reply = do(api, "resend", ids=spelled(one.id, other.id))
    assert (reply.code, reply.body["message"]) == (200, "2 notifications were dealt with.")
    assert (one.state, other.state) == ("retrying", "retrying")
    assert one.command["state"] == "pending"
    assert one.command["send_id"] != before


def test_a_repeated_resend_sends_no_second_mail(api: ApiClient, world: World) -> None:
    failed = Failed(world, api)
    do(api, "resend", ids=failed.id)
    send_id = failed.command["send_id"]
    reply = do(api, "resend", ids=failed.id)
    assert (reply.code, failed.command["send_id"]) == (200, send_id)
    assert "already" in reply.body["data"]["results"][0]["message"]
    assert world.row("SELECT count(*) AS n FROM audit_entries")["n"] == 1


def test_what_can_be_done_is_done_and_the_rest_is_warned_of(api: ApiClient, world: World) -> None:
    failed = Failed(world, api)
    reply = do(api, "resend", ids=[failed.id, 9_999])
    assert (reply.code, reply.warned) == (200, ["ids"])
    assert [one["done"] for one in reply.body["data"]["results"]] == [True, False]
    nothing = do(api, "resend", ids=9_999)
    assert (nothing.status, nothing.faults) == ("invalid-param", {"ids": "invalid-param"})


def test_a_mail_that_may_have_been_sent_goes_out_again_only_on_demand(api: ApiClient, world: World) -> None:
    failed = Failed(world, api, doubt=True)
    reply = do(api, "resend", ids=failed.id)
    assert (reply.status, failed.command["state"]) == ("invalid-param", "failed")
    assert "even_if_sent" in reply.body["errors"][0]["hint"]
    assert do(api, "resend", ids=failed.id, even_if_sent=True).code == 200
    assert failed.command["state"] == "pending"


@pytest.mark.parametrize("ids", [[], "", None, "a", [1.5], [True], 0, -1, list(range(1, 1002)), {"a": 1}])
def test_ids_are_read_strictly(api: ApiClient, ids: Any) -> None:
    assert do(api, "resend", ids=ids).faults.keys() == {"ids"}


def test_a_corrected_address_gets_the_mail_and_only_this_mail(
    employee: ApiClient, api: ApiClient, world: World
) -> None:
    failed = Failed(world, api)
    before = failed.command["send_id"]
    reply = do(employee, "correct", id=failed.id, email="carla.moreno@example.com")
    assert (reply.code, failed.state) == (200, "retrying")
    assert failed.command["recipient"] == "carla.moreno@example.com"
    assert failed.command["send_id"] != before
    assert world.row("SELECT email FROM clients")["email"] == "carla@example.com"
    again = do(employee, "correct", id=failed.id, email="carla.moreno@example.com")
    assert (again.code, world.row("SELECT count(*) AS n FROM audit_entries")["n"]) == (200, 1)
    audit = world.row("SELECT detail FROM audit_entries")["detail"]
    assert (audit["recipient"], audit["corrected_to"]) == ("c***@example.com", "c***@example.com")
    assert "carla" not in str(audit)


@pytest.mark.parametrize(
    "email", ["nobody", "a@b@c", "two@example.com, three@example.com", "Carla <c@example.com>"]
)
def test_a_bad_address_is_an_invalid_parameter(api: ApiClient, world: World, email: str) -> None:
    failed = Failed(world, api)
    assert do(api, "correct", id=failed.id, email=email).faults == {"email": "invalid-param"}
    assert failed.state == "open"


def test_an_address_that_has_this_mail_already_is_refused(api: ApiClient, world: World) -> None:
    failed = Failed(world, api)
    world.execute(
        "INSERT INTO commands (appointment_id, kind, recipient, state, request_id)"
        " VALUES (:id, 'send-confirmation', 'dan@example.com', 'done', 'r')",
        id=failed.appointment_id,
    )
    reply = do(api, "correct", id=failed.id, email="dan@example.com")
    assert reply.faults == {"id": "invalid-param"}
    assert "has this mail already" in reply.body["errors"][0]["message"]
    assert failed.state == "open"


@pytest.mark.parametrize(("action", "state"), [("resolve", "resolved"), ("ignore", "ignored")])
def test_a_notification_is_ended_with_who_did_it_and_why(
    employee: ApiClient, api: ApiClient, world: World, action: str, state: str
) -> None:
    failed = Failed(world, api)
    assert do(employee, action, ids=failed.id, reason="spoke to her").code == 200
    row = world.row("SELECT state, closed_by, closed_at FROM notifications")
    assert (row["state"], row["closed_by"], row["closed_at"] is None) == (state, "Emma Employee", False)
    entry = world.row("SELECT action, detail FROM audit_entries")
    assert (entry["action"], entry["detail"]["reason"]) == (action, "spoke to her")
    assert do(employee, action, ids=failed.id).code == 200, "a repeated request"
    assert world.row("SELECT count(*) AS n FROM audit_entries")["n"] == 1


def test_a_repeated_create_shows_the_appointments_open_notifications(
    employee: ApiClient, api: ApiClient, world: World
) -> None:
    uuid = "5f0b5a3c-8f0e-4d0e-9d07-3f3ad8b3a777"
    order = world.order(client_email="carla@example.com")
    made = api.create(order_id=order.id, uuid=uuid).appointment["id"]
    world.execute(
        "INSERT INTO notifications (status, subject_key, cause, message, hint, appointment_id, recipient)"
        " VALUES ('mandrill-email-failed', 'k', 'hard-bounce', 'm', 'h', :id, 'carla@example.com')",
        id=made,
    )
    (shown,) = api.create(order_id=order.id, uuid=uuid).body["data"]["notifications"]
    assert (shown["cause"], shown["hint"], shown["recipient"]) == ("hard-bounce", "h", "c***@example.com")


def test_an_incident_is_not_one_address(api: ApiClient, world: World) -> None:
    """Correcting it would send one of many people's mails to the address given."""
    members = [Failed(world, api) for _ in range(3)]
    incident = world.insert(
        "INSERT INTO notifications (status, subject_key, cause, message)"
        " VALUES ('mandrill-email-failed', 'incident:hard-bounce', 'hard-bounce', 'Many failed.') RETURNING id"
    )
    world.execute("UPDATE notifications SET incident_id = :incident WHERE id <> :incident", incident=incident)
    reply = do(api, "correct", id=incident, email="somebody@example.com")
    assert reply.code == 400
    assert [member.state for member in members] == ["open"] * 3
    assert world.rows("SELECT id FROM commands WHERE recipient = 'somebody@example.com'") == []


@pytest.mark.parametrize("mistake", ["resolve", "ignore"])
def test_what_was_closed_by_mistake_can_still_be_sent(api: ApiClient, world: World, mistake: str) -> None:
    failed = Failed(world, api)
    assert do(api, mistake, ids=[failed.id]).code == 200
    assert do(api, "resend", ids=[failed.id]).code == 200
    assert (failed.state, failed.command["state"]) == ("retrying", "pending")
