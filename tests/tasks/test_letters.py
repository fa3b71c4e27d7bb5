"""From the rows to a letter: who it goes to, what it says, and what it must never hold."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from models import database
from models.clock.supplied import Supplied
from models.command_claims import claim
from models.command_states import BEGIN_SENDING, State
from models.commands import NewCommand
from models.mail_facts import MailFacts, told_now
from settings import get_settings
from tasks.letters import letter_for
from tasks.mail.compose import compose
from tasks.mail.letter import Wall
from tests.tasks.planned import mail_due, plan

pytestmark = pytest.mark.usefixtures("database")


def letter_of(planned, kind="send-confirmation"):
    with database.transaction() as connection:
        claimed = claim(connection, planned.commands[kind], kind, BEGIN_SENDING, 60)
        assert claimed is not None
        return letter_for(connection, claimed, get_settings())


def supplied(**values):
    return Supplied.from_json(values)


def text_of(letter):
    return compose(letter, mail_from=get_settings().mail_from).text


def assignment(email):
    return (NewCommand("send-assignment", State.PENDING, email),)


def test_every_fact_of_a_confirmation(world):
    photographer = world.photographer(name="Pat Lens")
    order = world.order(
        zone="America/New_York", address="5 Broadway, New York, NY", assistants=("as@example.com",)
    )
    planned = mail_due(
        world,
        order,
        confirmed=True,
        photographer_user_id=photographer.id,
        location="Lobby",
        summary="Photos",
        description="Two floors",
        appt_type="Shoot",
        requested_date=date(2026, 12, 4),
        supplied=supplied(
            date_start_local="2026-12-03",
            time_start_local="09:00:00",
            time_duration_s=5400,
            requested_date="2026-12-04",
            requested_time="10:00:00",
        ),
    )
    letter = letter_of(planned)
    start = datetime(2026, 12, 3, 14, tzinfo=UTC)
    assert (letter.kind, letter.confirmed, letter.unresolved, letter.allday) == (
        *("send-confirmation", True),
        *(False, False),
    )
    assert (letter.appointment_id, letter.order_id) == (planned.id, order.id)
    assert (letter.to.email, letter.to.name) == (order.client_email, "Carla Client")
    assert [copy.email for copy in letter.cc] == ["as@example.com"]
    assert (letter.client_name, letter.photographer_name) == ("Carla Client", "Pat Lens")
    assert (letter.address, letter.location) == ("5 Broadway, New York, NY", "Lobby")
    assert (letter.summary, letter.description, letter.appt_type) == ("Photos", "Two floors", "Shoot")
    assert (letter.local_start, letter.local_stop) == (start, start + timedelta(minutes=90))
    assert (letter.local_start.hour, letter.office_start.hour) == (9, 7)
    assert (letter.zone_name, letter.office_zone_name) == ("America/New_York", "America/Denver")
    assert letter.duration_s == 5400
    assert (letter.requested_date, letter.requested_time) == (date(2026, 12, 4), time(10))


def test_the_office_is_told_to_everybody_the_page_to_clients_and_the_clients_number_to_photographers(world):
    order, photographer = world.order(), world.photographer()
    world.execute(
        "UPDATE clients SET phone = '+1 303 555 0117' WHERE email = :email", email=order.client_email
    )
    commands = (
        NewCommand("send-confirmation", State.PENDING, order.client_email),
        *assignment(photographer.email),
    )
    planned = mail_due(world, order, photographer_user_id=photographer.id, commands=commands)
    office = {"office_phone": "+1 303 555 0100", "appointment_url": "https://app.example.com/a/{uuid}"}
    configured = get_settings().model_copy(update=office)
    told = {}
    for kind, command in planned.commands.items():
        with database.transaction() as connection:
            claimed = claim(connection, command, kind, BEGIN_SENDING, 60)
            assert claimed is not None
            letter = letter_for(connection, claimed, configured)
        told[kind] = (letter.office_phone, letter.appointment_url, letter.client_phone)
    uuid = world.row("SELECT uuid FROM appointments WHERE id = :id", id=planned.id)["uuid"]
    assert told == {
        "send-confirmation": ("+1 303 555 0100", f"https://app.example.com/a/{uuid}", ""),
        "send-assignment": ("+1 303 555 0100", "", "+1 303 555 0117"),
    }


def test_internal_notes_are_not_even_looked_up(world):
    planned = mail_due(world, notes="Gate code 4711")
    letter = letter_of(planned)
    shown = [getattr(letter, name) for name in letter.__slots__]
    assert "4711" not in str(shown) + text_of(letter)


def test_the_photographers_letter_goes_to_the_photographer_alone(world):
    photographer = world.photographer(name="Pat Lens")
    order = world.order(assistants=("as@example.com",))
    planned = mail_due(
        world, order, photographer_user_id=photographer.id, commands=assignment(photographer.email)
    )
    letter = letter_of(planned, "send-assignment")
    assert (letter.kind, letter.to.email, letter.to.name) == (
        "send-assignment",
        photographer.email,
        "Pat Lens",
    )
    assert (letter.cc, letter.client_name) == ((), "Carla Client")


def test_the_name_that_was_sent_stands_before_the_one_of_the_user_record(world):
    photographer = world.photographer(name="Patricia Lens")
    planned = mail_due(world, photographer_user_id=photographer.id, photographer_name="Pat")
    assert letter_of(planned).photographer_name == "Pat"


def test_copies_go_to_each_address_once_and_never_to_the_recipient_again(world):
    client = world.client(
        email="c@example.com",
        assistants=("as@example.com", "AS@example.com", "C@Example.com"),
        additional=("more@example.com", "as@example.com"),
    )
    letter = letter_of(mail_due(world, world.order(client_id=client)))
    assert [copy.email for copy in letter.cc] == ["as@example.com", "more@example.com"]


def test_the_recipient_is_the_one_that_was_planned(world):
    order = world.order()
    planned = mail_due(world, order)
    world.execute("UPDATE clients SET email = 'new@example.com' WHERE id = :id", id=order.client_id)
    assert letter_of(planned).to.email == order.client_email


@pytest.mark.parametrize(
    ("utc", "fold", "abbreviation"), [("07:30:00", 0, "MDT"), ("08:30:00", 1, "MST")], ids=["first", "second"]
)
def test_of_an_hour_that_comes_twice_the_letter_shows_the_right_one(world, utc, fold, abbreviation):
    planned = mail_due(world, supplied=supplied(date_start_utc="2026-11-01", time_start_utc=utc))
    letter = letter_of(planned)
    assert (letter.local_start.time(), letter.local_start.fold) == (time(1, 30), fold)
    assert abbreviation in text_of(letter)


def test_whole_days_are_shown_as_days_of_the_property(world):
    planned = mail_due(
        world,
        world.order(zone="America/New_York"),
        allday=True,
        supplied=supplied(allday=True, date_start_local="2026-12-03", date_stop_local="2026-12-04"),
    )
    letter = letter_of(planned)
    assert (letter.allday, letter.unresolved) == (True, False)
    assert (letter.local_start, letter.local_stop) == (Wall(date(2026, 12, 3)), Wall(date(2026, 12, 4)))
    assert "All day, 2 days" in text_of(letter)


def test_an_unresolved_time_is_to_be_decided_and_shows_what_is_known(world):
    planned = mail_due(world, supplied=supplied(date_start_local="2026-12-03"))
    letter = letter_of(planned)
    assert (letter.unresolved, letter.local_start) == (True, Wall(date(2026, 12, 3)))
    assert letter.office_start is None
    assert "Time to be decided" in text_of(letter)


def test_without_a_zone_an_offset_that_was_inferred_is_shown(world):
    planned = mail_due(
        world,
        world.order(zone=None),
        supplied=supplied(
            date_start_local="2026-12-03",
            time_start_local="09:00:00",
            date_start_utc="2026-12-03",
            time_start_utc="13:00:00",
        ),
    )
    letter = letter_of(planned)
    assert (letter.zone_name, letter.local_start.hour) == (None, 9)
    assert letter.local_start.utcoffset() == timedelta(hours=-4)
    assert "UTC-04:00" in text_of(letter)


def test_an_appointment_without_an_order_makes_a_letter_too(world):
    photographer = world.photographer()
    planned = plan(world, None, photographer_user_id=photographer.id, commands=assignment(photographer.email))
    letter = letter_of(planned, "send-assignment")
    assert (letter.order_id, letter.client_name, letter.address) == (None, "", "")
    mail = compose(letter, mail_from=get_settings().mail_from)
    assert f"Reference: Appointment {planned.id}" in mail.text
    assert f"Reference: Appointment {planned.id}<" in mail.html
    for shown in (mail.text, mail.html):
        assert "None" not in shown
        assert "Order" not in shown


@pytest.mark.parametrize("role", ["photographer", "client"])
def test_who_is_no_longer_part_of_it_reads_of_what_was_and_of_nothing_else(world, role):
    old, new = world.photographer("Sasha Shutter"), world.photographer("Robin Lens")
    order = world.order(address="12 Larimer St, Denver, CO")
    planned = mail_due(world, order, confirmed=True, photographer_user_id=old.id, summary="Photos")
    with database.transaction() as connection:
        told = told_now(connection, planned.id)
    there = world.order(address="1 Secret Lane, Boulder, CO", assistants=("as@example.com",))
    world.execute(
        "UPDATE appointments SET sequence = 1, order_id = :order, photographer_user_id = :new, location = 'Gate 7',"
        " starts_at = starts_at + interval '3 hours'",
        order=there.id,
        new=new.id,
    )
    facts = MailFacts(role=role, previous=told, withdrawn=True)
    world.execute(
        "WITH first AS (INSERT INTO commands (appointment_id, kind, recipient, state, request_id, facts)"
        " VALUES (:id, 'send-change', 'old@example.com', 'done', 'r', '{}') RETURNING *)"
        " INSERT INTO emails (send_id, command_id, appointment_id, kind, recipient, outcome)"
        " SELECT send_id, id, :id, kind, recipient, 'accepted' FROM first",
        id=planned.id,
    )
    command_id = world.insert(
        "INSERT INTO commands (appointment_id, kind, sequence, recipient, state, request_id, facts)"
        " VALUES (:id, 'send-cancellation', 1, 'old@example.com', 'pending', 'r', CAST(:facts AS jsonb))"
        " RETURNING id",
        id=planned.id,
        facts=json.dumps(facts.to_json()),
    )
    letter = letter_of(replace(planned, commands={"send-cancellation": command_id}), "send-cancellation")
    mail = compose(letter, mail_from=get_settings().mail_from)
    assert mail.subject.startswith("No longer yours: ")
    assert (mail.to.name, mail.cc) == ("Sasha Shutter" if role == "photographer" else "", ())
    said = mail.text + mail.html
    for word in ("9:00 AM", "12 Larimer St", "no longer yours"):
        assert word in said
    for word in ("cancelled", "secret lane", "gate 7", "robin", "12:00 pm"):
        assert word not in said.casefold(), word
    ics = mail.attachments[0].content.decode()
    assert "METHOD:CANCEL" in ics
    assert "SEQUENCE:1" in ics
    assert "Secret" not in ics
