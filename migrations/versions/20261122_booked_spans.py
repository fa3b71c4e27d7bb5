"""Who has a photographer at a time is read from the index alone: what the photographer does later is passed over
there, instead of being fetched row by row."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TAKEN = sa.text(
    "busy_until IS NOT NULL AND photographer_user_id IS NOT NULL"
    " AND cancelled IS NOT TRUE AND optional IS NOT TRUE"
)
BEFORE = ("ix_appointments_busy", ["photographer_user_id", "busy_until"])
NOW = ("ix_appointments_busy_span", ["photographer_user_id", "busy_until", "busy_from"])


def upgrade() -> None:
    replace(BEFORE, NOW)


def downgrade() -> None:
    replace(NOW, BEFORE)


def replace(old: tuple[str, list[str]], new: tuple[str, list[str]]) -> None:
    # Appointments go on being written meanwhile. One that was broken off is left behind unusable, so that a second
    # run has to begin by dropping it.
    name, columns = new
    with op.get_context().autocommit_block():
        op.drop_index(name, table_name="appointments", if_exists=True, postgresql_concurrently=True)
        op.create_index(name, "appointments", columns, postgresql_where=TAKEN, postgresql_concurrently=True)
        op.drop_index(old[0], table_name="appointments", if_exists=True, postgresql_concurrently=True)
