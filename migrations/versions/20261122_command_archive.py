"""The archive of commands that were done, and a view of all commands."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

COLUMNS = (
    "id, appointment_id, kind, sequence, recipient, state, attempts, doubts, misses, send_id, available_at,"
    " published_at, publishes, lease_token, lease_until, doubt_since, last_error, request_id, created_at, finished_at"
)


def upgrade() -> None:
    op.create_table(
        "commands_archive",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("appointment_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("sequence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("recipient", sa.String(length=320), server_default="", nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("doubts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("misses", sa.Integer(), server_default="0", nullable=False),
        sa.Column("send_id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column(
            "available_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("publishes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("doubt_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state = 'done'", name=op.f("ck_commands_archive_only_done")),
        sa.ForeignKeyConstraint(
            ["appointment_id"],
            ["appointments.id"],
            name=op.f("fk_commands_archive_appointment_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commands_archive")),
    )
    op.create_index(
        "ix_commands_archive_appointment_id", "commands_archive", ["appointment_id"], unique=False
    )
    op.drop_constraint(op.f("fk_emails_command_id"), "emails", type_="foreignkey")
    op.drop_constraint(op.f("fk_notifications_command_id"), "notifications", type_="foreignkey")
    op.execute(
        f"CREATE VIEW all_commands AS SELECT {COLUMNS} FROM commands UNION ALL SELECT {COLUMNS} FROM commands_archive"
    )


def downgrade() -> None:
    op.execute("DROP VIEW all_commands")
    op.create_foreign_key(
        op.f("fk_notifications_command_id"),
        "notifications",
        "commands",
        ["command_id"],
        ["id"],
        ondelete="CASCADE",
    )
    op.create_foreign_key(
        op.f("fk_emails_command_id"), "emails", "commands", ["command_id"], ["id"], ondelete="CASCADE"
    )
    op.drop_index("ix_commands_archive_appointment_id", table_name="commands_archive")
    op.drop_table("commands_archive")
