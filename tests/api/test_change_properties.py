"""Any sequence of create, update and cancel keeps what history, clocks and mails promise."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.appointments.changed_record import asked
from models import database
from models.appointment_clocks import read_clocks
from models.appointment_history import at_creation
from models.clock import Zone, ZoneFinding, reconcile
from settings import get_settings
from tests.api.changing import cancel, deliver_all, history, reconcile_all, stamp, update
from tests.client import ApiClient
from tests.world import World

ZONE = "America/New_York"
DAYS = st.sampled_from(["2026-11-01", "2026-12-04", "2027-03-14"])
HOURS = st.sampled_from(["01:30:00", "09:00:00", "2:30 PM", "23:15"])
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        **{f"date_{end}_{frame}": DAYS for end in ("start", "stop") for frame in ("local", "utc", "office")},
        **{f"time_{end}_{frame}": HOURS for end in ("start", "stop") for frame in ("local", "utc", "office")},
        "time_duration": st.sampled_from(["1:00", "90 min"]),
        "time_duration_s": st.sampled_from([3600, 7200]),
        "allday": st.booleans(),
        "confirmed": st.booleans(),
        "optional": st.booleans(),
        "summary": st.sampled_from(["a", "b"]),
        "notes": st.sampled_from(["x", "y"]),
        "cancelled": st.booleans(),
        "photographer": st.integers(0, 1),
    },
)
CLEARS = st.lists(
    st.sampled_from(["summary", "notes", "time_start_utc", "date_stop_local", "allday"]), max_size=2
)
STEP = st.tuples(
    st.sampled_from(["update", "update", "update", "cancel", "reconcile", "deliver"]), FIELDS, CLEARS
)


@pytest.mark.usefixtures("database")
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(first=FIELDS, steps=st.lists(STEP, min_size=1, max_size=5))
def test_history_clocks_and_mails_hold_together(api: ApiClient, world: World, first, steps):
    order, photographers = world.order(zone=ZONE), [world.photographer(), world.photographer()]

    def params(drawn):
        sent = {name: value for name, value in drawn.items() if name != "photographer"}
        if "photographer" in drawn:
            sent["photographer_user_id"] = photographers[drawn["photographer"]].id
        return sent

    made = api.create({"order_id": order.id, **params(first)}, updated_at_mt=stamp(0)).appointment["id"]
    born = asked(world.appointment(made))
    sequence = 0
    for number, (action, drawn, clear) in enumerate(steps, 1):
        if action == "update":
            sent = params(drawn)
            reply = update(api, made, number, **sent, clear=[name for name in clear if name not in sent])
        elif action == "cancel":
            reply = cancel(api, made, number)
        else:
            (reconcile_all if action == "reconcile" else deliver_all)(world)
            continue
        assert reply.code == 200, reply.body
        assert reply.appointment["sequence"] >= sequence
        sequence = reply.appointment["sequence"]
        assert_one_mail_for_each_change(world, made)
    reconcile_all(world)
    assert_one_mail_for_each_change(world, made)

    row = world.appointment(made)
    with database.transaction() as connection:
        assert at_creation(connection, made, asked(row)) == born
        clocks = read_clocks(connection, made)
    assert json.loads(json.dumps(row["supplied"])) == clocks.supplied.to_json()
    fresh = reconcile(clocks.snapshot, ZoneFinding(Zone(ZONE, "property")), get_settings().office_time_zone)
    assert {name: row[name] for name in fresh.values} == dict(fresh.values)
    assert (row["starts_at"], row["stops_at"]) == (fresh.start_instant, fresh.stop_instant)
    waiting = "SELECT count(*) AS n FROM commands WHERE appointment_id = :id AND state = 'waiting'"
    assert world.row(waiting, id=made)["n"] == 0
    assert history(api, made, limit=200).body["data"]["history"][-1]["action"] == "created"


def assert_one_mail_for_each_change(world: World, appointment_id: int) -> None:
    doubled = world.rows(
        "SELECT recipient, sequence FROM commands WHERE appointment_id = :id AND kind LIKE 'send-%'"
        " AND NOT (state = 'done' AND last_error IS NOT NULL) GROUP BY recipient, sequence HAVING count(*) > 1",
        id=appointment_id,
    )
    unsent = world.rows(
        "SELECT recipient FROM commands WHERE appointment_id = :id AND kind LIKE 'send-%'"
        " AND state IN ('waiting', 'pending') GROUP BY recipient HAVING count(*) > 1",
        id=appointment_id,
    )
    assert (doubled, unsent) == ([], [])
