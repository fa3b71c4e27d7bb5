"""What failed is over when a later mail told the one who is concerned."""

import pytest

from tests.api.changing import cancel, update
from tests.tasks.mail.wire_server import answer
from tests.tasks.test_calendar_entries import book  # noqa: F401 - a fixture
from tests.tasks.test_racing_mails import queued, send_all

pytestmark = pytest.mark.usefixtures("database")


def refused(server, sock):
    """What Mandrill answers to a mail that it will never send."""
    addresses = [each["email"] for each in server.last_body["message"]["to"]]
    return answer(
        [
            {"email": email, "status": "rejected", "reject_reason": "hard-bounce", "_id": "x"}
            for email in addresses
        ]
    )(server, sock)


def states(world):
    return [
        (row["mail_kind"], row["recipient"], row["state"], row["closed_by"])
        for row in world.rows("SELECT * FROM notifications ORDER BY id")
    ]


OVER = ("resolved", "a later mail")
OPEN = ("open", None)


def test_a_change_that_failed_is_over_when_the_next_arrives(api, world, provider, book):  # noqa: F811
    booking = book()
    provider.script[:] = [refused, queued, *[queued] * 9]
    update(api, booking.id, 1, location="Lobby")
    send_all(world)
    assert states(world) == [("send-change", booking.client, *OPEN)]
    update(api, booking.id, 2, location="Gate")
    send_all(world)
    assert states(world) == [("send-change", booking.client, *OVER)]


def test_what_the_one_reads_ends_nothing_of_the_other(api, world, provider, book):  # noqa: F811
    booking = book()
    provider.script[:] = [refused, queued, refused, queued]
    update(api, booking.id, 1, location="Lobby")
    send_all(world)
    cancel(api, booking.id, 2)
    send_all(world)
    assert {state[1:3] for state in states(world)} == {(booking.client, "open")}


def test_a_photographer_who_never_heard_of_it_need_not_when_another_has_it(api, world, provider, book):  # noqa: F811
    booking = book()
    other = world.photographer("Robin Lens")
    provider.script[:] = [queued, refused, queued, *[queued] * 9]
    update(api, booking.id, 1, photographer_user_id=other.id)
    send_all(world)
    assert states(world) == [("send-assignment", other.email, *OPEN)]
    update(api, booking.id, 2, photographer_user_id=world.photographer("Third One").id)
    send_all(world)
    assert states(world) == [("send-assignment", other.email, *OVER)]


def test_who_was_taken_off_and_did_not_hear_of_it_still_has_to(api, world, provider, book):  # noqa: F811
    booking = book()
    provider.script[:] = [queued, queued, refused, *[queued] * 9]
    update(api, booking.id, 1, photographer_user_id=world.photographer("Robin Lens").id)
    send_all(world)
    assert states(world) == [("send-cancellation", booking.photographer, *OPEN)]
    update(api, booking.id, 2, time_start_local="14:00")
    send_all(world)
    assert states(world) == [("send-cancellation", booking.photographer, *OPEN)]
