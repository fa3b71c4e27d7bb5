"""`flask restored`: to be run once after the database was restored to an earlier time, before any worker starts."""

import getpass
import time
from dataclasses import asdict

import click

from cli.failures import Command, Failure
from cli.output import cell, json_option, show_json
from models import database
from models import restored as ledger
from models.audit import Actor

WATCHED_FOR_S = 7.0
"""A process that lives is heard of every five seconds."""


@click.command(cls=Command)
@click.option("--dry-run", is_flag=True, help="Tell what would be done; store nothing.")
@click.option(
    "--skip-ids",
    type=click.IntRange(0, 10**12),
    default=100_000,
    show_default=True,
    help="How far the ids of new records stay away from those that were lost: more than there can have been.",
)
@json_option
def restored(dry_run: bool, skip_ids: int, as_json: bool) -> None:
    """After a restore: have mails that may have been sent asked about before any is sent.

    Run it before relay, beat and workers start; it refuses while one of them lives.
    """
    if not dry_run:
        _refuse_while_anything_runs()
    with database.transaction() as connection:
        if dry_run:
            done = ledger.look(connection)
        else:
            name = getpass.getuser()
            actor = Actor(name, "command-line", f"account:{name}"[:63])
            done = ledger.mend(connection, actor, skip_ids=skip_ids)
    if as_json:
        show_json({"dry_run": dry_run, "skip_ids": skip_ids, **asdict(done)})
        return
    click.echo(f"The data is as of {cell(done.as_of)}.")
    would = "would be" if dry_run else "are"
    mails = f"{done.mails} unsent {'mail' if done.mails == 1 else 'mails'} {would} in doubt"
    if done.too_old:
        click.echo(f"{mails}. Mandrill's search does not reach back so far: a person has to decide on each,")
        click.echo("with `flask commands list --state unknown`, `flask commands retry` and `drop`.")
    else:
        click.echo(f"{mails}: Mandrill is asked about each before it is sent.")
    click.echo(
        f"{done.failed} failed {'mail asks' if done.failed == 1 else 'mails ask'} before a person sends again."
    )
    click.echo("Nothing was stored." if dry_run else f"New ids begin {skip_ids} higher.")


def _refuse_while_anything_runs() -> None:
    """Signs of life are restored too: only one that comes anew tells of a process that lives."""
    with database.transaction() as connection:
        before = ledger.beats(connection)
    if not before:
        return
    click.echo("Looking whether relay, beat or a worker lives ...", err=True)
    time.sleep(WATCHED_FOR_S)
    with database.transaction() as connection:
        now = ledger.beats(connection)
    living = sorted(name for name in now if now[name] != before.get(name))
    if living:
        raise Failure(
            f"Stop relay, beat and workers first, or mails go out unasked; these live: {', '.join(living)}."
        )
