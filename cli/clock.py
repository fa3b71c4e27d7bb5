"""`flask clock`: the reconciliation of times outside the product, for checking cases and explaining results."""

import sys
from typing import BinaryIO

import click
from pydantic_core import to_json
from sqlalchemy import text

from cli.clock_cases import Score, check_lines, explain_lines
from cli.failures import Failure, Group
from cli.output import json_option, show_json
from models import database
from models.appointment_clocks import explanation, needs_atlas
from models.clock import Place, Supplied, explain, load_atlas, reconcile, tzdata_version, zone_of
from settings import get_settings
from tasks.recheck import Moved, count_outdated, recheck_batch


@click.group(cls=Group)
def clock() -> None:
    """Times in three frames: check cases, explain appointments."""


@clock.command(with_appcontext=False)
@click.argument("file", type=click.File("rb"))
@click.option("--compare", is_flag=True, help="Print only the cases that differ from what they expect.")
def check(file: BinaryIO, compare: bool) -> None:
    """Reconcile the cases of FILE, one JSON object a line ("-" reads standard input); one result a line.

    A case is {"id": ..., "input": {"params": ..., "property": ..., "office_zone": ...}, "expect": ...}.
    With --compare the score goes to standard error, and the exit status is 1 if any case differs.
    """
    score = Score()
    output = sys.stdout.buffer
    for result in check_lines(file, score, comparing=compare):
        output.write(to_json(result) + b"\n")
    output.flush()
    if compare:
        click.echo(f"{score.as_expected} of {score.cases} as expected.", err=True)
    elif score.errors:
        click.echo(f"{score.errors} of {score.cases} lines are no usable case.", err=True)
    if not score.is_clean:
        sys.exit(1)


_APPOINTMENT = text(
    "SELECT a.supplied, a.adopted, a.reconciled_at, a.zone_name, a.zone_source, a.office_zone,"
    " p.time_zone, p.latitude, p.longitude, p.zip FROM appointments a"
    " LEFT JOIN orders o ON o.id = a.order_id LEFT JOIN properties p ON p.id = o.property_id WHERE a.id = :id"
)


@clock.command("explain", with_appcontext=False)
@click.argument("file", type=click.File("rb"), required=False)
@click.option("--appointment", type=click.IntRange(1, 2**63 - 1), help="Explain a stored appointment.")
@json_option
def explain_times(file: BinaryIO | None, appointment: int | None, as_json: bool) -> None:
    """Why each time is what it is: of the cases of FILE, or of a stored appointment."""
    if (file is None) == (appointment is None):
        raise click.UsageError("Name a FILE of cases, or an appointment with --appointment.")
    if appointment is not None:
        sentences = _explained(appointment)
        if as_json:
            show_json({"id": appointment, "sentences": sentences})
        else:
            click.echo("\n".join(sentences))
        return
    score = Score()
    for result in explain_lines(file or (), score):
        if as_json:
            sys.stdout.buffer.write(to_json(result) + b"\n")
        else:
            click.echo(f"{result['id']}:")
            for sentence in result.get("sentences") or [f"Line {result['line']}: {result['error']}"]:
                click.echo(f"  {sentence}")
    if not score.is_clean:
        sys.exit(1)


@clock.command(with_appcontext=False)
@click.option("--dry-run", is_flag=True, help="Tell what would change; store nothing.")
@click.option(
    "--batch", type=click.IntRange(1, 10_000), default=200, show_default=True, help="Rows at a time."
)
@json_option
def recheck(dry_run: bool, batch: int, as_json: bool) -> None:
    """Recompute the appointments to come after new time zone rules were installed.

    Local wall times stay as people were told; UTC and office times move. May be interrupted: the next run goes
    on where this one stopped.
    """
    total = count_outdated()
    seen, after = 0, 0
    moved: list[Moved] = []
    with click.progressbar(
        length=total, label="Rechecking", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        while (done := recheck_batch(after, batch, dry_run=dry_run)).last_id is not None:
            seen, after = seen + done.seen, done.last_id
            moved += done.moved
            bar.update(done.seen)
    if as_json:
        changes = [{"appointment_id": item.appointment_id, "changes": item.changes} for item in moved]
        show_json({"tzdata": tzdata_version(), "dry_run": dry_run, "seen": seen, "moved": changes})
        return
    for item in moved:
        click.echo(f"Appointment {item.appointment_id}: {'; '.join(item.changes)}")
    would = " would move; nothing was stored" if dry_run else " moved"
    click.echo(f"Rules of {tzdata_version()}: {seen} appointments rechecked, {len(moved)}{would}.")


def _explained(appointment_id: int) -> list[str]:
    """Why the stored times are what they are; before they are reconciled, what they will be and why."""
    with database.transaction() as connection:
        row = connection.execute(_APPOINTMENT, {"id": appointment_id}).mappings().first()
    if row is None:
        raise Failure(f"There is no appointment {appointment_id}.")
    if row["reconciled_at"] is not None:
        return explanation(dict(row))
    click.echo("The times are not reconciled yet; this is what they will be.", err=True)
    place = Place(row["time_zone"], row["latitude"], row["longitude"], row["zip"])
    finding = zone_of(place, load_atlas() if needs_atlas(place) else None)
    supplied = Supplied.from_json(row["supplied"])
    return explain(supplied, reconcile(supplied, finding, get_settings().office_time_zone))
