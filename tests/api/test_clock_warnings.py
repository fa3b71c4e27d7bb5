"""What a create says at once about times that cannot be right; it is stored all the same."""

import pytest

from tests.client import ApiClient, Reply
from tests.world import World

DAY = {"date_start_local": "2026-07-07", "time_start_local": "10:00"}


def warnings_of(reply: Reply) -> dict[str | None, str]:
    """The warnings by parameter, without the one about a missing order."""
    assert reply.status == "action-successful", reply.body
    return {
        w["param"]: w["message"] for w in reply.body["warnings"] if "belongs to no order" not in w["message"]
    }


@pytest.mark.parametrize(
    ("params", "param", "word"),
    [
        ({"date_start_local": "2026-03-08", "time_start_local": "2:30"}, "time_start_local", "03:30"),
        ({"date_start_local": "2026-11-01", "time_start_local": "1:30"}, "time_start_local", "twice"),
        ({**DAY, "date_stop_local": "2026-07-07", "time_stop_local": "9:00"}, None, "stop"),
        ({**DAY, "time_duration": "1:00", "time_duration_s": 7200}, "time_duration_s", "2 h"),
        (
            {**DAY, "date_stop_local": "2026-07-07", "time_stop_local": "12:00", "time_duration_s": 3600},
            "time_duration_s",
            "2 h apart",
        ),
    ],
    ids=["in a gap", "in a fold", "stop before start", "two durations", "duration and stop"],
)
def test_a_contradiction_that_shows_at_once_is_warned_of(
    api: ApiClient, world: World, params: dict[str, object], param: str | None, word: str
) -> None:
    reply = api.create(order_id=world.order(zone="America/Denver").id, **params)
    warned = warnings_of(reply)
    assert list(warned) == [param]
    assert word in warned[param], warned


def test_times_that_agree_are_not_warned_of(api: ApiClient, world: World) -> None:
    assert warnings_of(api.create(order_id=world.order().id, **DAY, time_duration="1:30")) == {}


def test_without_a_zone_only_what_needs_none_is_warned_of(api: ApiClient, world: World) -> None:
    order = world.order(zone=None)
    gap = api.create(order_id=order.id, date_start_local="2026-03-08", time_start_local="2:30")
    assert warnings_of(gap) == {}
    office_gap = api.create(order_id=order.id, date_start_office="2026-03-08", time_start_office="2:30")
    assert list(warnings_of(office_gap)) == ["time_start_office"]


@pytest.mark.parametrize(
    "params",
    [
        {
            "date_start_local": "2027-03-13",
            "time_start_local": "22:00",
            "date_stop_local": "2027-03-14",
            "time_stop_local": "06:00",
            "time_duration_s": 7 * 3600,
        },
        {
            "date_start_local": "2026-11-01",
            "time_start_local": "1:50",
            "date_stop_local": "2026-11-01",
            "time_stop_local": "1:20",
        },
    ],
    ids=["a night that is an hour shorter", "an hour that comes twice"],
)
def test_what_the_change_of_the_clocks_may_explain_is_not_warned_of_before_the_zone_is_known(
    api: ApiClient, world: World, params: dict[str, object]
) -> None:
    order = world.order(zone=None, zip="37405")
    assert warnings_of(api.create(order_id=order.id, **params)) == {}
