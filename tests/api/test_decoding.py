"""Decoding: what each type accepts, what is refused and in which words, and the rules between parameters."""

import hashlib
import json
from datetime import UTC, date, datetime, time
from time import thread_time
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.appointment_params import CREATE, CREATE_PARAMS, a_reason_implies_cancelled
from api.body import read_body
from api.decoding import NO_CONTEXT, NOT_COMPARED, Context, Decoded, body_token, decode, fingerprint
from api.faults import Refusal

TOKEN = "session_01_Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFy"
REQUIRED = {"token": TOKEN, "updated_at_mt": "2026-11-22 14:05:09"}


def decoded(context: Context = NO_CONTEXT, **params: object) -> Decoded:
    return decode(REQUIRED | params, CREATE, context)


def faults(context: Context = NO_CONTEXT, **params: object) -> list[tuple[str, str]]:
    return [(fault.param, fault.status) for fault in decoded(context, **params).faults]


# --- one value at a time ---

ACCEPTED = [
    # strings
    ("summary", "Photo shoot", "Photo shoot"),
    ("summary", "  Photo\tshoot \n", "Photo\tshoot"),
    ("summary", "one\r\ntwo\rthree\nfour", "one\ntwo\nthree\nfour"),
    ("summary", "\r\rx\r", "x"),
    ("summary", "Žižkov – 東京 😀 \u200d", "Žižkov – 東京 😀 \u200d"),
    ("summary", "x" * 255, "x" * 255),
    ("summary", " " * 500 + "x" * 255 + " " * 500, "x" * 255),
    ("notes", "x" * 10_000, "x" * 10_000),
    ("description", "€" * 10_000, "€" * 10_000),
    ("summary", 123, "123"),
    ("summary", 0, "0"),
    ("summary", -7, "-7"),
    ("summary", 10**30, "1" + "0" * 30),
    ("summary", 1.5, "1.5"),
    ("summary", 5.0, "5"),
    ("summary", -0.0, "0"),
    ("summary", 0.1, "0.1"),
    ("summary", 1e-7, "1e-7"),
    ("summary", 1.5e300, "1.5e300"),
    ("summary", 123456789012345678901.5, "1.2345678901234568e20"),
    ("summary", -9007199254740992.0, "-9007199254740992"),
    # choices
    ("application", "planox2", "planox2"),
    ("application", " PlanoOrder ", "planoorder"),
    ("session_view", "none", "none"),
    ("session_view", "Default", "default"),
    # integers
    ("order_id", 1, 1),
    ("order_id", "1", 1),
    ("order_id", " 0042 ", 42),
    ("order_id", 2**63 - 1, 2**63 - 1),
    ("time_duration_s", 604_800, 604_800),
    ("window_time_start", 0, 0),
    ("window_time_end", "86400", 86_400),
    # booleans
    *(
        ("confirmed", spelling, True)
        for spelling in [True, 1, "true", "TRUE", " True ", "1", "yes", "Yes", "on"]
    ),
    *(("confirmed", spelling, False) for spelling in [False, 0, "false", "False", "0", "no", "NO", "off"]),
    # dates and times (the whole of their spellings is tested with the clocks)
    ("requested_date", "2026-07-04", date(2026, 7, 4)),
    ("requested_time", "9:05 pm", time(21, 5)),
    ("time_stop_utc", "23:59:60", time(23, 59, 59)),
    ("confirmed_at", "2026-07-04T12:00:00-06:00", datetime(2026, 7, 4, 18, tzinfo=UTC)),
    ("confirmed_at", "2026-07-04 12:00", datetime(2026, 7, 4, 12, tzinfo=UTC)),
    ("time_duration", "1h 30m", 5400),
    ("time_duration", "1:30", 5400),
    ("time_duration", 90, 5400),
    ("time_duration", 1.5, 5400),
    ("updated_at_mt", "7/4/2026 6:00:00 AM", datetime(2026, 7, 4, 12, tzinfo=UTC)),
    # uuids
    *(
        ("uuid", spelling, UUID("3f2b8c1e-5d47-4a90-9b6e-2c8f1d0a7e53"))
        for spelling in [
            "3f2b8c1e-5d47-4a90-9b6e-2c8f1d0a7e53",
            "3F2B8C1E-5D47-4A90-9B6E-2C8F1D0A7E53",
            "3f2b8c1e5d474a909b6e2c8f1d0a7e53",
            "urn:uuid:3f2b8c1e-5d47-4a90-9b6e-2c8f1d0a7e53",
            "URN:UUID:3F2B8C1E-5D47-4A90-9B6E-2C8F1D0A7E53",
            "{3f2b8c1e-5d47-4a90-9b6e-2c8f1d0a7e53}",
            "\t3f2b8c1e-5d47-4a90-9b6e-2c8f1d0a7e53 ",
        ]
    ),
]


