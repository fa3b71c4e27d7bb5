"""`openapi.json`: valid, complete, and true of what the service accepts and answers."""

import json
from base64 import b64decode
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.answerable import answerable
from api.app import ROUTES, create_app
from api.decoding import decode
from api.documentation.openapi import openapi
from api.documentation.schemas import BY_READER as SCHEMA_BY_READER
from api.documentation.schemas import schema_of
from api.params import ACCEPTED, Param, Registry
from api.routes import Route
from tests.client import CREATE, STAMP, ApiClient
from tests.world import World

DOCUMENT: dict[str, Any] = json.loads(json.dumps(openapi(ROUTES, "https://api.example.com")))
PARAMS = {
    (route.path, param.name): param for route in ROUTES if isinstance(route, Route) for param in route.params
}
BY_READER = {param.reads: param for param in PARAMS.values() if not param.choices}


def operation(route: Any) -> dict[str, Any]:
    return DOCUMENT["paths"][route.path][route.method.lower()]


def test_the_document_is_valid_openapi_3_1() -> None:
    errors = list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors())
    assert [error.message for error in errors] == []
    assert DOCUMENT["openapi"].startswith("3.1.")


def test_it_is_served_as_it_is_made(world: World) -> None:
    reply = create_app().test_client().get("/openapi.json")
    assert reply.content_type == "application/json"
    assert reply.get_json()["paths"] == DOCUMENT["paths"]
    assert reply.get_json()["servers"] == [{"url": "http://127.0.0.1:8000"}]


def test_every_route_is_in_it_and_every_operation_has_a_name_of_its_own() -> None:
    routes = {(route.path, route.method.lower()) for route in ROUTES}
    operations = {(path, verb) for path, verbs in DOCUMENT["paths"].items() for verb in verbs}
    assert operations == routes | {("/healthz", "get"), ("/readyz", "get")}
    names = [operation(route)["operationId"] for route in ROUTES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_each_route_documents_its_statuses_under_their_codes(route: Any) -> None:
    told = {
        (int(code), slug)
        for code, response in operation(route)["responses"].items()
        for slug in response["content"]["application/json"]["schema"]["allOf"][1]["properties"]["status"][
            "enum"
        ]
    }
    assert told == {(status.code, status.slug) for status in answerable(route)}


def body_schema(route: Route) -> dict[str, Any]:
    content = operation(route)["requestBody"]["content"]
    if route.sensitive:
        assert list(content) == ["text/plain"]
        assert content["text/plain"]["schema"]["contentEncoding"] == "base64"
        return content["text/plain"]["schema"]["contentSchema"]
    return content["application/json"]["schema"]


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if isinstance(route, Route)], ids=lambda route: route.path
)
def test_each_route_documents_its_parameters(route: Route) -> None:
    if route.method == "GET":
        listed = {
            param["name"]: param["required"]
            for param in operation(route)["parameters"]
            if param["in"] == "query"
        }
        assert listed == {param.name: param.required for param in route.params}
        assert operation(route)["security"] == [{"bearer": []}]
        return
    schema = body_schema(route)
    assert list(schema["properties"]) == [param.name for param in route.params]
    assert set(schema.get("required", [])) == {
        param.name for param in route.params if param.required and param.name != "token"
    }


def test_every_way_of_reading_has_a_schema() -> None:
    assert ACCEPTED.keys() - SCHEMA_BY_READER.keys() == set()


@pytest.mark.parametrize("param", PARAMS.values(), ids=["/".join(key) for key in PARAMS])
def test_the_example_of_a_parameter_fits_its_schema(param: Param) -> None:
    schema = schema_of(param)
    Draft202012Validator.check_schema(schema)
    checker = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    if param.reads in ("time", "stop-time") and "M" in str(param.example):
        return  # another spelling, which the description names
    assert [error.message for error in checker.iter_errors(param.example)] == []


@pytest.mark.parametrize(
    "reader", sorted(name for name in BY_READER if "pattern" in schema_of(BY_READER[name]))
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_fits_the_pattern_can_be_read(reader: str, data: st.DataObject) -> None:
    param = BY_READER[reader]
    schema = schema_of(param)
    if schema.get("format") == "date-time":
        made = st.datetimes(
            min_value=datetime(2000, 1, 2),
            max_value=datetime(2099, 12, 30),
            timezones=st.just(UTC),
        ).map(lambda moment: moment.isoformat())
    else:
        made = st.from_regex(schema["pattern"], fullmatch=True, alphabet=st.characters(codec="utf-8"))
    value = data.draw(made)
    if len(value) > (param.max_length or 10_000):
        return
    # A stop at 24:00 needs its date; nothing else depends on another parameter.
    decoded = decode({param.name: value}, Registry((param,)))
    assert decoded.faults == []


def answered(api: ApiClient, path: str, params: dict[str, Any] | None) -> tuple[int, dict[str, Any]]:
    reply = (
        api.raw(b"{", path=path, Content_Type="application/json")
        if params is None
        else api.post(params, path=path)
    )
    return reply.code, reply.body


def test_answers_fit_the_documented_schemas(api: ApiClient, world: World) -> None:
    full = {"token": api.token, "updated_at_mt": STAMP, "session_view": "default", "notez": 1}
    resolver = {"$defs": {}, "components": DOCUMENT["components"]}
    requests: list[dict[str, Any] | None] = [full, {"token": api.token}, {"token": "application_x"}, {}, None]
    seen = set()
    for params in requests:
        code, body = answered(api, CREATE, params)
        responses = DOCUMENT["paths"][CREATE]["post"]["responses"]
        schema = responses[str(code)]["content"]["application/json"]["schema"]
        assert list(Draft202012Validator({**schema, **resolver}).iter_errors(body)) == []
        seen.add(body["status"])
    assert len(seen) == len(requests)
    listed = api.raw(
        b"",
        method="GET",
        path="/api/v1/notifications/index?" + urlencode({"limit": 3}),
        Authorization=f"Bearer {api.token}",
    )
    responses = DOCUMENT["paths"]["/api/v1/notifications/index"]["get"]["responses"]
    schema = responses["200"]["content"]["application/json"]["schema"]
    assert list(Draft202012Validator({**schema, **resolver}).iter_errors(listed.body)) == []


def test_each_operation_tells_its_headers() -> None:
    create = DOCUMENT["paths"][CREATE]["post"]
    asked = [param["name"] for param in create["parameters"] if param["in"] == "header"]
    assert asked == ["Prefer", "Idempotency-Key", "X-Request-Id"]
    assert list(create["responses"]["200"]["headers"]) == [
        *("X-Request-Id", "RateLimit-Policy", "RateLimit", "Preference-Applied"),
    ]
    assert "Retry-After" in create["responses"]["429"]["headers"]
    assert list(DOCUMENT["paths"]["/api/v1/sessions/create"]["post"]["responses"]["200"]["headers"]) == [
        "X-Request-Id"
    ]


def test_addresses_are_told_from_other_texts() -> None:
    for path in ("/api/v1/sessions/create", "/api/v1/notifications/correct"):
        assert schema_of(PARAMS[path, "email"])["format"] == "email"


def test_the_example_of_a_sensitive_body_is_base64_of_its_object() -> None:
    content = DOCUMENT["paths"]["/api/v1/sessions/create"]["post"]["requestBody"]["content"]["text/plain"]
    told = json.loads(b64decode(content["examples"]["whole"]["value"]))
    assert set(content["schema"]["contentSchema"]["required"]) <= told.keys()
