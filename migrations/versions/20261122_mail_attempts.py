"""What became of each attempt to hand a mail over; how double bookings and a client's address are found."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "emails",
        sa.Column("attempts", postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
    )
    op.create_index(
        "ix_notifications_double_booked",
        "notifications",
        [sa.text("split_part(subject_key, ':', 2)")],
        postgresql_where=sa.text("status = 'photographer-double-booked' AND state <> 'resolved'"),
    )
    op.create_index("ix_clients_email", "clients", [sa.text("lower(email)")])


def downgrade() -> None:
    op.drop_index("ix_clients_email", table_name="clients")
    op.drop_index("ix_notifications_double_booked", table_name="notifications")
    op.drop_column("emails", "attempts")