@pytest.mark.parametrize(("name", "value", "expected"), ACCEPTED, ids=lambda item: repr(item)[:30])
def test_accepted_spellings(name, value, expected):
    result = decoded(**{name: value})
    assert result.faults == []
    assert result.values[name] == expected
    assert type(result.values[name]) is type(expected)


REFUSED = [
    *(("summary", value) for value in [True, False, {}, [], {"a": 1}, ["x"], float("inf"), float("nan")]),
    *(("summary", f"a{char}b") for char in "\x00\x01\x08\x0b\x0c\x1b\x1d\x1f\x7f\x80\x85\x9f\ud800\udfff"),
    ("summary", "\x00"),
    ("summary", "x" * 256),
    ("summary", 10**255),
    ("summary", 10**4299),
    ("notes", "x" * 10_001),
    ("application", "planox3"),
    ("application", 1),
    ("session_view", "full"),
    *(
        ("order_id", value)
        for value in [0, -1, 2**63, 10**30, 1.0, 1.5, True, False, "1_000", "1.0", "1e3", "0x1"]
    ),
    *(("order_id", value) for value in ["١", "１", "one", "1 2", "--1", [], {}, "9" * 5000]),
    ("time_duration_s", 0),
    ("time_duration_s", 604_801),
    ("window_time_start", -1),
    ("window_time_end", 86_401),
    *(("confirmed", value) for value in [2, -1, 1.5, "y", "maybe", "2", [], {}]),
    *(
        ("requested_date", value)
        for value in [739945, 0, True, "7/4/2026", "2026-02-30", "20260704", "x" * 300]
    ),
    *(("requested_time", value) for value in [32400, "24:00", "9", "13:00 PM", "9:00Z", "9:00:00.5", {}]),
    *(("confirmed_at", value) for value in [1700000000, "yesterday", "7/4/2026 12:00", []]),
    *(("time_duration", value) for value in ["1:60", "3", 3, True, "P1D", "0:00", "200h", [], {}]),
    *(("updated_at_mt", value) for value in ["2026-07-04", "2026-07-04T12:00:00Z", 1700000000, "now"]),
    *(
        ("uuid", value)
        for value in [
            "3f2b8c1e",
            "3f2b8c1e-5d47-4a90-9b6e-2c8f1d0a7e5",
            "3f2b8c1e-5d474a90-9b6e-2c8f1d0a7e53",
            "3f2b8c1e-5d47-4a90-9b6e-2c8f1d0a7e53}",
            "urn:uuid:{3f2b8c1e-5d47-4a90-9b6e-2c8f1d0a7e53}",
            "gf2b8c1e-5d47-4a90-9b6e-2c8f1d0a7e53",
            "３f2b8c1e-5d47-4a90-9b6e-2c8f1d0a7e53",
            "00000000-0000-0000-0000-000000000000",
            "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
            123456789012345678901234,
            True,
            [],
        ]
    ),
]


