"""Runs the migrations against the database of the settings, with bounded waits for locks.

A migration that waits for a lock makes every later statement on that table wait behind it, so it gives up
after a few seconds and can be run again.
"""

from collections.abc import Iterable

from alembic import context
from alembic.operations.ops import MigrationScript
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from models import tables
from models.base import Instant
from settings import get_settings

LOCK_TIMEOUT = "4s"


def render_item(kind: str, item: object, _autogen_context: object) -> str | bool:
    """Write our column type as what it is in the database: a migration must not depend on today's code."""
    if kind == "type" and isinstance(item, Instant):
        return "sa.DateTime(timezone=True)"
    return False


def number(_context: object, _revision: object, scripts: Iterable[MigrationScript]) -> None:
    """Give a new migration the number after the newest, unless `--rev-id` says another."""
    newest = ScriptDirectory.from_config(context.config).get_current_head()
    for script in scripts:
        if getattr(context.config.cmd_opts, "rev_id", None) is None:
            script.rev_id = f"{int(newest or 0) + 1:04}"


def run() -> None:
    """Apply the migrations, each in a transaction of its own."""
    engine = create_engine(get_settings().database_url, connect_args={"connect_timeout": 3})
    with engine.connect() as connection:
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=tables.metadata,
            transaction_per_migration=True,
            compare_server_default=True,
            render_item=render_item,
            process_revision_directives=number,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


if context.is_offline_mode():
    raise SystemExit("Migrations run against a database: set DATABASE_URL and leave out --sql.")
run()
