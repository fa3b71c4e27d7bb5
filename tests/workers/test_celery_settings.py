"""The settings that have to fit each other, as tables; what they do is in `tests/end_to_end/test_worker_faults.py`."""

import runpy
from typing import Any

import pytest
from kombu import Connection

from settings import Settings
from tasks.catalogue import PRIORITIES_ON_RABBITMQ, PRIORITIES_ON_REDIS
from tests.stack import ROOT

SHORTER_FIRST = [
    ("silence of Mandrill", "mandrill_read_timeout_s"),
    ("call to Mandrill", "mandrill_total_timeout_s"),
    ("soft time limit", "task_soft_time_limit"),
    ("hard time limit", "task_time_limit"),
    ("lease", "command_lease_s"),
    ("visibility", "visibility_timeout"),
]
"""A sender has given up before its task is ended, the task before its lease ends, and the lease before the
message comes again."""


def loaded(monkeypatch: pytest.MonkeyPatch, broker_url: str = "") -> dict[str, Any]:
    """`celeryconfig.py` as a process with this broker reads it, the production defaults for the rest."""
    settings = Settings.model_construct(celery_broker_url=broker_url)
    monkeypatch.setattr("settings.get_settings", lambda: settings)
    return runpy.run_path(str(ROOT / "celeryconfig.py"))


def test_whoever_waits_for_another_waits_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    found = loaded(monkeypatch)
    values = {**Settings.model_construct().model_dump(), **found, **found["broker_transport_options"]}
    in_order = [values[name] for _, name in SHORTER_FIRST]
    assert in_order == sorted(set(in_order)), dict(zip(SHORTER_FIRST, in_order, strict=True))


def test_a_soft_shutdown_outlasts_a_call_to_mandrill(monkeypatch: pytest.MonkeyPatch) -> None:
    found = loaded(monkeypatch)
    assert found["worker_soft_shutdown_timeout"] > Settings.model_construct().mandrill_total_timeout_s


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("task_acks_late", True),
        ("task_reject_on_worker_lost", True),
        ("worker_prefetch_multiplier", 1),
        ("broker_connection_max_retries", None),
        ("broker_connection_retry_on_startup", True),
        ("worker_cancel_long_running_tasks_on_connection_loss", False),
        ("worker_detect_quorum_queues", True),
        ("result_backend", None),
        ("accept_content", ["json"]),
    ],
)
def test_what_every_broker_needs(monkeypatch: pytest.MonkeyPatch, setting: str, value: object) -> None:
    for url in ("redis://127.0.0.1/0", "amqp://127.0.0.1//"):
        assert loaded(monkeypatch, url)[setting] == value


@pytest.mark.parametrize(
    "url", ["redis://h/0", "rediss://h/0", "sentinel://h:26379/0?master_name=appointments"]
)
def test_on_redis_no_wait_is_endless_and_first_attempts_have_a_list_of_their_own(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    found = loaded(monkeypatch, url)
    options = found["broker_transport_options"]
    assert 0 < options["socket_connect_timeout"] <= options["socket_timeout"] <= 2
    # The default looks for abandoned messages every hundred seconds only.
    assert options["unacked_restore_interval"] * options["unacked_restore_throttle"] <= 10
    assert options["priority_steps"] == [PRIORITIES_ON_REDIS.first, PRIORITIES_ON_REDIS.repeat]
    assert {queue.queue_arguments for queue in found["task_queues"]} == {None}


def test_a_sentinel_url_names_its_group(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "sentinel://:secret@one:26379;sentinel://:secret@two:26379/1"
    found = loaded(monkeypatch, f"{url}?master_name=appointments")
    assert (found["broker_url"], found["broker_transport_options"]["master_name"]) == (url, "appointments")
    with Connection(found["broker_url"], transport_options=found["broker_transport_options"]) as connection:
        assert [alternative.rpartition("@")[2] for alternative in connection.alt] == [
            "one:26379",
            "two:26379/1",
        ]
        assert connection.transport.driver_type == "redis"


def test_on_rabbitmq_queues_are_quorum_queues_and_a_publish_is_confirmed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = loaded(monkeypatch, "amqp://user:secret@host//")
    assert [queue.queue_arguments for queue in found["task_queues"]] == [{"x-queue-type": "quorum"}] * 2
    assert all(queue.durable for queue in found["task_queues"])
    assert found["broker_transport_options"] == {"confirm_publish": True}
    assert 0 < found["broker_heartbeat"] <= 30
    assert PRIORITIES_ON_RABBITMQ.first > 4 >= PRIORITIES_ON_RABBITMQ.repeat, (
        "where quorum queues draw the line"
    )


def test_the_consumer_makes_no_queues_for_delayed_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    from celery.utils.imports import symbol_by_name
    from celery.worker.consumer import Consumer

    ours = symbol_by_name(loaded(monkeypatch)["worker_consumer"]).Blueprint.default_steps
    assert [step for step in Consumer.Blueprint.default_steps if step not in ours] == [
        "celery.worker.consumer.delayed_delivery:DelayedDelivery"
    ]
