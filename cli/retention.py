"""`flask retention`: for how long what is kept, and the run that forgets it, without waiting for beat's."""

import click

from cli.failures import Failure, Group
from cli.output import json_option, show_json, show_table
from cli.spans import Span
from models import database
from models.retention import RULES
from settings import get_settings
from tasks.archive import archive


@click.group(cls=Group)
def retention() -> None:
    """For how long what is kept."""


@retention.command(with_appcontext=False)
@json_option
def show(as_json: bool) -> None:
    """The rules, each with its setting and the oldest row there is."""
    settings = get_settings()
    with database.transaction() as connection:
        listed = [
            {
                "table": rule.table,
                "what": rule.what,
                "days": rule.days(settings),
                "setting": rule.setting.upper(),
                "oldest": rule.oldest(connection),
            }
            for rule in RULES
        ]
    if as_json:
        show_json(listed)
        return
    show_table(
        ("TABLE", "DAYS", "SETTING", "OLDEST ROW", "WHAT"),
        [(row["table"], row["days"], row["setting"], row["oldest"], row["what"]) for row in listed],
        "There are no rules.",
    )


@retention.command(with_appcontext=False)
@click.option("--table", "tables", multiple=True, help="Only this table; may be given several times.")
@click.option(
    "--minutes",
    type=Span(0.01, 24 * 60),
    default=60,
    show_default=True,
    help="Stop after this long; what is left is for the next run.",
)
@json_option
def run(tables: tuple[str, ...], minutes: float, as_json: bool) -> None:
    """Let go what has been kept long enough, in small batches with rests between. Does no harm beside beat's run."""
    known = [rule.table for rule in RULES]
    if unknown := [table for table in tables if table not in known]:
        raise Failure(f"There is no rule for {unknown[0]}; there are rules for {', '.join(known)}.")
    chosen = [rule for rule in RULES if not tables or rule.table in tables]
    went = archive(chosen, for_s=60 * minutes)
    if as_json:
        show_json(went)
        return
    show_table(("TABLE", "ROWS THAT WENT"), list(went.items()), "There are no rules.")
