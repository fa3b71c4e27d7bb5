"""What is due again is found by itself: looking for it passes none of the first attempts of a long backlog."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

NAME = "ix_commands_due_repeats"
REPEATS = sa.text("state IN ('pending', 'unknown') AND attempts > 0")


def upgrade() -> None:
    # Commands go on being written meanwhile. One that was broken off is left behind unusable, so that a second run has
    # to begin by dropping it.
    with op.get_context().autocommit_block():
        op.drop_index(NAME, table_name="commands", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            NAME,
            "commands",
            ["kind", "available_at"],
            postgresql_where=REPEATS,
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(NAME, table_name="commands", if_exists=True, postgresql_concurrently=True)
