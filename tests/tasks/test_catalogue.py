"""The catalogue, and that every process agrees with it."""

import pytest

from models.command_states import BEGIN_SENDING
from tasks.catalogue import CRASH_DELAYS_S, JITTER, KINDS, MAIL_DELAYS_S, SWEEP, delay_after


def test_the_kinds_are_those_of_the_contract():
    declared = {name: (kind.queue, kind.is_mail) for name, kind in KINDS.items()}
    assert (
        declared.items()
        >= {
            "reconcile-times": ("clocks", False),
            "send-confirmation": ("mail", True),
            "send-assignment": ("mail", True),
            "send-change": ("mail", True),
            "send-cancellation": ("mail", True),
        }.items()
    )
    assert all(name == kind.name for name, kind in KINDS.items())
    assert all(kind.meaning.endswith(".") for kind in KINDS.values())
    assert all(kind.name.startswith("send-") for kind in KINDS.values() if kind.edge is BEGIN_SENDING)


@pytest.mark.parametrize("table", [MAIL_DELAYS_S, CRASH_DELAYS_S], ids=["mail", "crash"])
def test_delays_follow_the_table_with_jitter_and_end_with_it(table):
    for tries, delay_s in enumerate(table, start=1):
        drawn = [delay_after(table, tries) for _ in range(50)]
        assert all(delay_s * (1 - JITTER) <= each <= delay_s * (1 + JITTER) for each in drawn)
        assert len(set(drawn)) > 1
    assert delay_after(table, len(table) + 1) is None


@pytest.mark.parametrize("table", [MAIL_DELAYS_S, CRASH_DELAYS_S], ids=["mail", "crash"])
def test_delays_never_shrink(table):
    assert list(table) == sorted(table)


def test_every_kind_has_a_task_a_queue_and_a_route(configured):
    import celeryconfig
    from workers.app import app

    app.loader.import_default_modules()
    ours = {name for name in app.tasks if not name.startswith("celery.")}
    assert ours >= {*KINDS, SWEEP}
    queues = {queue.name for queue in celeryconfig.task_queues}
    assert queues == {kind.queue for kind in KINDS.values()}
    routes = {name: route["queue"] for name, route in celeryconfig.task_routes.items()}
    assert routes.keys() == ours
    assert set(routes.values()) == queues
    assert routes.items() >= {kind.name: kind.queue for kind in KINDS.values()}.items()


def test_a_live_sender_never_outlives_its_lease(configured):
    import celeryconfig
    from settings import get_settings
    from tasks.mail.transport import Limits

    assert (
        Limits().total_s
        < celeryconfig.task_soft_time_limit
        < celeryconfig.task_time_limit
        < get_settings().command_lease_s
        < celeryconfig.broker_transport_options["visibility_timeout"]
    )


def test_beat_sweeps(configured):
    import celeryconfig

    assert celeryconfig.beat_schedule["sweep"]["task"] == SWEEP
    assert {entry["task"] for entry in celeryconfig.beat_schedule.values()} <= celeryconfig.task_routes.keys()
