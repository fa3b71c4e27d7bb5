"""What a create stores: all 50 parameters as they were sent, and what the contract fills in (section 5)."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from api.appointment_params import CREATE_PARAMS
from models.clock import Supplied
from models.moment import now
from tests.client import ApiClient
from tests.world import World

OF_THE_REQUEST = {"token", "application", "session_view"}
"""Parameters that are about the request; the appointment has no column for them."""

WEB: dict[str, Any] = {
    "application": "planoorder",
    "session_view": "none",
    "confirmed": True,
    "cancelled": True,
    "allday": False,
    "appt_type": "photo shoot",
    "confirmed_at": "2026-11-22T21:05:09Z",
    "confirmed_by": "Dana Whitfield",
    "date_start_local": "2026-12-04",
    "date_start_office": "2026-12-04",
    "date_stop_local": "2026-12-04",
    "date_stop_office": "2026-12-05",
    "delivery_type": "download",
    "description": "Interior\nand exterior — “façade”, 外観, 🏠",
    "location": "18 Orchard Street, New York",
    "notes": "Doorman has the key.\tGate 12",
    "on_site_cancel": True,
    "optional": False,
    "photographer_name": "Robin Castellano",
    "requested_date": "2026-12-03",
    "requested_time": "10:30:00",
    "same_day_cancel": False,
    "time_start_local": "21:00:00",
    "time_start_office": "19:00:00",
    "time_stop_local": "22:30:00",
    "time_stop_office": "20:30:00",
    "summary": "Photo shoot",
    "time_duration": "1:30",
    "created_by": "Dana W.",
    "created_in": "Order layout",
    "updated_at_mt": "2026-11-22 14:05:09",
    "updated_by": "Eli B.",
    "uuid": "3f2b8c1e-5d47-4a90-9b6e-2c8f1d0a7e53",
    "created_at": "2026-11-22T21:02:44Z",
    "updated_at": "2026-11-22T21:05:09Z",
    "month_first": False,
    "date_stop_utc": "2026-12-05",
    "date_start_utc": "2026-12-05",
    "time_start_utc": "02:00:00",
    "time_stop_utc": "03:30:00",
    "time_duration_s": 5400,
    "ready_to_schedule": True,
    "window_date_start": "2026-12-03",
    "window_date_end": "2026-12-06",
    "window_time_start": 28_800,
    "window_time_end": 64_800,
}
AS_FILEMAKER_WRITES: dict[str, Any] = {
    "confirmed": 1,
    "cancelled": "1",
    "allday": 0,
    "confirmed_at": "11/22/2026 9:05:09 PM",
    "date_start_local": "12/4/2026",
    "date_start_office": "12/04/2026",
    "date_stop_local": "12/4/2026",
    "date_stop_office": "12/5/2026",
    "description": "Interior\rand exterior — “façade”, 外観, 🏠\r",
    "on_site_cancel": "Yes",
    "optional": "No",
    "requested_date": "12/3/2026",
    "requested_time": "10:30 AM",
    "same_day_cancel": "off",
    "time_start_local": "9:00:00 PM",
    "time_start_office": "7:00 p.m.",
    "time_stop_local": "10:30\u202fPM",
    "time_stop_office": "8:30 PM",
    "updated_at_mt": "11/22/2026 2:05:09 PM",
    "uuid": "3F2B8C1E-5D47-4A90-9B6E-2C8F1D0A7E53",
    "created_at": "11/22/2026 21:02:44",
    "updated_at": "11/22/2026 9:05:09 PM",
    "month_first": "1",
    "date_stop_utc": "12/5/2026",
    "date_start_utc": " 12/5/2026 ",
    "time_start_utc": "2:00",
    "time_stop_utc": "3:30",
    "time_duration_s": "5400",
    "ready_to_schedule": 1,
    "window_date_start": "12/3/2026",
    "window_date_end": "12/6/2026",
    "window_time_start": "28800",
    "window_time_end": "64800",
}
FILEMAKER = {**WEB, **AS_FILEMAKER_WRITES}


@pytest.mark.parametrize("style", [WEB, FILEMAKER], ids=["web", "FileMaker"])
def test_all_parameters_at_once_are_stored_and_read_back_equal(
    api: ApiClient, world: World, style: dict[str, Any]
):
    order, photographer = world.order(), world.photographer()
    ids = {
        "order_id": order.id,
        "order_request_appt_id": world.order_request_appt(order.id),
        "photographer_user_id": photographer.id,
    }
    sent = {**style, **(ids if style is WEB else {name: str(value) for name, value in ids.items()})}
    assert sent.keys() | {"token"} == {param.name for param in CREATE_PARAMS}
    reply = api.create(sent)
    assert reply.code == 200
    expected = {name: value for name, value in {**WEB, **ids}.items() if name not in OF_THE_REQUEST}
    expected["updated_at_mt"] = style["updated_at_mt"]
    expected["month_first"] = style is FILEMAKER
    shown = reply.appointment
    assert {name: shown[name] for name in expected} == expected

    row = world.appointment(shown["id"])
    assert (row["date_start_utc"], row["time_stop_local"]) == (date(2026, 12, 5), time(22, 30))
    assert row["updated_at_mt_instant"] == datetime(2026, 11, 22, 21, 5, 9, tzinfo=UTC)
    # The other answers of this record show it as the database holds it.
    again = api.create(sent)
    assert again.body["data"]["replayed"] is True
    assert again.appointment == shown


def test_the_snapshot_holds_what_the_clocks_read(api: ApiClient, world: World):
    reply = api.create(FILEMAKER)
    row = world.appointment(reply.appointment["id"])
    supplied = Supplied.from_json(row["supplied"])
    for name, value in row["supplied"].items():
        if name in WEB and name != "updated_at_mt":
            assert value == WEB[name], name
    assert (supplied.time_duration, supplied.time_duration_read) == ("1:30", 5400)
    assert supplied.updated_at_mt == row["updated_at_mt_instant"]


def test_the_least_request_stores_nulls(api: ApiClient, world: World):
    blanks = {
        param.name: blank
        for param, blank in zip(CREATE_PARAMS, ["", None, "  ", "\t\r\n"] * 13, strict=False)
    }
    for reply in (
        api.create(),
        api.create({name: blanks[name] for name in blanks.keys() - {"token", "updated_at_mt"}}),
    ):
        assert reply.code == 200
        row = world.appointment(reply.appointment["id"])
        given = {
            *("uuid", "updated_at_mt", "updated_at", "created_by", "updated_by", "created_in"),
        }
        for param in CREATE_PARAMS:
            if param.name not in OF_THE_REQUEST:
                assert (row[param.name] is not None) == (param.name in given), param.name


def test_the_server_keeps_its_own_stamps_apart(api: ApiClient, world: World):
    reply = api.create(created_at="2020-01-01T00:00:00Z", updated_at="2020-01-01T00:00:00Z")
    row = world.appointment(reply.appointment["id"])
    assert row["created_at"] == datetime(2020, 1, 1, tzinfo=UTC)
    for stamp in ("inserted_at", "changed_at"):
        assert abs(row[stamp] - now()) < timedelta(minutes=1)


# --- what is filled in ---


def test_names_are_filled_from_a_session(api: ApiClient, world: World):
    user = world.employee(name="Emma Employee")
    shown = (
        api.with_token(world.session_token(user.id, application="planoorder"))
        .create(confirmed=True)
        .appointment
    )
    for name in ("created_by", "updated_by", "confirmed_by"):
        assert shown[name] == "Emma Employee", name
    assert shown["created_in"] == "planoorder"
    row = world.appointment(shown["id"])
    assert (row["caller_kind"], row["caller_user_id"], row["caller_role"]) == ("session", user.id, "employee")


def test_names_are_filled_from_an_application(api: ApiClient, world: World):
    shown = api.create().appointment
    assert (shown["created_by"], shown["updated_by"], shown["created_in"]) == (
        "PlanoAuth",
        "PlanoAuth",
        "planoauth",
    )
    row = world.appointment(shown["id"])
    assert (row["caller_kind"], row["caller_user_id"]) == ("application", None)


def test_a_user_without_a_name_is_called_by_address(api: ApiClient, world: World):
    user = world.employee(name="", email="e@example.com")
    assert api.with_token(world.session_token(user.id)).create().appointment["created_by"] == "e@example.com"


def test_what_was_sent_is_not_filled_over(api: ApiClient, world: World):
    sent = {"created_by": 123, "updated_by": "U", "created_in": "I", "confirmed_by": "C", "confirmed": 1}
    token = world.session_token(world.employee().id)
    shown = api.with_token(token).create(sent).appointment
    assert [shown[name] for name in ("created_by", "updated_by", "created_in", "confirmed_by")] == [
        "123",
        "U",
        "I",
        "C",
    ]


def test_confirmed_fills_when_and_by_whom_and_nothing_else_does(api: ApiClient):
    filled = api.create(confirmed=True).appointment
    assert filled["confirmed_by"] == "PlanoAuth"
    assert abs(datetime.fromisoformat(filled["confirmed_at"]) - now()) < timedelta(minutes=1)
    for params in ({}, {"confirmed": False}):
        shown = api.create(params).appointment
        assert (shown["confirmed_at"], shown["confirmed_by"]) == (None, None)
    sent = api.create(confirmed_at="2026-11-01T00:00:00Z", confirmed_by="Dana").appointment
    assert (sent["confirmed"], sent["confirmed_at"]) == (None, "2026-11-01T00:00:00Z")


def test_the_photographers_name_is_a_snapshot_of_the_record(api: ApiClient, world: World):
    user = world.photographer("Pat Photographer")
    assert api.create(photographer_user_id=user.id).appointment["photographer_name"] == "Pat Photographer"
    assert api.create(photographer_name="Freelance Fred").appointment["photographer_name"] == "Freelance Fred"


def test_a_uuid_is_made_when_none_is_sent(api: ApiClient):
    uuids = {api.create(uuid=blank).appointment["uuid"] for blank in (None, "", "  ")}
    assert len(uuids) == 3


def test_end_of_day_is_stored_as_the_next_midnight(api: ApiClient):
    shown = api.create(date_stop_local="2026-12-31", time_stop_local="24:00").appointment
    assert (shown["date_stop_local"], shown["time_stop_local"]) == ("2027-01-01", "00:00:00")


# --- texts ---

TEXTS = [
    "plain",
    "Ünïcödé – “quotes” ‘n’ dashes…",
    "外観と内観",
    "🏠👨‍👩‍👧‍👦🇺🇸",
    "e\u0301 is not normalised",
    "\u202eright to left\u202c",
    "zero\u200bwidth",
    "'; DROP TABLE appointments; --",
    "<script>alert(1)</script>",
    "back\\slash %s %(id)s {0} ${x} \\u0041",
    "tab\tand\nnewline",
    "null",
    "\U0010ffff",
    "\ufeffbyte order mark",
]


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_texts_come_back_as_they_were_sent(api: ApiClient, world: World, text: str):
    shown = api.create(summary=text, notes=text, location=text).appointment
    row = world.appointment(shown["id"])
    assert [shown["summary"], shown["notes"], row["location"]] == [text] * 3


def test_texts_are_counted_in_characters(api: ApiClient):
    fits = {"summary": "🏠" * 255, "notes": "🏠" * 10_000, "description": "x" * 10_000}
    assert api.create(fits).appointment["notes"] == "🏠" * 10_000
    for name, text in fits.items():
        assert api.create({name: text + "x"}).faults == {name: "invalid-param"}


@pytest.mark.parametrize("name", ["order_id", "order_request_appt_id", "photographer_user_id"])
@pytest.mark.parametrize(
    "value", [0, -1, 2**63 - 1, 2**63, 10**30, "9" * 40, 1.5, True, "1_0", "٣", "1e3", [1], {"id": 1}]
)
def test_no_number_that_is_no_id_reaches_the_database(api: ApiClient, name: str, value: object):
    assert api.create({name: value}).faults == {name: "invalid-param"}


# --- what is out of the program's hands ---


def test_a_record_that_vanishes_between_check_and_insert_is_an_invalid_id(
    api: ApiClient, world: World, monkeypatch
):
    from api.appointments import create

    order = world.order()
    real = create.insert_appointment

    def delete_first(*arguments: Any) -> Any:
        world.execute("DELETE FROM orders WHERE id = :id", id=order.id)
        return real(*arguments)

    monkeypatch.setattr(create, "insert_appointment", delete_first)
    reply = api.create(order_id=order.id)
    assert (reply.status, reply.faults) == ("invalid-param", {"order_id": "invalid-param"})


@pytest.mark.parametrize("name", ["appt_type", "delivery_type"])
def test_a_configured_list_takes_the_place_of_free_text(api: ApiClient, monkeypatch, name: str):
    from settings import get_settings

    assert api.create({name: "anything"}).appointment[name] == "anything"
    monkeypatch.setenv(name.upper() + "S", '["Photo", "Floor plan"]')
    get_settings.cache_clear()
    try:
        assert api.create({name: "floor plan"}).appointment[name] == "Floor plan"
        assert api.create({name: "anything"}).faults == {name: "invalid-param"}
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()
