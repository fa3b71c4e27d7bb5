"""The notifications that are not over are found by age without passing all that ever were."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

UNFINISHED = sa.text("state IN ('open', 'retrying')")


def upgrade() -> None:
    op.create_index(
        "ix_notifications_unfinished", "notifications", ["last_at", "id"], postgresql_where=UNFINISHED
    )


def downgrade() -> None:
    op.drop_index("ix_notifications_unfinished", table_name="notifications")