@pytest.mark.parametrize(("name", "value"), REFUSED, ids=lambda item: repr(item)[:30])
def test_refused_spellings(name, value):
    result = decoded(**{name: value})
    assert [(fault.param, fault.status) for fault in result.faults] == [(name, "invalid-param")]
    assert result.faults[0].message.endswith(".")
    assert result.faults[0].hint
    assert name not in result.values
    assert name not in result.supplied


@pytest.mark.parametrize("name", ["summary", "notes", "order_id", "time_duration", "uuid", "confirmed"])
def test_numbers_that_python_will_not_spell_out_are_refused(name):
    assert faults(**{name: 10**9000}) == [(name, "invalid-param")]


@pytest.mark.parametrize("blank", [None, "", "   ", "\r\n\t", "\u00a0"])
def test_absent_null_and_blank_are_the_same(blank):
    params = {param.name: blank for param in CREATE_PARAMS if not param.required}
    assert decoded(**params) == decoded()
    assert faults(token=blank) == [("token", "missing-param")]
    assert faults(updated_at_mt=blank) == [("updated_at_mt", "missing-param")]


# --- words for people ---


def test_faults_say_what_to_do_in_filemaker():
    def hint(**params: object) -> str:
        return decoded(**params).faults[0].hint

    assert "JSONString" in hint(requested_date=739945)
    assert "GetAsText" in hint(summary=[])
    assert "month_first" in hint(requested_date="7/4/2026")
    assert "Substitute" in hint(summary="a\x0bb")
    assert "Get ( UUID )" in hint(uuid=1234)
    assert 'JSONSetElement ( $json ; "updated_at_mt"' in decode({"token": TOKEN}, CREATE).faults[0].hint
    assert "Possible values: planoauth, planoorder, planox2." in hint(application="planoordr")
    assert "GetAsNumber ( time )" in hint(window_time_start="8:00")
    assert "Did you mean planoorder?" in hint(application="planoordr")


def test_a_value_is_echoed_short_and_on_one_line():
    for name in ("application", "uuid"):
        message = decoded(**{name: "\n\u202e<b>\t" + "x" * 90}).faults[0].message
        assert message.isprintable()
        assert len(message) < 100


def test_the_place_and_the_code_of_a_control_character_are_named():
    message = decoded(notes="ab\x1dc").faults[0].message
    assert "U+001D" in message
    assert "character 3" in message


# --- all faults at once ---


def test_all_faults_are_listed_in_position_order_and_missing_wins():
    result = decode({"window_time_end": "x", "uuid": "x", "confirmed": "x", "order_id": "x"}, CREATE)
    assert [(fault.param, fault.status) for fault in result.faults] == [
        ("token", "missing-param"),
        ("confirmed", "invalid-param"),
        ("order_id", "invalid-param"),
        ("updated_at_mt", "missing-param"),
        ("uuid", "invalid-param"),
        ("window_time_end", "invalid-param"),
    ]
    assert result.status == "missing-param"
    assert decoded(uuid="x").status == "invalid-param"
    assert decoded().status is None


def test_a_fault_is_an_element_of_the_answer():
    fault = decoded(order_id="x").faults[0]
    assert fault.to_json() == {
        "param": "order_id",
        "status": "invalid-param",
        "message": fault.message,
        "hint": fault.hint,
    }


# --- dates and month_first ---


@pytest.mark.parametrize("month_first", [True, 1, "1", "yes", "TRUE"])
def test_month_first_reads_american_dates(month_first):
    result = decoded(month_first=month_first, requested_date="7/4/2026", confirmed_at="7/4/2026 1:00 PM")
    assert result.values["requested_date"] == date(2026, 7, 4)
    assert result.values["confirmed_at"] == datetime(2026, 7, 4, 13, tzinfo=UTC)
    assert faults(month_first=month_first, requested_date="2026-07-04") == [
        ("requested_date", "invalid-param")
    ]


