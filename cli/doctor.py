"""`flask doctor`: whether everything the product needs is there, one check after another.

Each check waits a bounded time and says what is wrong and what to do about it. A check that needs an earlier
one which failed is not made.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from alembic.config import Config
from alembic.script import ScriptDirectory
from celery import Celery
from kombu import Connection as BrokerConnection
from kombu.exceptions import KombuError
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

import celeryconfig
from cli.failures import Command, one_line
from cli.findings import Finding
from cli.output import json_option, show_json
from cli.surroundings import look_around
from models import database
from models.clock import is_zone_name
from models.command_sql import DUE, IS_CLAIMABLE
from models.provider_gate import OPEN_GATE, read_gate
from settings import Settings, get_settings
from tasks.catalogue import KINDS, MAIL_PROVIDER
from tasks.mail.addresses import AddressError, sender_mailbox
from tasks.mail.destination import DestinationError, check_destination
from tasks.mail.mandrill import MandrillClient, MandrillError
from tasks.mail.outcomes import CannotTell
from tasks.mail.transport import Limits

ROOT = Path(__file__).resolve().parents[1]
BROKER_TIMEOUT_S = 2.0
INSPECT_TIMEOUT_S = 1.5
INSPECT_TRIES = 2
MANDRILL_LIMITS = Limits(connect_s=2.0, read_s=4.0, total_s=5.0)
DUE_TOO_LONG_S = 60
"""A command that has been due for longer than this is not being looked after."""


@click.command(cls=Command)
@json_option
def doctor(as_json: bool) -> None:
    """Check settings, surroundings, database, broker, workers, relay and Mandrill. Exit status 1 if any fails."""
    findings = []
    for finding in examine(get_settings()):
        findings.append(finding)
        if not as_json:
            click.echo(f"{'ok   ' if finding.ok else 'WRONG'}  {finding.check}: {finding.message}")
            if finding.hint:
                click.echo(f"       {finding.hint}")
    well = all(finding.ok for finding in findings)
    if as_json:
        show_json({"ok": well, "checks": [asdict(finding) for finding in findings]})
    sys.exit(0 if well else 1)


def examine(settings: Settings) -> Iterator[Finding]:
    """All checks, one by one."""
    yield _settings(settings)
    yield from look_around(settings)
    yield from _database_checks()
    yield from _broker_checks(settings)
    yield from _mandrill_checks(settings)
    yield _webhooks(settings)


def _settings(settings: Settings) -> Finding:
    faults = []
    try:
        sender_mailbox(settings.mail_from)
    except AddressError as fault:
        faults.append(str(fault))
    if not is_zone_name(settings.office_time_zone):
        faults.append("OFFICE_TIME_ZONE must be the exact IANA name of a zone, such as America/Denver.")
    if settings.command_lease_s <= celeryconfig.task_time_limit:
        faults.append(
            f"COMMAND_LEASE_S must be more than {celeryconfig.task_time_limit}, the time limit of a task:"
            " a lease that ends before its task lets another worker begin the same work."
        )
    if faults:
        return Finding("settings", False, " ".join(faults), "Change the environment or .env and start anew.")
    return Finding("settings", True, f"APP_ENV is {settings.app_env}; values agree with one another.")


# -- the database, and what it knows of the others


def _database_checks() -> Iterator[Finding]:
    try:
        with database.transaction() as connection:
            version = connection.execute(text("SHOW server_version")).scalar_one()
            yield Finding("database", True, f"PostgreSQL {version.split()[0]} answers.")
            for name, check in _ON_DATABASE.items():
                yield _asked(connection, name, check)
    except SQLAlchemyError as error:
        reason = one_line(getattr(error, "orig", None) or error)
        hint = "Set DATABASE_URL, or start `make run`; if it runs with another VAR_DIR: `VAR_DIR=… flask doctor`."
        yield Finding("database", False, f"It does not answer: {reason}.", hint)
        for name in _ON_DATABASE:
            yield Finding(name, False, "Not checked: the database does not answer.")


def _asked(connection: Connection, name: str, check: Callable[[Connection], Finding]) -> Finding:
    """One check in a savepoint, so that a missing table does not spoil the next one."""
    try:
        with connection.begin_nested():
            return check(connection)
    except SQLAlchemyError as error:
        reason = one_line(getattr(error, "orig", None) or error)
        return Finding(
            name, False, f"The database refused the question: {reason}.", "See the check `migrations`."
        )


def _migrations(connection: Connection) -> Finding:
    config = Config(str(ROOT / "alembic.ini"))
    heads = set(ScriptDirectory.from_config(config).get_heads())
    there = connection.scalar(text("SELECT to_regclass('alembic_version')"))
    current = (
        set(connection.execute(text("SELECT version_num FROM alembic_version")).scalars()) if there else set()
    )
    if current == heads:
        return Finding("migrations", True, f"The schema is at {_listed(heads)}, the newest.")
    message = f"The schema is at {_listed(current)}; this version needs {_listed(heads)}."
    return Finding("migrations", False, message, "Run `alembic upgrade head`.")


def _relay(connection: Connection) -> Finding:
    number = connection.scalar(
        text(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name = 'relay-listen' AND datname = current_database()"
        )
    )
    if number:
        return Finding("relay", True, f"{number} listen{'s' if number == 1 else ''} for due commands.")
    hint = (
        "Start `python -m workers.relay` (`make run` does); until then only beat's sweep publishes commands."
    )
    return Finding("relay", False, "None listens for due commands.", hint)


def _due_commands(connection: Connection) -> Finding:
    row = connection.execute(
        text(
            "SELECT count(*) AS number,"  # noqa: S608 - constants
            " coalesce(extract(epoch FROM now() - min(available_at)), 0)::bigint AS age_s"
            f" FROM commands WHERE {DUE}"
        )
    ).one()
    if row.number == 0:
        return Finding("due commands", True, "None is waiting to be done.")
    message = f"{row.number} {'is' if row.number == 1 else 'are'} due, the oldest for {row.age_s} s."
    if row.age_s <= DUE_TOO_LONG_S:
        return Finding("due commands", True, message)
    return Finding("due commands", False, message, "See that relay, broker and workers run, and their logs.")


def _mail_gate(connection: Connection) -> Finding:
    gate = read_gate(connection, MAIL_PROVIDER)
    if gate == OPEN_GATE:
        return Finding("mail gate", True, "Open: mails are handed over as they come.")
    waiting = connection.scalar(
        text(f"SELECT count(*) FROM commands WHERE {IS_CLAIMABLE} AND kind = ANY(:kinds)"),  # noqa: S608 - constants
        {"kinds": [kind.name for kind in KINDS.values() if kind.provider == MAIL_PROVIDER]},
    )
    how = "Closed" if gate.is_closed else "Half open"
    return Finding(
        "mail gate",
        False,
        f"{how}, because Mandrill failed again and again; {waiting} mails wait.",
        "See Mandrill's status page, MANDRILL_URL and the network. It is tried again by itself.",
    )


_ON_DATABASE: dict[str, Callable[[Connection], Finding]] = {
    "migrations": _migrations,
    "relay": _relay,
    "due commands": _due_commands,
    "mail gate": _mail_gate,
}


def _listed(revisions: set[str]) -> str:
    return ", ".join(sorted(revisions)) or "nothing"


# -- the broker, and the workers behind it


def _broker_checks(settings: Settings) -> Iterator[Finding]:
    queues = [queue.name for queue in celeryconfig.task_queues]
    broker: Any = BrokerConnection(  # type: ignore[no-untyped-call]
        settings.broker_url,
        connect_timeout=BROKER_TIMEOUT_S,
        transport_options=celeryconfig.broker_transport_options,
    )
    shown = broker.as_uri()  # with the password blotted out
    try:
        with broker:
            broker.ensure_connection(max_retries=1, interval_start=0, timeout=BROKER_TIMEOUT_S)
            broker.default_channel.close()
    except (KombuError, OSError, *broker.connection_errors) as error:
        yield Finding(
            "broker",
            False,
            f"{shown} does not answer: {one_line(error)}.",
            "Start it, or set CELERY_BROKER_URL or REDIS_URL. Commands wait in the database meanwhile.",
        )
        for queue in queues:
            yield Finding(f"workers of {queue}", False, "Not checked: the broker does not answer.")
        return
    yield Finding("broker", True, f"{shown} answers.")
    yield from _workers(queues)


def _workers(queues: list[str]) -> Iterator[Finding]:
    consumers, trouble = _consumers(queues)
    for queue in queues:
        names = sorted(consumers[queue])
        if names:
            message = f"{', '.join(names)} consume{'s' if len(names) == 1 else ''} it."
            yield Finding(f"workers of {queue}", True, message)
        else:
            yield Finding(
                f"workers of {queue}",
                False,
                trouble or f"None answered within {INSPECT_TRIES * INSPECT_TIMEOUT_S:.0f} s.",
                f"Start `celery --app workers.app worker --queues {queue}` (`make run` does). A worker that"
                " runs and is silent has lost its broker: start it anew.",
            )


def _consumers(queues: list[str]) -> tuple[dict[str, set[str]], str]:
    """The workers of each queue, and what went wrong while asking.

    A busy worker may miss one question, so they are asked again before one is called missing.
    """
    consumers: dict[str, set[str]] = {queue: set() for queue in queues}
    app = Celery("doctor", set_as_current=False)
    app.config_from_object("celeryconfig")
    try:
        for _ in range(INSPECT_TRIES):
            answers = app.control.inspect(timeout=INSPECT_TIMEOUT_S).active_queues() or {}
            for worker, consumed in answers.items():
                for queue in consumed:
                    consumers.setdefault(queue["name"], set()).add(worker)
            if all(consumers[queue] for queue in queues):
                break
    except (KombuError, OSError) as error:
        return consumers, f"The broker did not pass the question on: {one_line(error)}."
    finally:
        app.close()
    return consumers, ""


# -- Mandrill


def _mandrill_checks(settings: Settings) -> Iterator[Finding]:
    try:
        check_destination(settings.mandrill_url, settings.mandrill_api_key)
    except DestinationError as fault:
        hint = "Set MANDRILL_API_KEY and MANDRILL_URL; workers do not start before they match."
        yield Finding("mandrill destination", False, str(fault), hint)
        yield Finding("mandrill", False, "Not checked: key and URL do not match.")
        return
    yield Finding("mandrill destination", True, "MANDRILL_API_KEY and MANDRILL_URL belong together.")
    client = MandrillClient(
        settings.mandrill_url, settings.mandrill_api_key, limits=MANDRILL_LIMITS, pool_size=1
    )
    try:
        client.ping()
    except MandrillError as trouble:
        hint = "Set MANDRILL_API_KEY to a valid key, or see why MANDRILL_URL cannot be reached; mails wait."
        yield Finding("mandrill", False, str(trouble), hint)
        return
    yield Finding("mandrill", True, "It answers and takes the key.")
    search = client.check_search()
    if isinstance(search, CannotTell):
        hint = "Until then no mail whose outcome is unknown can be settled by asking: people have to look."
        yield Finding("mandrill search", False, search.reason, hint)
    else:
        yield Finding("mandrill search", True, "Mails in doubt can be found by their send_id.")


def _webhooks(settings: Settings) -> Finding:
    if settings.mandrill_webhook_key.get_secret_value():
        return Finding("mandrill webhooks", True, f"They are taken at {settings.webhook_url}.")
    return Finding(
        "mandrill webhooks",
        settings.app_env != "production",
        "None are taken: mails in doubt have to be asked about, and late rejections stay unseen.",
        f"Register {settings.webhook_url} in Mandrill and set MANDRILL_WEBHOOK_KEY to the key it shows.",
    )
