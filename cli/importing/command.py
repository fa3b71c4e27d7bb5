"""The command `flask import FILE`."""

import secrets
import sys
from typing import BinaryIO

import click
from sqlalchemy.exc import IntegrityError

from cli.failures import Command, Failure
from cli.importing import writing
from cli.importing.lines import Fault, Numbered, read
from cli.importing.lookup import look_up
from cli.importing.plan import make_plan
from cli.output import json_option, show_json
from models import database
from models.clock import is_zone_name
from tasks.door import reconcile_again

SHOWN_FAULTS = 50


@click.command("import", cls=Command)
@click.argument("file", type=click.File("rb"))
@json_option
def import_records(file: BinaryIO, as_json: bool) -> None:
    """Import orders, users, companies and order request appointments.

    FILE holds one JSON object a line ("-" reads standard input); its "kind" is order, user, company or
    order_request_appt. A record with a known id is updated; when a property turns out to be elsewhere, the
    times of its appointments are reconciled again. If anything is wrong, nothing is written.
    """
    lines = file.read().splitlines()
    with click.progressbar(
        length=2 * len(lines), label="Importing", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        said = read(lines, bar.update)
        try:
            with database.transaction() as connection:
                writing.lock(connection)
                plan = make_plan(said, look_up(connection, said))
                _refuse_faults([*said.faults, *plan.faults])
                written = writing.write(connection, said, plan, bar.update)
                queued = reconcile_again(
                    connection, written.changed_property_ids, f"import-{secrets.token_hex(8)}"
                )
        except IntegrityError as contradiction:
            raise Failure(
                "Nothing was imported: the lines contradict one another or the records that are there"
                f" ({_constraint(contradiction)}). Import the lines in question one by one to find it."
            ) from None
    _warn_of_unusable_zones(said)
    if as_json:
        show_json({**written.summary(), "appointments_to_reconcile": queued})
        return
    click.echo(
        f"{len(said)} records: {written.created} created, {written.updated} updated."
        f" Properties changed: {len(written.changed_property_ids)}."
    )
    if queued:
        click.echo(f"The times of {queued} appointments are being reconciled again.")


def _warn_of_unusable_zones(said: Numbered) -> None:
    for number, order in said.orders.values():
        zone = order.property.iana if order.property is not None else None
        if zone and not is_zone_name(zone):
            click.echo(
                f"Warning, line {number}: {zone!r} is not the exact IANA name of a time zone, such as"
                " America/Chicago; the property's position or ZIP decides.",
                err=True,
            )


def _refuse_faults(faults: list[Fault]) -> None:
    if not faults:
        return
    by_line: dict[int, list[str]] = {}
    for fault in sorted(faults, key=lambda fault: fault.line):
        by_line.setdefault(fault.line, []).append(fault.message)
    told = [f"line {line}: {' '.join(messages)}" for line, messages in by_line.items()]
    if len(told) > SHOWN_FAULTS:
        told[SHOWN_FAULTS:] = [f"and {len(told) - SHOWN_FAULTS} more lines."]
    number = f"{len(by_line)} line{'s are' if len(by_line) > 1 else ' is'} at fault"
    raise Failure("\n".join([f"nothing was imported; {number}.", *told]))


def _constraint(error: IntegrityError) -> str:
    diagnosis = getattr(error.orig, "diag", None)
    return getattr(diagnosis, "constraint_name", None) or "a rule of the database"