@pytest.mark.parametrize("month_first", [False, 0, "no", "", None])
def test_false_is_as_good_as_absent(month_first):
    assert decoded(month_first=month_first, requested_date="2026-07-04").faults == []
    assert faults(month_first=month_first, requested_date="7/4/2026") == [("requested_date", "invalid-param")]


def test_an_unreadable_month_first_is_the_only_fault():
    assert faults(
        month_first="perhaps",
        requested_date="7/4/2026",
        window_date_start="2026-07-04",
        confirmed_at="7/4/2026 12:00",
        updated_at="2026-07-04 12:00",
    ) == [("month_first", "invalid-param")]


def test_an_unreadable_month_first_does_not_excuse_an_impossible_date():
    result = decoded(month_first="perhaps", requested_date="13/45/2026")
    assert [fault.param for fault in result.faults] == ["requested_date", "month_first"]
    assert "month_first" not in result.faults[0].message


# --- 24:00 ---


def test_end_of_day_is_midnight_of_the_next_day():
    result = decoded(date_stop_local="2026-12-31", time_stop_local="24:00")
    assert result.faults == []
    assert result.values["date_stop_local"] == date(2027, 1, 1)
    assert result.supplied["date_stop_local"] == "2027-01-01"
    assert result.supplied["time_stop_local"] == "00:00:00"


@pytest.mark.parametrize("frame", ["local", "office", "utc"])
def test_end_of_day_needs_its_own_date(frame):
    others = {f"date_stop_{other}": "2026-12-31" for other in ("local", "office", "utc") if other != frame}
    result = decoded(**others, **{f"time_stop_{frame}": "24:00:00"})
    assert [(fault.param, fault.status) for fault in result.faults] == [
        (f"time_stop_{frame}", "invalid-param")
    ]
    assert f"time_stop_{frame}" not in result.values


def test_end_of_day_with_an_unreadable_date_is_one_fault_not_two():
    assert faults(date_stop_utc="2026-02-30", time_stop_utc="24:00") == [("date_stop_utc", "invalid-param")]


@pytest.mark.parametrize(
    "name", ["time_start_local", "time_start_office", "time_start_utc", "requested_time"]
)
def test_only_a_stop_can_be_the_end_of_a_day(name):
    assert faults(**{name: "24:00", "date_start_local": "2026-12-31"}) == [(name, "invalid-param")]


# --- cancelling ---


@pytest.mark.parametrize("reason", ["on_site_cancel", "same_day_cancel"])
def test_a_reason_implies_cancelled(reason):
    for given_value in (None, True, "yes"):
        result = decoded(**{reason: 1, "cancelled": given_value})
        assert result.faults == []
        assert result.values["cancelled"] is True
        assert result.supplied["cancelled"] is True


@pytest.mark.parametrize("reason", ["on_site_cancel", "same_day_cancel"])
def test_a_reason_contradicts_an_explicit_false(reason):
    result = decoded(**{reason: True, "cancelled": "no"})
    assert [(fault.param, fault.status) for fault in result.faults] == [("cancelled", "invalid-param")]
    assert reason in result.faults[0].message
    assert result.faults[0].hint


def test_a_reason_that_is_false_implies_nothing():
    result = decoded(on_site_cancel=False, same_day_cancel="no")
    assert result.faults == []
    assert "cancelled" not in result.values
    assert decoded(on_site_cancel=False, cancelled=False).faults == []


def test_an_unreadable_cancelled_is_reported_as_such():
    assert faults(on_site_cancel=True, cancelled="perhaps") == [("cancelled", "invalid-param")]
    values: dict[str, object] = {"on_site_cancel": True}
    assert a_reason_implies_cancelled(values, frozenset({"cancelled"})) == []
    assert values == {"on_site_cancel": True}


# --- configured lists ---


