"""Changes and cancellations from the tables to the wire: `send-change` and `send-cancellation` for both roles."""

import base64
import json
from datetime import timedelta

import pytest

from models import database
from models.command_states import State
from models.commands import NewCommand
from models.mail_facts import MailFacts, told_now
from settings import get_settings
from tasks.catalogue import KINDS, SEND_CANCELLATION, SEND_CHANGE, SEND_CONFIRMATION
from tasks.letters import NothingToWriteError, letter_to_preview
from tasks.send_mail import TASKS, send_mail
from tests.tasks.mail.rfc5545 import read_event
from tests.tasks.mail.wire_server import answer
from tests.tasks.planned import command_row, mail_due

pytestmark = pytest.mark.usefixtures("database")


def queued(server, sock):
    """What Mandrill answers to every mail with an attachment."""
    entries = [
        {"email": each["email"], "status": "queued", "queued_reason": "attachments", "_id": "id1"}
        for each in server.last_body["message"]["to"]
    ]
    return answer(entries)(server, sock)


def add_command(world, planned, kind, recipient, facts=None):
    return world.insert(
        "INSERT INTO commands (appointment_id, kind, sequence, recipient, state, request_id, facts)"
        " SELECT id, :kind, sequence, :recipient, 'pending', 'r', CAST(:facts AS jsonb) FROM appointments"
        " WHERE id = :id RETURNING id",
        kind=kind.name,
        recipient=recipient,
        facts=None if facts is None else json.dumps(facts.to_json()),
        id=planned.id,
    )


def tell(world, planned, recipient, role="client"):
    """As if they had been told of it, by a release that did not write down what its mails showed."""
    world.execute(
        "WITH told AS (INSERT INTO commands (appointment_id, kind, sequence, recipient, state, request_id, facts,"
        " finished_at) VALUES (:id, :kind, -1, :recipient, 'done', 'r', CAST(:facts AS jsonb), now()) RETURNING *)"
        " INSERT INTO emails (send_id, command_id, appointment_id, kind, recipient, outcome)"
        " SELECT send_id, id, appointment_id, kind, recipient, 'accepted' FROM told",
        id=planned.id,
        kind="send-confirmation" if role == "client" else "send-assignment",
        recipient=recipient,
        facts=json.dumps(MailFacts(role=role).to_json()),
    )
    world.execute(
        "UPDATE commands SET state = 'done', last_error = 'dropped', finished_at = now()"
        " WHERE appointment_id = :id AND state = 'pending' AND lower(recipient) = lower(:recipient)",
        id=planned.id,
        recipient=recipient,
    )


def move(world, planned, **columns):
    """Change the row as an update does, and one higher in sequence; what people were told before."""
    with database.transaction() as connection:
        told = told_now(connection, planned.id)
    values = "".join(f", {name} = {value}" for name, value in columns.items())
    world.execute(
        "UPDATE appointments SET sequence = sequence + 1, changed_at = changed_at + interval '1 hour'"
        f"{values} WHERE id = :id",
        id=planned.id,
    )
    return told


def message_of(provider):
    return provider.last_body["message"]


def event_of(provider):
    (attached,) = message_of(provider)["attachments"]
    calendar, event = read_event(base64.b64decode(attached["content"]))
    assert attached["type"] == f"text/calendar; charset=utf-8; method={calendar['METHOD'].value}"
    return calendar, event


def test_case_23_create_move_cancel_is_one_entry_with_a_rising_sequence(world, provider):
    planned = mail_due(world, confirmed=True)
    client = command_row(planned.commands["send-confirmation"])["recipient"]
    seen = []

    def note():
        calendar, event = event_of(provider)
        seen.append(
            (calendar["METHOD"].value, event["SEQUENCE"].value, event["STATUS"].value, event["DTSTART"].value)
        )
        return event["UID"].value, event["DTSTAMP"].value

    provider.script += [queued, queued, queued]
    send_mail(SEND_CONFIRMATION, planned.commands["send-confirmation"])
    notes = [note()]
    later = {name: f"{name} + interval '2 hours'" for name in ("starts_at", "stops_at")}
    told = move(world, planned, **later)
    send_mail(SEND_CHANGE, add_command(world, planned, SEND_CHANGE, client, MailFacts(previous=told)))
    notes.append(note())
    move(world, planned, cancelled="true")
    send_mail(SEND_CANCELLATION, add_command(world, planned, SEND_CANCELLATION, client))
    notes.append(note())

    assert seen == [
        ("REQUEST", "0", "CONFIRMED", "20261203T160000Z"),
        ("REQUEST", "1", "CONFIRMED", "20261203T180000Z"),
        ("CANCEL", "2", "CANCELLED", "20261203T180000Z"),
    ]
    uids, stamps = zip(*notes, strict=True)
    assert set(uids) == {str(world.appointment(planned.id)["uuid"])}
    assert list(stamps) == sorted(set(stamps))
    outcomes = world.rows("SELECT kind, outcome, detail FROM emails ORDER BY id")
    assert [row["kind"] for row in outcomes] == ["send-confirmation", "send-change", "send-cancellation"]
    assert {(row["outcome"], row["detail"]) for row in outcomes} == {("accepted", "queued: attachments")}


