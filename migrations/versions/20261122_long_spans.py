"""A measured duration may be longer than a week: who sends start and stop need not send how long that is."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint(op.f("ck_appointments_duration_within_a_week"), "appointments", type_="check")
    # NOT VALID: every row there is satisfies it, and reading them all would hold the table's lock.
    op.execute(
        "ALTER TABLE appointments ADD CONSTRAINT ck_appointments_duration_positive"
        " CHECK (time_duration_s >= 1) NOT VALID"
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_appointments_duration_positive"), "appointments", type_="check")
    op.execute(
        "ALTER TABLE appointments ADD CONSTRAINT ck_appointments_duration_within_a_week"
        " CHECK (time_duration_s BETWEEN 1 AND 604800) NOT VALID"
    )
