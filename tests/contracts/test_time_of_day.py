"""Law 4: clocks are read in one place, and no datetime is stored without a zone."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import DateTime, insert, text
from sqlalchemy.exc import StatementError

from models.accounts import Token
from models.base import Instant
from models.database import transaction
from models.moment import now
from models.tables import metadata
from tests.contracts.source import calls, imports, is_within, production_modules, texts

THE_PLACE = "models.moment"
READ_THE_CLOCK = frozenset(
    {
        *("datetime.now", "datetime.utcnow", "datetime.today", "date.today"),
        *(
            "datetime.datetime.now",
            "datetime.datetime.utcnow",
            "datetime.datetime.today",
            "datetime.date.today",
        ),
        *("time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.strftime", "time.ctime"),
    }
)
"""`time.monotonic` and `time.perf_counter` measure spans; they do not know what time it is."""

NAIVE = datetime(2026, 12, 4, 11, 0)


def test_the_time_of_day_is_read_in_one_place():
    readers = {
        name for name, tree in production_modules().items() if READ_THE_CLOCK & {c for c, _ in calls(tree)}
    }
    assert readers == {THE_PLACE}


def test_no_module_takes_the_clock_by_another_name():
    for name, tree in production_modules().items():
        for node in tree.body:
            if getattr(node, "module", None) == "time":
                assert not {alias.name for alias in node.names} & {
                    "time",
                    "time_ns",
                    "localtime",
                    "gmtime",
                }, name


def test_now_is_aware_and_in_utc():
    assert now().tzinfo is UTC


def test_the_clocks_know_no_now():
    for name in production_modules():
        if is_within(name, "models.clock"):
            assert THE_PLACE not in imports(name), name


def test_only_the_clocks_turn_a_wall_time_into_an_instant():
    """Zones are known to `models.clock` alone (and checked by the settings); no SQL converts by a zone."""
    for name, tree in production_modules().items():
        if is_within(name, "models.clock"):
            continue
        zoned = {imported.split(".")[0] for imported in imports(name)} & {
            "zoneinfo",
            "pytz",
            "dateutil",
            "whenever",
        }
        assert not zoned or name == "settings", name
        called = {call for call, _ in calls(tree)}
        assert not called & {"datetime.combine", "datetime.strptime"}, name
        assert not any("at time zone" in sql.lower() for sql in texts(tree)), name


def test_every_column_for_an_instant_refuses_naive_datetimes():
    for table in metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, DateTime | Instant):
                assert isinstance(column.type, Instant), f"{table.name}.{column.name}"


def test_the_column_type_refuses_a_naive_datetime(database: None):
    with pytest.raises(StatementError, match="without a zone"), transaction() as connection:
        connection.execute(insert(Token).values(created_at=NAIVE))


@pytest.mark.parametrize("naive", [NAIVE, [NAIVE]], ids=["alone", "in a list"])
def test_the_driver_refuses_a_naive_datetime_in_any_statement(database: None, naive: object):
    with pytest.raises((ValueError, StatementError), match="without a zone"), transaction() as connection:
        connection.exec_driver_sql("SELECT %(at)s", {"at": naive})
    with pytest.raises((ValueError, StatementError), match="without a zone"), transaction() as connection:
        connection.execute(text("SELECT :at"), {"at": naive})


def test_what_comes_out_of_the_database_is_in_utc(database: None):
    from sqlalchemy import literal, select

    at = datetime(2026, 12, 4, 11, 0, tzinfo=UTC)
    with transaction() as connection:
        connection.exec_driver_sql("SET LOCAL TIME ZONE 'America/Denver'")
        given = connection.execute(select(literal(at, Instant()))).scalar_one()
    assert (given, given.tzinfo) == (at, UTC)
