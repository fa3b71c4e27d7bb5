"""Who changed what of an appointment; when its photographer is taken; phone numbers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ROUTES = (
    ("appointments", "PUT", "/api/v1/appointments/update"),
    ("appointments", "PUT", "/api/v1/appointments/cancel"),
    ("appointments", "GET", "/api/v1/appointments/history"),
    ("sessions", "POST", "/api/v1/sessions/create"),
    ("sessions", "GET", "/api/v1/sessions/read"),
    ("sessions", "POST", "/api/v1/sessions/end"),
    ("users", "POST", "/api/v1/users/client_register"),
)


def upgrade() -> None:
    op.create_table(
        "appointment_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("appointment_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("changes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("updated_at_mt", sa.String(length=255), nullable=False),
        sa.Column("caller_kind", sa.String(length=16), nullable=False),
        sa.Column("caller_role", sa.String(length=16), nullable=False),
        sa.Column("caller_name", sa.String(length=320), nullable=False),
        sa.Column("caller_user_id", sa.BigInteger(), nullable=True),
        sa.Column("caller_application_id", sa.BigInteger(), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.CheckConstraint(
            "action IN ('update', 'cancel')", name=op.f("ck_appointment_changes_action_known")
        ),
        sa.CheckConstraint(
            "caller_kind IN ('application', 'session')", name=op.f("ck_appointment_changes_caller_kind_known")
        ),
        sa.ForeignKeyConstraint(
            ["appointment_id"],
            ["appointments.id"],
            name=op.f("fk_appointment_changes_appointment_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["caller_application_id"],
            ["applications.id"],
            name=op.f("fk_appointment_changes_caller_application_id"),
        ),
        sa.ForeignKeyConstraint(
            ["caller_user_id"],
            ["users.id"],
            name=op.f("fk_appointment_changes_caller_user_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appointment_changes")),
    )
    op.create_index(
        "ix_appointment_changes_appointment_id", "appointment_changes", ["appointment_id", "id"], unique=False
    )
    op.add_column("appointments", sa.Column("busy_from", sa.DateTime(timezone=True), nullable=True))
    op.add_column("appointments", sa.Column("busy_until", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_appointments_busy",
        "appointments",
        ["photographer_user_id", "busy_until"],
        unique=False,
        postgresql_where=sa.text(
            "busy_until IS NOT NULL AND photographer_user_id IS NOT NULL AND cancelled IS NOT TRUE AND optional IS NOT TRUE"
        ),
    )
    op.add_column("clients", sa.Column("phone", sa.String(length=32), nullable=True))
    op.add_column("users", sa.Column("phone", sa.String(length=32), nullable=True))
    op.execute("INSERT INTO services (slug) VALUES ('sessions'), ('users') ON CONFLICT DO NOTHING")
    for service, method, path in ROUTES:
        op.execute(
            f"INSERT INTO routes (service_id, method, path) SELECT id, '{method}', '{path}'"
            f" FROM services WHERE slug = '{service}' ON CONFLICT DO NOTHING"
        )


def downgrade() -> None:
    for _service, method, path in ROUTES:
        op.execute(f"DELETE FROM routes WHERE method = '{method}' AND path = '{path}'")
    op.execute("DELETE FROM services WHERE slug IN ('sessions', 'users')")
    op.drop_column("users", "phone")
    op.drop_column("clients", "phone")
    op.drop_index(
        "ix_appointments_busy",
        table_name="appointments",
        postgresql_where=sa.text(
            "busy_until IS NOT NULL AND photographer_user_id IS NOT NULL AND cancelled IS NOT TRUE AND optional IS NOT TRUE"
        ),
    )
    op.drop_column("appointments", "busy_until")
    op.drop_column("appointments", "busy_from")
    op.drop_index("ix_appointment_changes_appointment_id", table_name="appointment_changes")
    op.drop_table("appointment_changes")