def test_appt_type_is_free_text_unless_a_list_is_configured():
    configured = Context(choices={"appt_type": ("Photo", "Video", "Floor Plan")})
    assert decoded(appt_type="anything").values["appt_type"] == "anything"
    assert decoded(configured, appt_type="floor plan").values["appt_type"] == "Floor Plan"
    assert faults(configured, appt_type="Drone") == [("appt_type", "invalid-param")]
    assert "Floor Plan" in decoded(configured, appt_type="Flor plan").faults[0].hint
    assert decoded(configured, delivery_type="anything").faults == []


# --- warnings ---


def test_unknown_names_are_ignored_with_a_warning_and_a_guess():
    result = decoded(notez="x", Date_Start_Local="2026-07-04", **{"order id": 1}, zebra=1)
    assert result.faults == []
    assert result.values.keys() == {"updated_at_mt"}
    assert [(warning.param, warning.hint) for warning in result.warnings] == [
        ("notez", "Did you mean notes?"),
        ("Date_Start_Local", "Did you mean date_start_local?"),
        ("order id", "Did you mean order_id?"),
        ("zebra", ""),
    ]
    assert result.warnings[-1].to_json() == {
        "param": "zebra",
        "message": "Not a parameter of this route; ignored.",
    }


def test_unknown_names_are_echoed_short_and_escaped():
    warning = decoded(**{"\x1b[31m\n\u202e" + "x" * 5000: 1}).warnings[0]
    assert warning.param is not None
    assert warning.param.isprintable()
    assert len(warning.param) <= 60


def test_blank_unknown_names_are_not_given_and_so_not_mentioned():
    assert decoded(notez="", zebra=None).warnings == []


def test_a_flood_of_unknown_names_is_summed_up():
    warnings = decoded(**{f"unknown_{number}": 1 for number in range(20_000)}).warnings
    assert len(warnings) == 51
    assert warnings[-1].param is None
    assert "19950 more" in warnings[-1].message


def test_deprecated_parameters_are_kept_with_a_warning():
    result = decoded(created_at="2026-07-04T12:00:00Z", updated_at="2026-07-04 12:00")
    assert result.supplied["created_at"] == result.supplied["updated_at"] == "2026-07-04T12:00:00Z"
    assert [warning.param for warning in result.warnings] == ["created_at", "updated_at"]


# --- what is kept ---


def test_supplied_is_canonical_and_originals_keep_the_words():
    result = decoded(
        updated_at_mt=" 7/4/2026 6:00:00 AM ",
        time_duration="1.5 Hours",
        uuid="3F2B8C1E5D474A909B6E2C8F1D0A7E53",
        confirmed_at="2026-07-04T12:00:00+02:00",
        requested_time="9:00 PM",
        order_id="007",
        confirmed="Yes",
    )
    assert result.supplied == {
        "confirmed": True,
        "confirmed_at": "2026-07-04T10:00:00Z",
        "order_id": 7,
        "requested_time": "21:00:00",
        "time_duration": 5400,
        "updated_at_mt": "2026-07-04T12:00:00Z",
        "uuid": "3f2b8c1e-5d47-4a90-9b6e-2c8f1d0a7e53",
    }
    assert result.originals == {"updated_at_mt": "7/4/2026 6:00:00 AM", "time_duration": "1.5 Hours"}
    assert json.loads(json.dumps(result.supplied)) == result.supplied


@pytest.mark.parametrize(
    ("updated_at", "expected"),
    [("2026-11-01T08:30:00Z", "2026-11-01T08:30:00Z"), (None, "2026-11-01T07:30:00Z")],
)
def test_a_supplied_updated_at_picks_between_the_two_readings_of_a_repeated_hour(updated_at, expected):
    assert (
        decoded(updated_at_mt="2026-11-01 01:30", updated_at=updated_at).supplied["updated_at_mt"] == expected
    )


# --- the token ---


