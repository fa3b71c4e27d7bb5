"""Whose calendar has the entry is known from what was sent there: it is moved and taken out there and nowhere else."""

import base64
from typing import NamedTuple

import pytest

from tests.api.changing import NINE, cancel, stamp, update
from tests.tasks.mail.rfc5545 import read_event
from tests.tasks.test_racing_mails import due, queued, send_all

pytestmark = pytest.mark.usefixtures("database")

ONE = "one@example.com"


class Got(NamedTuple):
    """A mail as it came: its first word, and the calendar file's method, SEQUENCE and DTSTART; "" without a file."""

    said: str
    method: str = ""
    sequence: int = -1
    begins: str = ""


def mails_to(provider, address):
    found = []
    for path, _, body in provider.requests:
        if "/messages/send" not in path or body["message"]["to"][0]["email"] != address:
            continue
        message = body["message"]
        got = Got(message["subject"].split(":")[0])
        for attached in message.get("attachments") or ():
            calendar, event = read_event(base64.b64decode(attached["content"]))
            assert attached["type"].endswith(f"method={calendar['METHOD'].value}")
            got = Got(
                got.said, calendar["METHOD"].value, int(event["SEQUENCE"].value), event["DTSTART"].value
            )
        found.append(got)
    return found


def entries(provider, address):
    """What became of the entry at an address, mail by mail."""
    return [got.method for got in mails_to(provider, address)]


class Booking(NamedTuple):
    id: int
    client: str
    photographer: str


@pytest.fixture
def book(api, world, provider):
    """Makes an appointment at nine, with a photographer, of which everybody is told."""

    def make(client_email="", photographer_email=None, **columns):
        provider.script += [queued] * 60
        order = world.order(client_email=client_email) if client_email else world.order()
        photographer = (
            world.photographer(email=photographer_email) if photographer_email else world.photographer()
        )
        params = {**NINE, "order_id": order.id, "photographer_user_id": photographer.id, **columns}
        made = api.create({"confirmed": True, **params}, updated_at_mt=stamp(0)).appointment["id"]
        send_all(world)
        return Booking(made, order.client_email, photographer.email)

    return make


UNTIMED = {"clear": "date_start_local,time_start_local,date_stop_local,time_stop_local,time_duration"}


def test_an_entry_is_moved_and_taken_out_although_it_is_not_confirmed_any_more(api, world, provider, book):
    booking = book()
    steps = ({"confirmed": False}, {"time_start_local": "14:00"}, {"cancelled": True})
    for number, change in enumerate(steps, 1):
        assert update(api, booking.id, number, **change).code == 200
        send_all(world)
    for reader in (booking.client, booking.photographer):
        got = mails_to(provider, reader)
        assert [one.method for one in got] == ["REQUEST", "REQUEST", "REQUEST", "CANCEL"], reader
        assert [one.sequence for one in got] == [0, 1, 2, 3]
        assert got[2].begins == got[3].begins == "20261203T210000Z"


def test_an_entry_goes_with_its_time_and_only_once(api, world, provider, book):
    booking = book()
    update(api, booking.id, 1, **UNTIMED)
    send_all(world)
    cancel(api, booking.id, 2)
    send_all(world)
    for reader in (booking.client, booking.photographer):
        first, changed, off = mails_to(provider, reader)
        assert (first.method, changed.method, off) == ("REQUEST", "CANCEL", Got("Cancelled"))
        assert changed.begins == first.begins, "the time by which the calendar has it"
        assert changed.sequence > first.sequence
    (body,) = [
        body["message"]["text"]
        for path, _, body in provider.requests
        if "/messages/send" in path
        and body["message"]["to"][0]["email"] == booking.client
        and body["message"]["subject"].startswith("Changed")
    ]
    assert "takes the old time out of your calendar" in body


def test_a_time_that_is_found_again_is_entered_again(api, world, provider, book):
    booking = book()
    for number, change in enumerate((UNTIMED, NINE), 1):
        assert update(api, booking.id, number, **change).code == 200
        send_all(world)
    got = mails_to(provider, booking.client)
    assert [one.method for one in got] == ["REQUEST", "CANCEL", "REQUEST"]
    assert [one.sequence for one in got] == [0, 1, 2]


def test_a_photographer_who_is_replaced_loses_the_entry_once(api, world, provider, book):
    booking = book()
    update(api, booking.id, 1, **UNTIMED)
    send_all(world)
    update(api, booking.id, 2, photographer_user_id=world.photographer("Robin Lens").id)
    send_all(world)
    assert mails_to(provider, booking.photographer)[1:] == [
        mails_to(provider, booking.photographer)[1],
        Got("No longer yours"),
    ]
    assert entries(provider, booking.photographer) == ["REQUEST", "CANCEL", ""]


