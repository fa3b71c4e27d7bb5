"""Flower, the window on the queues: `celery --app workers.app flower --conf=deploy/flower.conf.py`.

It listens on `LISTEN_ADDRESS`, the loopback interface unless told otherwise, and shows without changing
(`read_only`). User and password come from `FLOWER_BASIC_AUTH` (`user:password`), which Flower reads from the
environment itself before this file. Flower shows command ids and nothing more, because that is all a message
carries; the table `commands` is the record, and Flower may be lost without harm.
"""

from tornado.options import options

from settings import get_settings

if not options.basic_auth:
    raise SystemExit("Set FLOWER_BASIC_AUTH=user:password; without it anyone on this machine could look in.")

address = get_settings().listen_address
port = get_settings().flower_port
read_only = True

persistent = True
db = str(get_settings().var_dir / "flower")
state_save_interval = 10_000  # milliseconds
max_tasks = 10_000

# A worker that was killed would otherwise be shown as online for ever.
purge_offline_workers = 60
