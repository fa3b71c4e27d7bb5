"""Every Celery setting, each with its reason. What is not here is Celery's default.

The broker only wakes workers up; the table of commands is the truth. So messages may be lost, late or doubled
without harm, and these settings choose bounded waits over guarantees that a broker cannot give.
`docs/brokers.md` tells what a broker itself needs.
"""

import os
from urllib.parse import parse_qs

from kombu import Exchange, Queue

from settings import get_settings
from tasks.catalogue import (
    ARCHIVE,
    ARCHIVE_EVERY_S,
    CLOCKS_QUEUE,
    KINDS,
    MAIL_QUEUE,
    PRIORITIES_ON_REDIS,
    SWEEP,
    SWEEP_EVERY_S,
)

_settings = get_settings()
_redis_broker = _settings.broker_url.startswith(("redis", "sentinel"))

broker_url = _settings.broker_url
_sentinel_options = {}
if broker_url.startswith("sentinel"):
    # kombu takes the group's name from an option only; here it is part of the URL, which says all.
    broker_url, _, _query = broker_url.partition("?")
    # Celery prefers the environment's CELERY_BROKER_URL to the setting above, but not to these.
    broker_read_url = broker_write_url = broker_url
    _sentinel_options["master_name"] = parse_qs(_query).get("master_name", ["mymaster"])[0]

imports = (*dict.fromkeys(kind.module for kind in KINDS.values()), "tasks.sweep", "tasks.archive")

# State lives in PostgreSQL. A result backend would be a second truth that can be lost.
result_backend = None
task_ignore_result = True

# Arguments are one command id. JSON only: a pickle from the broker could run anything.
task_serializer = "json"
accept_content = ["json"]

# Declared here and nowhere else; clocks and mail apart, so that a slow provider never delays the clocks. On
# RabbitMQ they are quorum queues, which survive the loss of a node; Redis knows no such thing.
task_queues = tuple(
    Queue(
        name,
        Exchange(name),
        routing_key=name,
        durable=True,
        queue_arguments=None if _redis_broker else {"x-queue-type": "quorum"},
    )
    for name in (CLOCKS_QUEUE, MAIL_QUEUE)
)
task_default_queue = CLOCKS_QUEUE
task_default_exchange = CLOCKS_QUEUE
task_default_routing_key = CLOCKS_QUEUE
task_create_missing_queues = False
task_routes = {kind.name: {"queue": kind.queue, "routing_key": kind.queue} for kind in KINDS.values()} | {
    name: {"queue": CLOCKS_QUEUE, "routing_key": CLOCKS_QUEUE} for name in (SWEEP, ARCHIVE)
}

# A task whose process dies is delivered again at once. Claims in the database make that harmless, and a task
# that kills its process is bounded by the command's attempts.
task_acks_late = True
task_reject_on_worker_lost = True

# The visibility clock starts when a message is prefetched, so a worker takes few beforehand.
worker_prefetch_multiplier = 1

# A message whose worker died comes back after this long; it is above the hard time limit, and the same in
# every process because the shortest wins. Socket timeouts: without them publishing to a silent Redis hangs.
broker_transport_options = (
    {
        "visibility_timeout": 120,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        "socket_timeout": 2,
        "socket_connect_timeout": 1,
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0,
        "interval_max": 0,
        # Each queue is two lists, of which the one of first attempts is emptied first (`tasks/publishing.py`).
        "priority_steps": sorted(PRIORITIES_ON_REDIS),
        # A consumer's connection that broke without a word is noticed within half a minute, not within one.
        "health_check_interval": 10,
        **_sentinel_options,
    }
    if _redis_broker
    # A message counts as published when RabbitMQ says that the queue has it.
    else {"confirm_publish": True}
)
# RabbitMQ only: a peer that is gone without a word is noticed within two of these. Redis has the checks above.
broker_heartbeat = 10
broker_heartbeat_checkrate = 2
# Quorum queues know no limit for all consumers of a channel together; Celery then sets one for each. It would
# also make 28 queues for delayed messages, which we never send (`workers/consumer.py`).
worker_detect_quorum_queues = True
worker_consumer = "workers.consumer:Consumer"
broker_connection_timeout = 2
broker_connection_retry_on_startup = True
broker_connection_max_retries = None  # a worker outlives any outage of the broker
# The sweep is the retry: a second try here would only make a silent broker cost six seconds instead of two.
task_publish_retry_policy = {
    "max_retries": 0,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.1,
}

# Strictly ordered: total time of a call to Mandrill 20 s < soft limit < hard limit < lease (COMMAND_LEASE_S),
# so that a live sender never outlives its lease. Pools of threads ignore the limits; the client's own
# deadline holds there.
task_soft_time_limit = 40
task_time_limit = 45

# Retries live in the table (`available_at`). ETA and countdown would sit in Redis and loop past visibility.
# SIGTERM is a warm shutdown: no new task, and what runs may finish, however long the time limits let it.
# SIGQUIT is a soft one: what runs has this long, which is longer than a call to Mandrill; the rest goes back to
# the queue.
worker_soft_shutdown_timeout = _settings.mandrill_total_timeout_s + 5
worker_cancel_long_running_tasks_on_connection_loss = False  # it would kill a sender in mid POST

# Memory that a library leaks ends with its process: a child that has grown to twice what one with the atlas holds
# (160 MB, most of it shared with its parent) is replaced after its task. In kilobytes; pools of threads ignore both.
worker_max_tasks_per_child = 20_000
worker_max_memory_per_child = 300_000

# For Flower: events of received, started, succeeded and failed tasks. `task-sent` would carry pids as labels.
worker_send_task_events = True
task_send_sent_event = False
task_track_started = False

# Logging is set up by `telemetry.py`, the same in every process.
worker_hijack_root_logger = False
worker_redirect_stdouts = False

timezone = "UTC"
enable_utc = True

# Beat is one of two nets: the relay sweeps too. Both may run at once without harm.
beat_schedule = {
    "sweep": {
        "task": SWEEP,
        "schedule": SWEEP_EVERY_S,
        "options": {"expires": 10, "queue": CLOCKS_QUEUE},
    },
    "archive": {
        "task": ARCHIVE,
        "schedule": ARCHIVE_EVERY_S,
        "options": {"expires": 600, "queue": CLOCKS_QUEUE},
    },
}
beat_schedule_filename = os.fspath(_settings.var_dir / "celerybeat-schedule")
beat_max_loop_interval = 5
beat_scheduler = "workers.beat:WatchedScheduler"