def test_one_mailbox_of_client_and_photographer_has_one_entry(api, world, provider, book):
    booking = book(client_email=ONE, photographer_email=ONE, confirmed=False)
    assert sorted(entries(provider, ONE)) == ["", "REQUEST"], "the photographer keeps the time free"
    cancel(api, booking.id, 1)
    send_all(world)
    assert entries(provider, ONE)[2:] == ["CANCEL"]


def test_whose_calendar_never_had_it_gets_nothing_to_take_out(api, world, provider, book):
    booking = book(confirmed=False)
    cancel(api, booking.id, 1)
    send_all(world)
    assert mails_to(provider, booking.client) == [Got("Request received"), Got("Cancelled")]
    assert entries(provider, booking.photographer) == ["REQUEST", "CANCEL"]


# --- addresses that change ---


def set_client_email(world, email):
    world.execute("UPDATE clients SET email = :email", email=email)


def test_who_is_written_to_elsewhere_now_hears_at_both_addresses_that_it_is_off(api, world, provider, book):
    booking = book()
    set_client_email(world, "new@example.com")
    assert cancel(api, booking.id, 1).code == 200
    send_all(world)
    assert [(one.said, one.method) for one in mails_to(provider, booking.client)][1:] == [
        ("Cancelled", "CANCEL")
    ]
    assert mails_to(provider, "new@example.com") == [Got("Cancelled")], "no entry was ever there"


def test_who_is_written_to_elsewhere_now_reads_of_a_move_there_and_the_old_entry_goes(
    api, world, provider, book
):
    booking = book()
    set_client_email(world, "new@example.com")
    update(api, booking.id, 1, time_start_local="14:00")
    send_all(world)
    (moved,) = mails_to(provider, "new@example.com")
    assert (moved.said, moved.method, moved.begins) == ("Changed", "REQUEST", "20261203T210000Z")
    old = mails_to(provider, booking.client)[1:]
    assert [(one.said, one.method, one.begins) for one in old] == [
        ("Now sent elsewhere", "CANCEL", "20261203T160000Z")
    ]
    cancel(api, booking.id, 2)
    send_all(world)
    assert entries(provider, "new@example.com") == ["REQUEST", "CANCEL"]
    assert len(mails_to(provider, booking.client)) == 2, "there it is over"


def test_a_client_whose_address_is_gone_is_told_at_the_one_they_had(api, world, provider, book):
    booking = book()
    set_client_email(world, None)
    reply = update(api, booking.id, 1, time_start_local="14:00")
    assert any("the one they had" in warning["message"] for warning in reply.body["warnings"])
    send_all(world)
    assert [one.said for one in mails_to(provider, booking.client)] == ["Confirmed", "Changed"]
    cancel(api, booking.id, 2)
    send_all(world)
    assert entries(provider, booking.client) == ["REQUEST", "REQUEST", "CANCEL"]


@pytest.mark.parametrize("then", ["moved", "cancelled"])
def test_a_corrected_address_is_told_what_follows_and_the_wrong_one_is_not(api, world, provider, book, then):
    booking = book()
    # As the webhook and a person leave it: the mail bounced, was sent again to another address, and arrived.
    world.execute("UPDATE emails SET outcome = 'refused' WHERE recipient = :email", email=booking.client)
    world.execute(
        "UPDATE commands SET recipient = 'right@example.com', send_id = gen_random_uuid(), state = 'pending',"
        " facts = facts || '{\"again\": true}' WHERE recipient = :email",
        email=booking.client,
    )
    send_all(world)
    if then == "moved":
        update(api, booking.id, 1, time_start_local="14:00")
    else:
        cancel(api, booking.id, 1)
    send_all(world)
    said = {"moved": "Changed", "cancelled": "Cancelled"}[then]
    assert [one.said for one in mails_to(provider, "right@example.com")] == ["Confirmed", said]
    assert [one.said for one in mails_to(provider, booking.client)] == ["Confirmed"]
    assert due(world) == []


# --- a property whose clocks nobody knows ---


@pytest.mark.parametrize(
    "sent",
    [
        {"date_start_utc": "2026-12-03", "time_start_utc": "16:00", "time_duration": "1:00"},
        {"date_start_office": "2026-12-03", "time_start_office": "09:00", "time_duration": "1:00"},
    ],
    ids=["utc", "office"],
)
def test_a_time_that_is_settled_is_told_on_the_offices_clocks_where_the_propertys_are_unknown(
    api, world, provider, sent
):
    provider.script += [queued] * 5
    order = world.order(zone=None)
    made = api.create({**sent, "order_id": order.id, "confirmed": True}, updated_at_mt=stamp(0)).appointment
    send_all(world)
    assert world.appointment(made["id"])["time_start_local"] is None
    (got,) = mails_to(provider, order.client_email)
    assert (got.method, got.begins) == ("REQUEST", "20261203T160000Z")
    message = provider.last_body["message"]
    assert "Thu, Dec 3, 2026, 9:00 AM MST" in message["subject"]
    assert "9:00 AM – 10:00 AM (MST, Denver)" in message["text"]
    assert "decided" not in message["text"].casefold()