def test_the_token_is_read_apart_and_kept_out_of_everything():
    result = decoded(order_id="x", notez=1)
    assert "token" not in result.values
    assert "token" not in result.supplied
    assert TOKEN not in repr(result)
    assert TOKEN not in repr(Context(token=TOKEN))
    assert body_token(REQUIRED) == TOKEN
    assert body_token({"token": f"  {TOKEN}\r\n"}) == TOKEN


def test_a_token_in_the_header_will_do():
    assert decode({"updated_at_mt": "2026-11-22 14:05"}, CREATE, Context(token=TOKEN)).faults == []


@pytest.mark.parametrize("blank", [{}, {"token": None}, {"token": " \t"}])
def test_no_token_in_the_body(blank):
    assert body_token(blank) is None


@pytest.mark.parametrize("token", [123, True, {}, [TOKEN], "x" * 256, "a\x00b", "tökèn", "a b\nc"])
def test_what_cannot_be_a_token_is_invalid_token_and_is_not_shown(token):
    with pytest.raises(Refusal) as caught:
        body_token({"token": token})
    assert caught.value.status == "invalid-token"
    assert str(token) not in caught.value.message


@pytest.mark.parametrize("name", ["uuid", "application", "order_id", "requested_date"])
@pytest.mark.parametrize("part", [TOKEN, f"Bearer {TOKEN}", TOKEN[:30], TOKEN[-20:]])
@pytest.mark.parametrize("in_header", [False, True])
def test_a_token_in_the_wrong_place_is_not_echoed(name, part, in_header):
    params = {"updated_at_mt": "2026-11-22 14:05", name: part, part: 1, f"x{TOKEN}": 1}
    if in_header:
        result = decode(params, CREATE, Context(token=TOKEN))
    else:
        result = decode({"token": f" {TOKEN} ", **params}, CREATE)
    assert [fault.param for fault in result.faults] == [name]
    assert [warning.param for warning in result.warnings] == ["(the token)", "(the token)"]
    assert TOKEN[:20] not in repr((result.faults, result.warnings))
    assert TOKEN[-20:] not in repr((result.faults, result.warnings))


# --- retries ---

REQUEST = {
    "token": TOKEN,
    "order_id": 7,
    "confirmed": True,
    "requested_date": "2026-07-04",
    "requested_time": "13:00",
    "time_duration": "1:30",
    "uuid": "3f2b8c1e-5d47-4a90-9b6e-2c8f1d0a7e53",
    "notes": "one\ntwo",
    "updated_at_mt": "2026-11-22 14:05:09",
}

EQUIVALENT = [
    {"order_id": "7"},
    {"confirmed": "1"},
    {"confirmed": "Yes"},
    {"month_first": True, "requested_date": "7/4/2026"},
    {"month_first": False},
    {"requested_time": "1:00 PM"},
    {"time_duration": "90 min"},
    {"uuid": "{3F2B8C1E-5D47-4A90-9B6E-2C8F1D0A7E53}"},
    {"notes": " one\rtwo "},
    {"summary": " ", "location": None},
    {"token": "another-token"},
    {"session_view": "none"},
    {"updated_at_mt": "11/22/2026 2:30 PM"},
    {"notez": "unknown"},
]

DIFFERENT = [
    {"order_id": 8},
    {"confirmed": False},
    {"confirmed": None},
    {"requested_date": "2026-07-05"},
    {"time_duration": "1:31"},
    {"notes": "one two"},
    {"summary": "more"},
    {"application": "planox2"},
    {"cancelled": True},
]


def fingerprint_of(params: dict[str, object]) -> bytes:
    result = decode(params, CREATE)
    assert result.faults == []
    return fingerprint(result.values)


@pytest.mark.parametrize("change", EQUIVALENT, ids=repr)
def test_another_spelling_of_the_same_request_is_the_same_request(change):
    assert fingerprint_of(REQUEST | change) == fingerprint_of(REQUEST)
    assert fingerprint_of(dict(reversed((REQUEST | change).items()))) == fingerprint_of(REQUEST)


