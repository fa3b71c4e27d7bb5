"""Create, move and cancel through real workers: three mails of one calendar entry, each once."""

import pytest

from tests.api.changing import CANCEL, UPDATE, put
from tests.stack import Stack
from tests.tasks.mail.rfc5545 import read_event

pytestmark = pytest.mark.timeout(120)
WAIT = {"Prefer": "wait=10"}


def test_case_23_create_move_cancel_through_the_api(stack: Stack) -> None:
    order, photographer = stack.world.order(), stack.world.photographer()
    client = stack.client(timeout_s=15)
    made = client.create(
        {
            "order_id": order.id,
            "photographer_user_id": photographer.id,
            "confirmed": True,
            "date_start_local": "2027-03-01",
            "time_start_local": "9:00",
            "time_duration": "1:00",
        },
        headers=WAIT,
    ).appointment["id"]
    moved = put(
        client,
        UPDATE,
        {"id": made, "updated_at_mt": "2026-11-20 11:00:00", "time_start_local": "14:00"},
        **WAIT,
    )
    assert (moved.code, moved.headers.get("preference-applied")) == (200, "wait=10")
    assert (moved.appointment["time_start_utc"], moved.appointment["sequence"]) == ("21:00:00", 1)
    request = {"id": made, "updated_at_mt": "2026-11-20 12:00:00", "same_day_cancel": True}
    off = put(client, CANCEL, request, **WAIT)
    assert (off.code, off.appointment["cancelled"]) == (200, True)
    assert {command["state"] for command in off.body["data"]["commands"]} == {"done"}
    assert put(client, CANCEL, request, **WAIT).body["data"]["replayed"] is True

    for address, first in ((order.client_email, "Confirmed"), (photographer.email, "Assignment")):
        mails = stack.inbox(to=address, wait_for=3, timeout=10)["messages"]
        seen = []
        for mail in sorted(mails, key=lambda mail: mail["id"]):
            (attached,) = mail["attachments"]
            calendar, event = read_event(attached["text"].encode())
            said = mail["subject"].split(":")[0]
            seen.append((said, calendar["METHOD"].value, event["SEQUENCE"].value, event["DTSTART"].value))
        assert sorted(seen, key=lambda each: each[2]) == [
            (first, "REQUEST", "0", "20270301T160000Z"),
            ("Changed", "REQUEST", "1", "20270301T210000Z"),
            ("Cancelled", "CANCEL", "2", "20270301T210000Z"),
        ]
