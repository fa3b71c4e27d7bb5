"""What a mail about a change has to know beyond the appointment's row, in both tables of commands and the view."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BEFORE = (
    "id, appointment_id, kind, sequence, recipient, state, attempts, doubts, misses, send_id, available_at,"
    " published_at, publishes, lease_token, lease_until, doubt_since, last_error, request_id, created_at, finished_at"
)


def view(columns: str) -> str:
    return f"all_commands AS SELECT {columns} FROM commands UNION ALL SELECT {columns} FROM commands_archive"


def upgrade() -> None:
    # Nullable and without a default: no row is touched.
    for table in ("commands", "commands_archive"):
        op.add_column(table, sa.Column("facts", postgresql.JSONB(), nullable=True))
    op.execute(f"CREATE OR REPLACE VIEW {view(f'{BEFORE}, facts')}")


def downgrade() -> None:
    op.execute("DROP VIEW all_commands")
    op.execute(f"CREATE VIEW {view(BEFORE)}")
    for table in ("commands_archive", "commands"):
        op.drop_column(table, "facts")
