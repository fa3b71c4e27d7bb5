"""What lists of appointments are read by, and the routes that read them."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

START = "coalesce(starts_at, busy_from)"
DAY = "coalesce(date_start_local, date_start_office, date_start_utc, requested_date)"
STATUS = "greatest(4 * coalesce(cancelled::int, 0), 2 * coalesce(optional::int, 0), coalesce(confirmed::int, 0))"
INDEXES = (
    ("ix_appointments_start", (START, "id"), f"{START} IS NOT NULL"),
    ("ix_appointments_status", (STATUS, START, "id"), f"{START} IS NOT NULL"),
    ("ix_appointments_undecided", (DAY, "id"), f"{START} IS NULL"),
    ("ix_appointments_changed", ("greatest(changed_at, reconciled_at)", "id"), None),
    (
        "ix_appointments_without_order",
        ("caller_user_id",),
        "order_id IS NULL AND caller_user_id IS NOT NULL",
    ),
)
STATISTICS = {"start": START, "status": STATUS, "day": DAY}
ROUTES = ("/api/v1/appointments/read", "/api/v1/appointments/index")


def upgrade() -> None:
    for path in ROUTES:
        op.execute(
            f"INSERT INTO routes (service_id, method, path) SELECT id, 'GET', '{path}'"
            " FROM services WHERE slug = 'appointments' ON CONFLICT DO NOTHING"
        )
    # On a large table each takes seconds, in which appointments go on being written. One that was broken off
    # is left behind unusable, so that a second run has to begin by dropping it.
    with op.get_context().autocommit_block():
        for name, parts, where in INDEXES:
            op.drop_index(name, table_name="appointments", if_exists=True, postgresql_concurrently=True)
            op.create_index(
                name,
                "appointments",
                [sa.text(part) for part in parts],
                postgresql_where=None if where is None else sa.text(where),
                postgresql_concurrently=True,
            )


    # The planner takes no estimate from an index that has a part of the rows only.
    for name, expression in STATISTICS.items():
        op.execute(f"CREATE STATISTICS IF NOT EXISTS appointments_{name} ON ({expression}) FROM appointments")
    op.execute("ANALYZE appointments")


def downgrade() -> None:
    for name in STATISTICS:
        op.execute(f"DROP STATISTICS appointments_{name}")
    with op.get_context().autocommit_block():
        for name, _parts, _where in reversed(INDEXES):
            op.drop_index(name, table_name="appointments", postgresql_concurrently=True)
    for path in ROUTES:
        op.execute(f"DELETE FROM routes WHERE method = 'GET' AND path = '{path}'")
