"""What is due is found by kind and age: the oldest of one kind without passing another kind's backlog, and first
attempts without passing the repeats of a provider's bad day."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

DUE = "state IN ('pending', 'unknown')"


def upgrade() -> None:
    op.drop_index("ix_commands_due", table_name="commands")
    op.create_index("ix_commands_due", "commands", ["kind", "available_at"], postgresql_where=sa.text(DUE))
    op.create_index(
        "ix_commands_due_first",
        "commands",
        ["kind", "available_at"],
        postgresql_where=sa.text(f"{DUE} AND attempts = 0"),
    )


def downgrade() -> None:
    op.drop_index("ix_commands_due_first", table_name="commands")
    op.drop_index("ix_commands_due", table_name="commands")
    op.create_index("ix_commands_due", "commands", ["available_at"], postgresql_where=sa.text(DUE))
