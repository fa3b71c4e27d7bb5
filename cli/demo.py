"""`flask demo`: records to try the product with, and tokens for them. Never in production."""

import click

from cli import demo_records, demo_tokens
from cli.demo_data import PHOTOGRAPHER
from cli.failures import Failure, Group
from cli.output import json_option, show_json
from models import database
from models.moment import now
from settings import get_settings


@click.group(cls=Group)
def demo() -> None:
    """Demo records: make them, or delete them."""


@demo.command(with_appcontext=False)
@json_option
def seed(as_json: bool) -> None:
    """Make the demo records and tokens; what is there already is kept.

    What was made is kept in VAR_DIR/demo.json, because tokens are shown only once.
    """
    settings = get_settings()
    if settings.app_env == "production":
        raise Failure("Demo records do not belong into production; set APP_ENV=development for a trial.")
    kept = demo_tokens.read_file(settings.var_dir)
    with database.transaction() as connection:
        demo_records.lock(connection)
        records = demo_records.ensure(connection)
        made = {
            "application_tokens": demo_tokens.application_tokens(connection, kept),
            "session_tokens": demo_tokens.session_tokens(connection, kept, records.user_ids, now()),
            "order_ids": records.order_ids,
            "order_request_appt_ids": records.request_ids,
            "photographer_user_id": records.user_ids[PHOTOGRAPHER.email],
            "console_login": demo_tokens.console_login(connection, kept, records.user_ids),
        }
    demo_tokens.write_file(settings.var_dir, made)
    if as_json:
        show_json(made)
    else:
        click.echo(
            f"The demo has {len(records.order_ids)} orders and {len(records.user_ids)} people."
            f" Tokens, ids and the console login are in {settings.var_dir / demo_tokens.FILE}."
        )


@demo.command(with_appcontext=False)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def reset(yes: bool, as_json: bool) -> None:
    """Delete the demo records and all appointments, commands, mails and notifications that hang on them."""
    settings = get_settings()
    if not yes:
        click.confirm("Delete the demo records and everything that hangs on them?", abort=True, err=True)
    with database.transaction() as connection:
        demo_records.lock(connection)
        demo_tokens.forget(connection, demo_tokens.read_file(settings.var_dir))
        deleted = demo_records.delete(connection)
    (settings.var_dir / demo_tokens.FILE).unlink(missing_ok=True)
    if as_json:
        show_json(deleted)
    else:
        click.echo("Deleted: " + ", ".join(f"{number} {kind}" for kind, number in deleted.items()) + ".")