def test_a_retry_sends_the_same_bytes(world, provider):
    planned = mail_due(world, confirmed=True)
    busy = {"status": "error", "code": -2, "name": "ServiceUnavailable", "message": "Later"}
    provider.script += [answer(busy, 503), queued]
    for _ in range(2):
        world.execute("UPDATE commands SET available_at = now() - interval '1 s'")
        world.execute("UPDATE provider_gates SET closed_until = NULL")
        send_mail(SEND_CONFIRMATION, planned.commands["send-confirmation"])
    first, second = (body["message"] for _, _, body in provider.requests)
    assert first == second
    assert first["attachments"]


def test_a_change_tells_old_and_new_time_place_and_photographer(world, provider):
    old, new = world.photographer("Sasha Shutter"), world.photographer("Robin Lens")
    order = world.order(address="12 Larimer St, Denver, CO", assistants=("as@example.com",))
    planned = mail_due(world, order, confirmed=True, photographer_user_id=old.id, location="Front door")
    tell(world, planned, order.client_email)
    there = world.order(zone="America/New_York", address="5 Broadway, New York, NY")
    told = move(
        world,
        planned,
        order_id=there.id,
        photographer_user_id=new.id,
        zone_name="'America/New_York'",
        starts_at="starts_at + interval '1 day'",
        stops_at="stops_at + interval '1 day'",
        location="'Lobby'",
    )
    facts = MailFacts(previous=told, changed=("location",))
    provider.script.append(queued)
    TASKS["send-change"](add_command(world, planned, SEND_CHANGE, order.client_email, facts))
    text = message_of(provider)["text"]
    assert message_of(provider)["tags"] == ["send-change"]
    for said in (
        "* The date has moved from Thursday, December 3, 2026 to Friday, December 4, 2026.",
        "* The start has moved from 9:00 AM MST to 11:00 AM EST.",
        "* Robin Lens is now the photographer, instead of Sasha Shutter.",
        "* The location has changed.",
        "NEW TIME\nFriday, December 4, 2026\n11:00 AM – 12:00 PM (EST, New York)",
        "BEFORE\nThursday, December 3, 2026\n9:00 AM – 10:00 AM (MST, Denver)",
        "WHERE\n5 Broadway, New York, NY\n(before: 12 Larimer St, Denver, CO)",
    ):
        assert said in text
    assert "Front door" not in text


def test_a_change_before_the_times_were_settled_and_of_whole_days(world, provider):
    planned = mail_due(world, confirmed=True)
    client = command_row(planned.commands["send-confirmation"])["recipient"]
    tell(world, planned, client)
    world.execute("UPDATE appointments SET starts_at = NULL, stops_at = NULL, time_start_local = NULL")
    told = move(
        world,
        planned,
        allday="true",
        date_start_local="'2026-12-05'",
        date_stop_local="'2026-12-06'",
    )
    provider.script.append(queued)
    send_mail(SEND_CHANGE, add_command(world, planned, SEND_CHANGE, client, MailFacts(previous=told)))
    text = message_of(provider)["text"]
    assert "* The time is now fixed." in text
    assert "Saturday, December 5, 2026 –\nSunday, December 6, 2026\nAll day, 2 days" in text
    assert "BEFORE\nThursday, December 3, 2026\nTime to be decided" in text


