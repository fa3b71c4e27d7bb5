"""The migrations make exactly the tables that the models describe."""

import os
import subprocess
import sys

from sqlalchemy import CheckConstraint, inspect

from models.database import engine
from models.tables import metadata
from tests.contracts.source import ROOT


def test_nothing_is_left_to_migrate(configured: None, postgres_url: str):
    checked = subprocess.run(
        [sys.executable, "-m", "alembic", "check"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": postgres_url},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_constraints_are_named_as_in_the_models(database: None):
    """`alembic check` does not compare check constraints."""
    found = inspect(engine())
    for table in metadata.sorted_tables:
        declared = {str(c.name) for c in table.constraints if isinstance(c, CheckConstraint)}
        assert {entry["name"] for entry in found.get_check_constraints(table.name)} == declared, table.name
