"""One request goes all the way: HTTP → row and commands → workers → reconciled times → an accepted mail."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, time

import pytest

from tests.stack import Stack
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(180)


def test_a_filemaker_payload_is_stored_reconciled_and_confirmed_by_mail(stack: Stack) -> None:
    order = stack.world.order(
        zone="America/New_York", address="5 Broadway, New York, NY", assistants=("as1@example.com",)
    )
    photographer = stack.world.photographer()
    reply = stack.client().create(
        {
            "updated_at_mt": "11/20/2026 3:04:05 PM",
            "month_first": "1",
            "order_id": str(order.id),
            "photographer_user_id": str(photographer.id),
            "confirmed": "1",
            "cancelled": "0",
            "allday": "",
            "date_start_local": "12/3/2026",
            "time_start_local": "3:30 PM",
            "time_duration": "1:30",
            "summary": "Interior photos",
            "notes": "Gate code 4711",
            "created_by": 123,
            "location": None,
        }
    )
    assert (reply.code, reply.status) == (200, "action-successful")
    stack.wait_for_commands(reply.appointment["id"])

    row = stack.world.appointment(reply.appointment["id"])
    assert (row["date_start_local"], row["time_start_local"]) == (date(2026, 12, 3), time(15, 30))
    assert (row["date_start_utc"], row["time_start_utc"]) == (date(2026, 12, 3), time(20, 30))
    assert (row["date_start_office"], row["time_start_office"]) == (date(2026, 12, 3), time(13, 30))
    assert (row["date_stop_local"], row["time_stop_local"]) == (date(2026, 12, 3), time(17, 0))
    assert (row["time_duration_s"], row["created_by"], row["cancelled"]) == (5400, "123", False)
    assert (row["zone_name"], row["start_resolution"], row["stop_resolution"]) == (
        "America/New_York",
        "exact",
        "derived",
    )

    (mail,) = stack.inbox(to=order.client_email)["messages"]
    assert mail["cc"] == ["as1@example.com"]
    for shown in ("3:30", "5:00", "EST", "New York", "5 Broadway", "Interior photos"):
        assert shown in mail["text"], shown
        assert shown in mail["html"], shown
    assert "4711" not in mail["text"] + mail["html"]
    (assignment,) = stack.inbox(to=photographer.email)["messages"]
    assert "3:30" in assignment["text"]


def test_a_web_payload_is_stored_and_reconciled(stack: Stack) -> None:
    order = stack.world.order(zone="America/Phoenix")
    reply = stack.client().create(
        order_id=order.id,
        date_start_utc="2027-07-01",
        time_start_utc="17:00:00",
        date_stop_utc="2027-07-01",
        time_stop_utc="18:00:00",
        optional=True,
        description="Line one\r\nLine two",
    )
    stack.wait_for_commands(reply.appointment["id"])
    row = stack.world.appointment(reply.appointment["id"])
    assert (row["time_start_local"], row["time_start_office"]) == (time(10), time(11))
    assert (row["optional"], row["description"]) == (True, "Line one\nLine two")


def test_the_same_uuid_fired_twenty_times_at_once_makes_one_row_and_one_mail(stack: Stack) -> None:
    order = stack.world.order()
    client = stack.client()
    params = {
        "uuid": "0c2f3c8e-27a1-4ac5-9d1e-1f0a3b5c7d90",
        "order_id": order.id,
        "date_start_local": "2027-01-04",
        "time_start_local": "9:00",
    }
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda _: client.create(params), range(20)))
    assert {reply.code for reply in replies} == {200}
    assert len({reply.appointment["id"] for reply in replies}) == 1
    assert [reply.body["data"]["replayed"] for reply in replies].count(False) == 1
    stack.wait_for_commands(replies[0].appointment["id"])
    assert stack.inbox(to=order.client_email)["count"] == 1


def test_five_hundred_creates_at_concurrency_sixteen_are_each_confirmed_exactly_once(stack: Stack) -> None:
    orders = [stack.world.order() for _ in range(25)]
    client = stack.client()

    def create(number: int) -> int:
        reply = client.create(
            order_id=orders[number % 25].id,
            date_start_local="2027-02-03",
            time_start_local=f"{8 + number % 8}:00",
            time_duration_s=3600,
            summary=f"bulk {number}",
        )
        assert reply.code == 200, reply.body
        return reply.appointment["id"]

    with ThreadPoolExecutor(16) as pool:
        created = list(pool.map(create, range(500)))
    assert len(set(created)) == 500

    open_commands = "SELECT count(*) AS n FROM commands WHERE appointment_id = ANY(:ids) AND state <> 'done'"
    eventually(
        lambda: stack.world.row(open_commands, ids=created)["n"] == 0,
        within_s=60,
        what="all commands are done",
    )
    sent = stack.world.rows(
        "SELECT appointment_id, send_id FROM emails WHERE appointment_id = ANY(:ids)", ids=created
    )
    assert sorted(row["appointment_id"] for row in sent) == sorted(created)
    accepted = [
        message["appointment_id"]
        for order in orders
        for message in stack.inbox(to=order.client_email, limit=100)["messages"]
    ]
    assert sorted(map(int, accepted)) == sorted(created)
