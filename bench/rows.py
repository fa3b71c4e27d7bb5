"""Years of appointments, made inside the database in a minute or two: what lists and plans are measured on.

The rows are as different as the real ones where a plan could trip over it: most orders belong to small
companies and a tenth of them to one large one; company 1 ended long ago; what is still only requested lies
mostly ahead; a part has no time of day yet, a part takes whole days, a part has no order.
"""

from sqlalchemy import Connection, create_engine, text

from bench.servers import Site

COMPANIES = 500
LARGE_COMPANY = 500
ENDED_COMPANY = 1
PHOTOGRAPHERS = 200

_RECORDS = (
    "INSERT INTO companies (id, name) SELECT n, 'Company ' || n FROM generate_series(1, :companies) AS n",
    "INSERT INTO users (email, name)"
    " SELECT 'photographer' || n || '@rows.example.com', 'Photographer ' || n"
    " FROM generate_series(1, :photographers) AS n",
    "INSERT INTO employees (user_id, duties)"
    " SELECT id, '{photographer}' FROM users WHERE email LIKE 'photographer%@rows.example.com'",
    "INSERT INTO properties (id, address, time_zone, latitude, longitude, zip)"
    " SELECT n, n || ' Larimer Street, Denver, CO 80202', 'America/Denver', 39.753, -105.0002, '80202'"
    " FROM generate_series(1, greatest(:number / 10, 1)) AS n",
    "INSERT INTO clients (id, email, name)"
    " SELECT n, 'client' || n || '@rows.example.com', 'Client ' || n"
    " FROM generate_series(1, greatest(:number / 20, 1)) AS n",
    # A few clients order much and most order little: the square of an even draw.
    "INSERT INTO orders (id, client_id, company_id, property_id)"
    " SELECT n, 1 + floor(power(hashint4(n) / 4294967296.0 + 0.5, 2) * greatest(:number / 20, 1)),"
    " CASE WHEN n <= :number / 200 THEN :ended WHEN n % 10 = 0 THEN :large ELSE 2 + n % (:companies - 2) END,"
    " 1 + n % greatest(:number / 10, 1)"
    " FROM generate_series(1, greatest(:number / 3, 1)) AS n",
)
_APPOINTMENTS = """
INSERT INTO appointments (uuid, summary, location, confirmed, cancelled, optional, allday, order_id,
  photographer_user_id, photographer_name, date_start_local, date_start_office, date_start_utc, date_stop_local,
  time_start_local, time_start_office, time_start_utc, starts_at, stops_at, busy_from, busy_until,
  start_resolution, stop_resolution, zone_name, zone_source, office_zone, tzdata_version, time_duration,
  time_duration_s, created_by, updated_by, created_in, updated_at_mt, updated_at_mt_instant, supplied, fingerprint,
  caller_kind, caller_role, caller_user_id, caller_application_id, request_id, inserted_at, changed_at,
  reconciled_at)
SELECT gen_random_uuid(), 'Photo shoot ' || n, 'Unit ' || n % 90, confirmed, cancelled, optional, allday,
  CASE WHEN n % 50 > 0 THEN 1 + n / 3 % greatest(:number / 3, 1) END,
  photographers.ids[1 + hash % 200], 'Photographer',
  CASE WHEN NOT undecided OR n % 2 = 0 THEN day END, CASE WHEN NOT undecided THEN day END,
  CASE WHEN NOT undecided THEN day END, CASE WHEN NOT undecided THEN day END,
  CASE WHEN timed THEN time '09:00' END, CASE WHEN timed THEN time '09:00' END,
  CASE WHEN timed THEN time '16:00' END,
  CASE WHEN timed THEN start END, CASE WHEN timed THEN start + interval '90 minutes' END,
  CASE WHEN NOT undecided THEN start END, CASE WHEN NOT undecided THEN start + interval '90 minutes' END,
  CASE WHEN timed THEN 'exact' WHEN allday THEN 'allday' END, NULL, 'America/Denver', 'property',
  'America/Denver', '2026c', '1:30', 5400, 'rows', 'rows', 'planoauth', '2026-11-20 10:00:00', start, '{}',
  '\\x00', 'session', 'employee',
  CASE WHEN n % 50 = 0 THEN photographers.ids[1 + n / 50 % 200] END, applications.id, 'rows',
  start - interval '14 days', start - interval '7 days', start - interval '7 days'
FROM (
  SELECT n, hash, undecided, allday AND NOT undecided AS allday, NOT allday AND NOT undecided AS timed, start,
    (start - interval '7 hours')::date AS day,
    CASE WHEN n < :number * 0.98 THEN hash / 7 % 100 >= 10 ELSE hash / 7 % 100 >= 60 END AS confirmed,
    hash / 11 % 100 < 8 OR (n < :number * 0.98 AND hash / 7 % 100 < 10 AND hash / 7 % 100 > 0) AS cancelled,
    hash / 13 % 200 = 0 AS optional
  FROM (
    SELECT n, abs(hashint4(n)::bigint) AS hash, hashint4(n + 7) % 12 = 0 AS undecided,
      hashint4(n + 9) % 33 = 0 AS allday,
      timestamptz '2022-12-01 16:00:00+00' + interval '4 years' * (n / CAST(:number AS float8))
        + make_interval(mins => 30 * (hashint4(n + 3) % 16)) AS start
    FROM generate_series(1, :number) AS n
  ) AS drawn
) AS row,
(SELECT array_agg(id ORDER BY id) AS ids FROM users WHERE email LIKE 'photographer%@rows.example.com') AS photographers,
(SELECT id FROM applications WHERE slug = 'planoauth') AS applications
"""


def make_appointments(connection: Connection, number: int = 1_000_000) -> None:
    """Fill a migrated, empty database: `number` appointments over the four years up to December 2026.

    A million take one or two minutes. Statistics are up to date afterwards; the caller commits.
    """
    values = {
        "number": number,
        "companies": COMPANIES,
        "large": LARGE_COMPANY,
        "ended": ENDED_COMPANY,
        "photographers": PHOTOGRAPHERS,
    }
    for statement in (*_RECORDS, _APPOINTMENTS):
        wanted = {name: value for name, value in values.items() if f":{name}" in statement}
        connection.execute(text(statement), wanted)
    for table in ("companies", "properties", "clients", "orders"):
        connection.execute(text(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))"))
    for table in ("companies", "users", "clients", "properties", "orders", "appointments"):
        connection.execute(text(f"ANALYZE {table}"))


def fill(site: Site, number: int) -> None:
    """The same on a site of the bench that has no records yet."""
    engine = create_engine(site.postgres.url())
    with engine.begin() as connection:
        make_appointments(connection, number)
    engine.dispose()
    site.query("VACUUM ANALYZE")
