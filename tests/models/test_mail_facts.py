"""What a command remembers of an appointment before it is changed."""

from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import NoResultFound

from models import database
from models.command_archive import archive_finished
from models.mail_facts import MailFacts, Told, told_now
from tests.tasks.planned import mail_due
from tests.world import World

pytestmark = pytest.mark.usefixtures("database")


def test_what_people_know_is_read_from_the_row_and_survives_the_column(world: World):
    photographer = world.photographer()
    order = world.order()
    planned = mail_due(world, order, confirmed=True, photographer_user_id=photographer.id)
    with database.transaction() as connection:
        told = told_now(connection, planned.id)
    assert (told.confirmed, told.allday, told.zone_name) == (True, False, "America/Denver")
    assert (told.starts_at, told.stops_at) == (
        datetime(2026, 12, 3, 16, tzinfo=UTC),
        datetime(2026, 12, 3, 17, tzinfo=UTC),
    )
    assert (told.property_id, told.photographer_user_id) == (order.property_id, photographer.id)
    facts = MailFacts(role="photographer", previous=told, changed=("location",))
    assert MailFacts.from_json(facts.to_json()) == facts


def test_there_must_be_an_appointment():
    with database.transaction() as connection, pytest.raises(NoResultFound):
        told_now(connection, 1)


def test_nothing_to_remember_is_the_client_and_nothing_before():
    assert MailFacts.from_json(None) == MailFacts(role="client", previous=None, changed=())
    assert MailFacts.from_json({"role": "client", "later": 1, "previous": {"later": 2}}).previous == Told()


def test_facts_hold_no_text_that_could_be_an_address_or_a_code():
    texts = {
        name
        for name, field in Told.model_fields.items()
        if "str" in str(field.annotation) and name != "zone_name"
    }
    assert texts == set()


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="timezone"):
        Told(starts_at=datetime(2026, 12, 3, 16))


def test_archived_commands_keep_their_facts(world: World):
    planned = mail_due(world)
    world.execute(
        "UPDATE commands SET state = 'done', finished_at = now() - interval '30 days',"
        """ facts = '{"role": "client"}' WHERE appointment_id = :id""",
        id=planned.id,
    )
    with database.transaction() as connection:
        assert archive_finished(connection, days=7, limit=10) == 1
    assert world.row("SELECT facts FROM commands_archive") == {"facts": {"role": "client"}}
    assert world.row("SELECT facts FROM all_commands") == {"facts": {"role": "client"}}
