"""The registry of appointments/create: the source's 50 parameters and our additions, described and exemplified."""

import pytest
from sqlalchemy import String

from api.app import ROUTES
from api.appointment_params import ADDED_PARAMS, CREATE, CREATE_PARAMS
from api.decoding import decode
from api.params import ACCEPTED, Param, Registry
from api.routes import Route
from models.appointments import Appointment

# (position, name, type, required) of the source document.
SOURCE = [
    (100, "token", "string", True),
    (200, "application", "string", False),
    (300, "session_view", "string", False),
    (1200, "confirmed", "boolean", False),
    (1300, "cancelled", "boolean", False),
    (1400, "allday", "boolean", False),
    (1500, "appt_type", "string", False),
    (1600, "confirmed_at", "datetime", False),
    (1700, "confirmed_by", "string", False),
    (1800, "date_start_local", "date", False),
    (1900, "date_start_office", "date", False),
    (2000, "date_stop_local", "date", False),
    (2100, "date_stop_office", "date", False),
    (2200, "delivery_type", "string", False),
    (2300, "description", "string", False),
    (2400, "location", "string", False),
    (2500, "notes", "string", False),
    (2600, "on_site_cancel", "boolean", False),
    (2700, "optional", "boolean", False),
    (2800, "order_id", "integer", False),
    (2900, "order_request_appt_id", "integer", False),
    (3000, "photographer_name", "string", False),
    (3100, "photographer_user_id", "integer", False),
    (3200, "requested_date", "date", False),
    (3300, "requested_time", "time", False),
    (3400, "same_day_cancel", "boolean", False),
    (3500, "time_start_local", "time", False),
    (3600, "time_start_office", "time", False),
    (3700, "time_stop_local", "time", False),
    (3800, "time_stop_office", "time", False),
    (3900, "summary", "string", False),
    (4000, "time_duration", "string", False),
    (4100, "created_by", "string", False),
    (4200, "created_in", "string", False),
    (4300, "updated_at_mt", "string", True),
    (4400, "updated_by", "string", False),
    (4500, "uuid", "string", False),
    (4600, "created_at", "datetime", False),
    (4700, "updated_at", "datetime", False),
    (4800, "month_first", "boolean", False),
    (4900, "date_stop_utc", "date", False),
    (5000, "date_start_utc", "date", False),
    (5100, "time_start_utc", "time", False),
    (5200, "time_stop_utc", "time", False),
    (5300, "time_duration_s", "integer", False),
    (5400, "ready_to_schedule", "boolean", False),
    (5500, "window_date_start", "date", False),
    (5600, "window_date_end", "date", False),
    (5700, "window_time_start", "integer", False),
    (5800, "window_time_end", "integer", False),
]

OF_THE_CALLER = {"token", "application", "session_view"}


def test_names_types_positions_and_requirements_are_the_sources():
    declared = [(param.position, param.name, param.type, param.required) for param in CREATE_PARAMS]
    assert declared == SOURCE
    assert len(declared) == 50


def test_what_the_source_does_not_have_is_marked_and_comes_last():
    assert {"refuse_conflicts", "dry_run"} <= {param.name for param in ADDED_PARAMS}
    assert [param.addition for param in CREATE] == [False] * 50 + [True] * len(ADDED_PARAMS)
    assert min(param.position for param in ADDED_PARAMS) > max(position for position, *_ in SOURCE)


def test_the_possible_values_are_the_contracts():
    listed = {param.name: param.choices for param in CREATE_PARAMS if param.choices}
    assert listed == {
        "application": ("planoauth", "planoorder", "planox2"),
        "session_view": ("default", "none"),
    }


def test_deprecated_parameters_are_marked_and_only_the_token_is_secret():
    assert [param.name for param in CREATE_PARAMS if param.deprecated] == ["created_at", "updated_at"]
    assert [param.name for param in CREATE_PARAMS if param.secret] == ["token"]


def test_ranges_and_lengths_fit_the_columns():
    ids = {"order_id", "order_request_appt_id", "photographer_user_id"}
    for param in CREATE:
        expected = {
            "time_duration_s": (1, 604_800),
            "window_time_start": (0, 86_400),
            "window_time_end": (0, 86_400),
        }.get(param.name, (1, 2**63 - 1) if param.name in ids else (None, None))
        assert (param.minimum, param.maximum) == expected, param.name
        if param.type == "string":
            column = Appointment.__table__.columns.get(param.name)
            length = column.type.length if column is not None and isinstance(column.type, String) else 255
            assert param.max_length == (length or 10_000), param.name


@pytest.mark.parametrize("param", CREATE, ids=lambda param: param.name)
def test_every_parameter_is_described_in_its_own_words(param):
    assert len(param.description) > 25
    assert param.description.endswith(".")
    assert sum(other.description == param.description for other in CREATE) == 1


@pytest.mark.parametrize("param", CREATE, ids=lambda param: param.name)
def test_every_example_decodes(param):
    required = {"token": "your-token", "updated_at_mt": "2026-11-22 14:05:09"}
    decoded = decode(required | {param.name: param.example}, CREATE)
    assert decoded.faults == []
    assert (param.name in decoded.values) == (param.name != "token")


def test_the_examples_together_make_one_request():
    decoded = decode({param.name: param.example for param in CREATE}, CREATE)
    assert decoded.faults == []
    assert [warning.param for warning in decoded.warnings] == ["created_at", "updated_at"]
    assert decoded.values.keys() == CREATE.names - {"token"}


def test_every_way_of_reading_says_what_it_accepts_and_is_used():
    assert {
        param.reads for route in ROUTES if isinstance(route, Route) for param in route.params
    } == ACCEPTED.keys()
    assert all(sentence.endswith(".") for sentence in ACCEPTED.values())


def test_a_registry_finds_its_parameters_by_name():
    assert CREATE["notes"].position == 2500
    assert "notes" in CREATE
    assert "notez" not in CREATE
    assert list(CREATE) == [*CREATE_PARAMS, *ADDED_PARAMS]
    assert len(CREATE) == 50 + len(ADDED_PARAMS)


def _param(name: str, position: int, **more: object) -> Param:
    return Param(name, "boolean", position, "A parameter.", True, **more)


@pytest.mark.parametrize(
    "params",
    [
        (_param("a", 100), _param("a", 200)),
        (_param("a", 200), _param("b", 100)),
        (_param("a", 100), _param("b", 100)),
    ],
    ids=["the same name twice", "falling positions", "the same position twice"],
)
def test_a_muddled_registry_does_not_start(params):
    with pytest.raises(ValueError, match=r"parameters|positions"):
        Registry(params)


@pytest.mark.parametrize(
    "declaration",
    [
        {"type": "text"},
        {"type": "string"},
        {"type": "integer"},
        {"type": "boolean", "reads": "guess"},
    ],
)
def test_an_incomplete_declaration_does_not_start(declaration):
    with pytest.raises(ValueError, match="parameter"):
        Param(name="a", position=100, description="A parameter.", example="x", **declaration)