@pytest.mark.parametrize("change", DIFFERENT, ids=repr)
def test_another_request_is_another_request(change):
    assert fingerprint_of(REQUEST | change) != fingerprint_of(REQUEST)


def test_a_reason_and_what_it_implies_are_the_same_request():
    assert fingerprint_of(REQUEST | {"on_site_cancel": 1}) == fingerprint_of(
        REQUEST | {"on_site_cancel": True, "cancelled": "yes"}
    )


def as_stored(supplied: dict[str, object]) -> bytes:
    """The fingerprint as every release has written it into the database: through Python's own writer of JSON."""
    compared = {name: value for name, value in supplied.items() if name not in NOT_COMPARED}
    spelled = json.dumps(compared, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(spelled.encode()).digest()


def test_a_fingerprint_is_a_sha256():
    assert len(fingerprint({})) == 32


# --- whatever the values ---

SPELLINGS = st.sampled_from(
    [
        "24:00",
        "7/4/2026",
        "2026-07-04",
        "13:00 PM",
        "1h",
        "PT",
        "true",
        "0",
        "1_0",
        "2026-11-01 01:30",
        "\x00",
        "P1D",
    ]
)
SCALARS = (
    SPELLINGS
    | st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**300, max_value=10**301)
    | st.floats()
    | st.text(max_size=40)
    | st.text(alphabet="0123456789:/-.TZPHMShmsapand ,+\x00\r", max_size=30)
)
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.text(max_size=3), SCALARS, max_size=2)
NAMES = st.sampled_from(sorted(CREATE.names)) | st.text(max_size=20)


@settings(max_examples=150)
@given(params=st.dictionaries(NAMES, VALUES, max_size=20))
def test_any_values_are_decoded_without_an_exception(params):
    result = decode(params, CREATE)
    positions = [CREATE[fault.param].position for fault in result.faults]
    assert positions == sorted(set(positions))
    assert not result.values.keys() & {fault.param for fault in result.faults}
    assert result.values.keys() == result.supplied.keys()
    for fault in result.faults:
        assert fault.message.isprintable()
        assert len(fault.message) < 250
    for warning in result.warnings:
        assert (warning.param or "").isprintable()
    assert fingerprint(result.values) == fingerprint(result.supplied) == as_stored(result.supplied)
    json.dumps(
        [fault.to_json() for fault in result.faults] + [warning.to_json() for warning in result.warnings]
    )


@settings(max_examples=100)
@given(params=st.dictionaries(NAMES, VALUES, max_size=12))
def test_what_is_canonical_reads_as_itself(params):
    first = decode(params | REQUIRED, CREATE)
    if first.faults:
        return
    again = {name: value for name, value in first.supplied.items() if name != "month_first"}
    if "time_duration" in again:
        again["time_duration"] = f"{again['time_duration']} s"
    second = decode(again | REQUIRED, CREATE)
    assert second.faults == []
    assert fingerprint(second.supplied) == fingerprint(first.supplied)


def test_a_bomb_of_unknown_names_is_decoded_at_once():
    body = b"{" + b",".join(b'"date_start_locol%05d":1' % number for number in range(10_000)) + b"}"
    started = thread_time()
    result = decode(read_body(body, "application/json"), CREATE)
    # Measured at 20 ms; the time of this thread alone, since other processes are at work beside it.
    assert thread_time() - started < 0.25
    assert len(result.warnings) == 51


@pytest.mark.parametrize("name", sorted(CREATE.names))
@pytest.mark.parametrize("text", ["1" + " " * 250_000 + "-x", "9" * 250_000, "1h " * 80_000, "a" * 250_000])
def test_a_value_of_256_kb_is_decoded_at_once(name, text):
    started = thread_time()
    decoded(**{name: text})
    assert thread_time() - started < 0.25
