"""A deployment migrates first and rolls its processes afterwards: each migration only expands.

What takes something away from code that still runs is a migration of its own, named `…_contract_…`, that is
deployed when nobody uses the thing any more (docs/deploy.md).
"""

import ast
import re
from pathlib import Path

import pytest

from tests.contracts.source import ROOT

VERSIONS = sorted((ROOT / "migrations" / "versions").glob("*.py"))
TAKES_AWAY = {"drop_table", "drop_column", "rename_table", "drop_table_comment"}
NEW_DEMANDS = {
    "create_unique_constraint",
    "create_check_constraint",
    "create_foreign_key",
    "create_exclude_constraint",
}
SQL_THAT_TAKES_AWAY = re.compile(
    r"\b(DROP\s+(TABLE|COLUMN|TYPE|SCHEMA)|RENAME\s+(TO|COLUMN)|SET\s+NOT\s+NULL|TRUNCATE|ALTER\s+COLUMN\s+\w+\s+TYPE)\b",
    re.IGNORECASE,
)


def contractions(source: str) -> list[str]:
    """What the `upgrade` of a migration takes away from older code, as `line: operation`."""
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if getattr(node, "name", "") != "downgrade"]
    calls = sorted(
        (node for node in ast.walk(tree) if isinstance(node, ast.Call)), key=lambda call: call.lineno
    )
    tables = [call for call in calls if _operation(call) == "create_table"]
    in_new_tables = {id(part) for table in tables for part in ast.walk(table)}
    added = [call for call in calls if _is_column(call) and id(call) not in in_new_tables]
    # On new tables and columns nobody writes yet; a wider form of a constraint that goes away asks for less.
    free = {_text(call.args[0]) for call in [*tables, *added]}
    free |= {_text(call.args[0]) for call in calls if _operation(call) == "drop_constraint"}
    return [f"{call.lineno}: add_column" for call in added if _is_strict(call)] + [
        f"{call.lineno}: {_operation(call)}" for call in calls if _contracts(call, free)
    ]


def _contracts(call: ast.Call, free: set[str]) -> bool:
    named = {word.arg: word.value for word in call.keywords}
    match _operation(call):
        case "alter_column":
            stricter = ast.unparse(named["nullable"]) == "False" if "nullable" in named else False
            return stricter or bool(named.keys() & {"new_column_name", "type_"})
        case "execute":
            return any(SQL_THAT_TAKES_AWAY.search(said) for said in _texts(call))
        case operation if operation in NEW_DEMANDS:
            words = set(re.findall(r"\w+", " ".join(_texts(call))))
            return not words & free
        case operation:
            return operation in TAKES_AWAY


def _is_column(call: ast.Call) -> bool:
    return ast.unparse(call.func) in ("sa.Column", "Column")


def _is_strict(column: ast.Call) -> bool:
    """Whether rows of older code would have to fill it."""
    details = {word.arg: ast.unparse(word.value) for word in column.keywords}
    generated = any(
        "Identity" in ast.unparse(part) or "Computed" in ast.unparse(part) for part in column.args
    )
    return details.get("nullable") == "False" and "server_default" not in details and not generated


def _operation(call: ast.Call) -> str:
    called = ast.unparse(call.func)
    return called.partition("op.")[2] if called.startswith(("op.", "batch_op.")) else ""


def _texts(node: ast.AST) -> list[str]:
    return [
        each.value
        for each in ast.walk(node)
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    ]


def _text(node: ast.expr) -> str:
    return (_texts(node) or [ast.unparse(node)])[0]


@pytest.mark.parametrize("migration", VERSIONS, ids=lambda path: path.stem)
def test_a_migration_only_expands_unless_its_name_says_otherwise(migration: Path) -> None:
    if "_contract_" not in migration.name:
        assert contractions(migration.read_text()) == []


CONTRACTING = [
    'op.drop_column("commands", "misses")',
    'op.drop_table("emails")',
    'op.rename_table("emails", "mails")',
    'op.alter_column("commands", "misses", new_column_name="denials")',
    'op.alter_column("commands", "last_error", nullable=False)',
    'op.alter_column("commands", "misses", type_=sa.BigInteger())',
    'op.add_column("commands", sa.Column("weight", sa.Integer(), nullable=False))',
    'for column in (sa.Column("weight", sa.Integer(), nullable=False),): op.add_column("commands", column)',
    'op.create_unique_constraint("uq", "commands", ["send_id"])',
    'op.create_check_constraint("ck", "commands", "misses >= 0")',
    'op.execute("ALTER TABLE commands DROP COLUMN misses")',
    'op.execute("ALTER TABLE commands ALTER COLUMN last_error SET NOT NULL")',
    'op.execute("ALTER TABLE emails RENAME TO mails")',
]
EXPANDING = [
    'op.add_column("commands", sa.Column("weight", sa.Integer(), nullable=True))',
    'op.add_column("commands", sa.Column("weight", sa.Integer(), server_default="0", nullable=False))',
    'op.create_index("ix", "commands", ["send_id"])',
    'op.drop_index("ix", table_name="commands")',
    'op.alter_column("commands", "last_error", nullable=True)',
    'op.drop_constraint(op.f("fk"), "emails", type_="foreignkey")',
    'op.drop_constraint("ck", "emails"); op.create_check_constraint("ck", "emails", "true")',
    'op.create_table("new", sa.Column("id", sa.Integer(), nullable=False))',
    'op.create_table("new", sa.Column("id", sa.Integer())); op.create_check_constraint("ck", "new", "id > 0")',
    'op.add_column("t", sa.Column("weight", sa.Integer())); op.create_check_constraint("ck", "t", "weight > 0")',
    'op.execute("CREATE VIEW everything AS SELECT 1")',
]


@pytest.mark.parametrize("operation", CONTRACTING)
def test_what_takes_something_away_is_recognised(operation: str) -> None:
    assert len(contractions(f"def upgrade():\n    {operation}\n")) == 1


@pytest.mark.parametrize("operation", EXPANDING)
def test_what_only_adds_is_let_through(operation: str) -> None:
    assert contractions(f"def upgrade():\n    {operation}\n") == []
