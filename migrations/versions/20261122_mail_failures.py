"""What the provider tells, what people did about it, and more facts on a notification. It only adds."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STATES = "state IN ('open', 'retrying', 'resolved', 'ignored')"
STATES_BEFORE = "state IN ('open', 'resolved', 'ignored')"
ROUTES = (
    ("appointments", "POST", "/api/v1/appointments/resend_confirmation"),
    ("notifications", "GET", "/api/v1/notifications/index"),
    ("notifications", "GET", "/api/v1/notifications/read"),
    ("notifications", "POST", "/api/v1/notifications/resend"),
    ("notifications", "POST", "/api/v1/notifications/correct"),
    ("notifications", "POST", "/api/v1/notifications/resolve"),
    ("notifications", "POST", "/api/v1/notifications/ignore"),
    ("webhooks", "POST", "/api/v1/webhooks/mandrill"),
)


def facts() -> list[sa.Column]:
    """The new columns of a notification; nullable or with a constant default, so that no row is touched."""
    return [
        sa.Column("cause_key", sa.String(length=255), nullable=True),
        sa.Column("failure_class", sa.String(length=16), nullable=True),
        sa.Column("mail_kind", sa.String(length=32), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=True),
        sa.Column("send_id", sa.Uuid(), nullable=True),
        sa.Column("provider_id", sa.String(length=80), nullable=True),
        sa.Column("reason", sa.String(length=128), nullable=True),
        sa.Column("worker", sa.String(length=255), nullable=True),
        sa.Column("task_id", sa.String(length=64), nullable=True),
        sa.Column("release", sa.String(length=255), nullable=True),
        sa.Column("endpoint_host", sa.String(length=255), nullable=True),
        sa.Column("sentry_event_id", sa.String(length=32), nullable=True),
        sa.Column("incident_id", sa.BigInteger(), nullable=True),
        sa.Column("occurrences", sa.Integer(), server_default="1", nullable=False),
    ]


def upgrade() -> None:
    op.create_table(
        "mail_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("provider_id", sa.String(length=80), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("send_id", sa.Uuid(), nullable=True),
        sa.Column("recipient", sa.String(length=320), server_default="", nullable=False),
        sa.Column("reason", sa.String(length=128), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_events")),
        sa.UniqueConstraint("provider_id", "event", "at", name=op.f("uq_mail_events_provider_id_event_at")),
    )
    op.create_index(op.f("ix_mail_events_send_id"), "mail_events", ["send_id"])
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("via", sa.String(length=63), nullable=False),
        sa.Column("scope", sa.String(length=63), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("detail", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("idempotency_key", sa.String(length=255), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    op.create_index("ix_audit_entries_subject", "audit_entries", ["subject", "subject_id", "at"])
    op.create_index(
        "uq_audit_entries_idempotency",
        "audit_entries",
        ["action", "scope", "idempotency_key"],
        unique=True,
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )
    op.add_column("emails", sa.Column("last_event", sa.String(length=40), nullable=True))
    op.add_column("emails", sa.Column("last_event_at", sa.DateTime(timezone=True), nullable=True))
    for column in facts():
        op.add_column("notifications", column)
    op.create_foreign_key(
        op.f("fk_notifications_incident_id"),
        "notifications",
        "notifications",
        ["incident_id"],
        ["id"],
        ondelete="SET NULL",
    )
    op.create_index(op.f("ix_notifications_incident_id"), "notifications", ["incident_id"])
    op.create_index(op.f("ix_notifications_send_id"), "notifications", ["send_id"])
    op.create_index("ix_notifications_newest", "notifications", ["last_at", "id"])
    op.create_index(
        "ix_notifications_cause_key",
        "notifications",
        ["cause_key", "last_at"],
        postgresql_where=sa.text("cause_key IS NOT NULL"),
    )
    op.drop_constraint(op.f("ck_notifications_state_known"), "notifications", type_="check")
    op.create_check_constraint(op.f("ck_notifications_state_known"), "notifications", STATES)
    op.create_check_constraint(
        op.f("ck_notifications_failure_class_known"),
        "notifications",
        "failure_class IN ('not-sent', 'unknown', 'permanent', 'held')",
    )
    for service, method, path in ROUTES:
        op.execute(f"INSERT INTO services (slug) VALUES ('{service}') ON CONFLICT (slug) DO NOTHING")
        op.execute(
            f"INSERT INTO routes (service_id, method, path) SELECT id, '{method}', '{path}'"
            f" FROM services WHERE slug = '{service}' ON CONFLICT DO NOTHING"
        )


def downgrade() -> None:
    for _service, method, path in ROUTES:
        op.execute(f"DELETE FROM routes WHERE method = '{method}' AND path = '{path}'")
    op.execute("DELETE FROM services WHERE slug IN ('notifications', 'webhooks')")
    op.execute("UPDATE notifications SET state = 'open' WHERE state = 'retrying'")
    op.drop_constraint(op.f("ck_notifications_failure_class_known"), "notifications", type_="check")
    op.drop_constraint(op.f("ck_notifications_state_known"), "notifications", type_="check")
    op.create_check_constraint(op.f("ck_notifications_state_known"), "notifications", STATES_BEFORE)
    op.drop_index("ix_notifications_cause_key", table_name="notifications")
    op.drop_index("ix_notifications_newest", table_name="notifications")
    op.drop_index(op.f("ix_notifications_send_id"), table_name="notifications")
    op.drop_index(op.f("ix_notifications_incident_id"), table_name="notifications")
    op.drop_constraint(op.f("fk_notifications_incident_id"), "notifications", type_="foreignkey")
    for column in reversed(facts()):
        op.drop_column("notifications", column.name)
    op.drop_column("emails", "last_event_at")
    op.drop_column("emails", "last_event")
    op.drop_table("audit_entries")
    op.drop_table("mail_events")
