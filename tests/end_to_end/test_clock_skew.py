"""Hosts whose clocks differ by five minutes either way: leases, schedules and ages are the database's.

Workers with a wrong clock do the work of the ordinary ones, which are stopped meanwhile.
"""

import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from models import database
from models.command_claims import claim
from models.command_endings import doubt, postpone
from models.command_states import BEGIN_SENDING
from tasks.sweep import sweep
from tests.stack import TIMERS, Stack
from tests.statements import before_each_statement
from tests.tasks.planned import mail_due
from tests.waiting import eventually
from tests.world import World

pytestmark = pytest.mark.timeout(120)
TIMES = {"date_start_local": "2027-01-04", "time_start_local": "9:00", "time_duration_s": 3600}
CELERY_AT_ANOTHER_TIME = (
    "import sys, time_machine; from datetime import UTC, datetime, timedelta;"
    " time_machine.travel(datetime.now(UTC) + timedelta(minutes={minutes}), tick=True).start();"
    " from celery.__main__ import main; sys.exit(main())"
)


@pytest.fixture(scope="module")
def skewed(stack: Stack) -> Iterator[Stack]:
    """The clocks are five minutes behind, the mail is five minutes ahead, and nobody has the right time."""
    for queue, minutes in (("clocks", -5), ("mail", 5)):
        program = CELERY_AT_ANOTHER_TIME.format(minutes=minutes)
        arguments = stack.commands[f"worker-{queue}"].removeprefix("celery ").replace("@%h", "-skewed@%h")
        stack.commands[f"skewed-{queue}"] = f"{sys.executable} -c '{program}' {arguments}"
        stack.start(f"skewed-{queue}")
    for queue in ("clocks", "mail"):
        eventually(
            lambda queue=queue: "ready." in stack.log(f"skewed-{queue}"),
            within_s=30,
            what=f"{queue} is ready",
        )
    with ExitStack() as stopped:
        for name in ("worker-clocks", "worker-mail"):
            stopped.enter_context(stack.suspended(name))
        yield stack
    stack.terminate("skewed-clocks")


def test_workers_with_wrong_clocks_do_everything_once(skewed: Stack) -> None:
    made = []
    for _ in range(8):
        order = skewed.world.order()
        reply = skewed.client().create(order_id=order.id, **TIMES)
        made.append((reply.appointment["id"], order.client_email))
    for appointment_id, address in made:
        skewed.wait_for_commands(appointment_id, within_s=30)
        assert skewed.inbox(to=address)["count"] == 1


def test_a_lease_of_a_worker_with_a_wrong_clock_ends_in_time(skewed: Stack) -> None:
    order = skewed.world.order(client_email="fault+timeout-before*1.skewed@example.com")
    reply = skewed.client().create(order_id=order.id, **TIMES)
    lease = (
        "SELECT id, extract(epoch FROM lease_until - now())::float AS left_s FROM commands"
        " WHERE appointment_id = :id AND state = 'sending'"
    )
    (sending,) = eventually(
        lambda: skewed.world.rows(lease, id=reply.appointment["id"]), within_s=20, what="it is being sent"
    )
    assert 0 < sending["left_s"] <= int(TIMERS["COMMAND_LEASE_S"])
    assert skewed.attempts(to=order.client_email, wait_for=1, timeout=10)["count"] == 1
    skewed.kill("skewed-mail")
    eventually(
        lambda: skewed.world.commands(reply.appointment["id"])["send-confirmation"]["state"] == "unknown",
        within_s=int(TIMERS["COMMAND_LEASE_S"]) + 5,
        what="the lease ends",
    )


def test_no_statement_about_commands_is_told_the_time(world: World, broker_is_away: None) -> None:
    """A process gives spans, such as a lease of 60 seconds; what they are counted from is the database's now()."""
    told: list[object] = []

    def listen(_connection: object, statement: str, values: tuple[object, ...]) -> None:
        if "commands" in statement:
            told.extend(value for value in values if hasattr(value, "isoformat"))

    first, second = (mail_due(world).commands["send-confirmation"] for _ in range(2))
    with before_each_statement(listen):
        sweep()
        with database.transaction() as connection:
            for command_id, move in ((first, postpone), (second, doubt)):
                claimed = claim(connection, command_id, "send-confirmation", BEGIN_SENDING, 60)
                assert claimed is not None
                move(connection, claimed, 30, "later")
        sweep()
    assert told == []


@pytest.fixture
def broker_is_away() -> Iterator[None]:
    from tests.tasks.conftest import celery_on
    from tests.tasks.mail.wire_server import unused_port

    with celery_on(f"redis://127.0.0.1:{unused_port()}/0"):
        yield
