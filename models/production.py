"""What must not be in a production database."""

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from models import database
from settings import get_settings

DEMO_LABEL = "demo"
"""The label of the tokens that `flask demo seed` makes; their holders are known to whoever read `run.json`."""

_DEMO_TOKENS = text("SELECT count(*) FROM tokens WHERE label = :label AND revoked_at IS NULL")


def refuse_demo_data() -> None:
    """End a process that would serve a production database with demo data in it.

    Raises `SystemExit` with what to do. A database that is away is not asked: it may come later.
    """
    if get_settings().app_env != "production":
        return
    try:
        with database.transaction() as connection:
            found = int(connection.execute(_DEMO_TOKENS, {"label": DEMO_LABEL}).scalar_one())
    except SQLAlchemyError:
        return
    if found:
        raise SystemExit(
            f"A production start was refused: the database holds the demo data, {found} tokens of it in use."
            " Remove it with: flask demo reset --yes"
        )
