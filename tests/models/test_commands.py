"""What the table of commands refuses."""

import pytest
from sqlalchemy.exc import IntegrityError

pytestmark = pytest.mark.usefixtures("database")


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("state = 'lost'", "ck_commands_state_known"),
        ("state = 'sending'", "ck_commands_leased_states_have_a_lease"),
        (
            "lease_token = gen_random_uuid(), lease_until = now()",
            "ck_commands_leased_states_have_a_lease",
        ),
        ("state = 'running', lease_token = gen_random_uuid()", "ck_commands_lease_whole"),
        ("appointment_id = appointment_id + 1", "fk_commands_appointment_id"),
    ],
)
def test_the_table_refuses_what_cannot_be(world, command_id, change, constraint):
    with pytest.raises(IntegrityError) as refused:
        world.execute(f"UPDATE commands SET {change} WHERE id = :id", id=command_id)
    assert refused.value.orig.diag.constraint_name == constraint


def test_a_person_gets_one_mail_of_a_kind_for_each_state_of_an_appointment(world, command_id):
    twin = (
        "INSERT INTO commands (appointment_id, kind, sequence, recipient, state, request_id)"
        " SELECT appointment_id, kind, :sequence, recipient, state, request_id FROM commands WHERE id = :id"
    )
    with pytest.raises(IntegrityError):
        world.execute(twin, id=command_id, sequence=0)
    world.execute(twin, id=command_id, sequence=1)