@pytest.mark.parametrize(
    ("columns", "client_reads", "photographer_reads"),
    [
        ({}, "It does not take place.", "Please do not go there"),
        ({"same_day_cancel": "true"}, "cancelled on the day", "Please do not go there"),
        ({"on_site_cancel": "true"}, "after the photographer had come", "Nothing more is to be done there."),
        (
            {"on_site_cancel": "true", "same_day_cancel": "true"},
            "after the photographer had come",
            "Nothing more is to be done there.",
        ),
    ],
    ids=["no reason", "same day", "on site", "both"],
)
def test_a_cancellation_says_why_to_each_in_their_own_words(
    world, provider, columns, client_reads, photographer_reads
):
    photographer = world.photographer("Robin Lens")
    order = world.order(assistants=("as@example.com",))
    planned = mail_due(world, order, confirmed=True, photographer_user_id=photographer.id)
    tell(world, planned, order.client_email)
    tell(world, planned, photographer.email, "photographer")
    move(world, planned, cancelled="true", **columns)
    provider.script += [queued, queued]
    TASKS["send-cancellation"](add_command(world, planned, SEND_CANCELLATION, order.client_email))
    to_client = message_of(provider)
    facts = MailFacts(role="photographer")
    TASKS["send-cancellation"](add_command(world, planned, SEND_CANCELLATION, photographer.email, facts))
    to_photographer = message_of(provider)
    assert client_reads in to_client["text"]
    assert photographer_reads in to_photographer["text"]
    assert [each["email"] for each in to_client["to"]] == [order.client_email, "as@example.com"]
    assert [(each["email"], each["name"]) for each in to_photographer["to"]] == [
        (photographer.email, "Robin Lens")
    ]
    for message in (to_client, to_photographer):
        assert message["subject"].startswith("Cancelled: Thu, Dec 3, 2026, 9:00 AM MST – 12 Larimer St")


@pytest.mark.parametrize("kind", ["send-confirmation", "send-assignment", "send-change"])
def test_what_waited_while_the_appointment_was_cancelled_says_that_it_is_off(world, provider, kind):
    planned = mail_due(world, confirmed=True)
    tell(world, planned, "waited@example.com", "photographer" if kind == "send-assignment" else "client")
    command = add_command(world, planned, KINDS[kind], "waited@example.com", MailFacts())
    move(world, planned, cancelled="true")
    provider.script.append(queued)
    send_mail(KINDS[kind], command)
    message = message_of(provider)
    assert message["subject"].startswith("Cancelled: ")
    assert "Your appointment is cancelled" in message["text"]
    assert (event_of(provider)[0]["METHOD"].value, event_of(provider)[1]["SEQUENCE"].value) == ("CANCEL", "1")


def test_notes_reach_neither_the_mail_nor_the_calendar_file(world, provider):
    planned = mail_due(world, confirmed=True, notes="Alarm 4711", description="Front and back")
    provider.script.append(queued)
    send_mail(SEND_CONFIRMATION, planned.commands["send-confirmation"])
    content = base64.b64decode(message_of(provider)["attachments"][0]["content"])
    assert b"4711" not in content
    assert b"Front and back" in content


def preview(planned, kind, role="client"):
    with database.transaction() as connection:
        return letter_to_preview(connection, planned.id, kind, role, get_settings())


def test_a_preview_follows_the_last_command_of_that_kind_and_role(world):
    photographer = world.photographer()
    order = world.order()
    planned = mail_due(world, order, confirmed=True, photographer_user_id=photographer.id)
    told = move(world, planned, starts_at="starts_at + interval '1 hour'")
    add_command(world, planned, SEND_CHANGE, "first@example.com", MailFacts(previous=told))
    letter = preview(planned, "send-change")
    assert letter.to.email == "first@example.com"
    assert letter.local_start - letter.previous.local_start == timedelta(hours=1)
    to_photographer = preview(planned, "send-change", "photographer")
    assert (to_photographer.to.email, to_photographer.previous) == (photographer.email, None)
    assert to_photographer.to_photographer
    assert preview(planned, "send-assignment", "photographer").to.email == photographer.email


def test_a_preview_needs_an_appointment_and_somebody_to_write_to(world):
    photographer = world.photographer()
    planned = mail_due(
        world,
        world.order(client_email=None),
        commands=(NewCommand("send-assignment", State.PENDING, photographer.email),),
    )
    with pytest.raises(NothingToWriteError, match="no client with a mail address"):
        preview(planned, "send-confirmation")
    with pytest.raises(NothingToWriteError, match="no photographer with a mail address"):
        preview(planned, "send-cancellation", "photographer")
    assert preview(planned, "send-assignment", "photographer").to.email == photographer.email
    world.execute("DELETE FROM appointments")
    with pytest.raises(NothingToWriteError, match=f"There is no appointment {planned.id}"):
        preview(planned, "send-confirmation")
