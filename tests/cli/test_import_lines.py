"""The lines of an import file: what may be said, and the words for what may not."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.importing.lines import read

PATIENT = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For a machine that is busy with other tests."""


def faults_of(*lines: object) -> list[tuple[int, str]]:
    raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    return [(fault.line, fault.message) for fault in read(raw).faults]


def order(**more: object) -> dict[str, object]:
    return {"kind": "order", "id": 1, **more}


def user(**more: object) -> dict[str, object]:
    return {"kind": "user", "id": 1, "email": "a@example.com", **more}


@pytest.mark.parametrize(
    "line",
    [
        order(),
        order(client=None, company_id=None, property=None),
        order(client={"id": 5}),
        order(property={"zip": "60601-1234"}),
        order(property={"zip": "606011234", "lat": 90, "lng": -180}),
        user(employee=True, client=True),
        user(employee=False, liaison=False, client=False, photographer=False),
        user(employee={"duties": ["photographer"]}, liaison={"company_ids": [1]}),
        user(roles=["employee", "photographer", "client", "liaison"]),
        {"kind": "company", "id": 1, "name": "A"},
        {"kind": "order_request_appt", "id": 1, "order_id": 2},
    ],
)
def test_what_may_be_said(line: dict[str, object]) -> None:
    assert faults_of(line) == []


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"nope", "This is not JSON"),
        (b"\xff", "This is not JSON"),
        (b"[" * 10_000, "This is not JSON"),
        (b'{"kind":"order","id":NaN}', "This is not JSON"),
        (b'{"kind":"order","id":1,"client":{"email":"\\ud800@example.com"}}', "This is not JSON"),
        ([order()], "Write one object a line"),
        ("order", "This is not a JSON object."),
        ({"id": 1}, "kind: is required"),
        ({"kind": "ordr", "id": 1}, "Did you mean order?"),
        ({"kind": "order"}, "id: is required."),
        (order(id="1"), "id: must be a whole number, without quotes."),
        (order(id=True), "id: must be a whole number, without quotes."),
        (order(id=0), "id: input should be greater than or equal to 1."),
        (order(id=2**53), "id: input should be less than or equal to 9007199254740991."),
        (order(clinet={"id": 1}), "clinet: is not a key here; did you mean client?"),
        (order(client={"emial": "x"}), "client.emial: is not a key here; did you mean email?"),
        (order(client={}), "client: needs an id or an email."),
        (order(client={"email": "nobody"}), "client.email: the mail address cannot be used"),
        (order(client={"email": "ü@example.com"}), "client.email: the mail address cannot be used"),
        (
            order(client={"id": 1, "assistant_emails": "a@example.com"}),
            "client.assistant_emails: must be a list.",
        ),
        (order(client={"id": 1, "name": "a\x00"}), "client.name: holds control characters"),
        (
            order(client={"id": 1, "name": "a" * 256}),
            "client.name: string should have at most 255 characters.",
        ),
        (order(property={"lat": 91, "lng": 0}), "property.lat: input should be less than or equal to 90."),
        (order(property={"lat": 1, "lng": "2"}), "property.lng: must be a number, without quotes."),
        (order(property={"lat": 1}), "property: needs both lat and lng, or neither."),
        (order(property={"zip": 60601}), "property.zip: must be a ZIP of 5 or 9 digits in quotes"),
        (order(property={"zip": "6060"}), "property.zip: must be a ZIP of 5 or 9 digits in quotes"),
        (order(property={"latitude": 1}), "property.latitude: is not a key here; did you mean lat?"),
        (order(property={"timezone": "x"}), "property.timezone: is not a key here; did you mean iana?"),
        ({"kind": "user", "id": 1}, "email: is required."),
        (user(employee=1), "employee: must be true, false or an object."),
        (user(employee={"dutys": []}), "employee.dutys: is not a key here; did you mean duties?"),
        (user(liaison={"company_ids": ["1"]}), "liaison.company_ids.0: must be a whole number"),
        (user(employee=False, photographer=True), "photographer: is a duty of employees"),
        (user(roles=["boss"]), "roles: must be a list of some of"),
        (user(roles=["client"], client=False), "roles: names client, which the line also takes away."),
        ({"kind": "company", "id": 1, "name": " "}, "name: string should have at least 1 character."),
    ],
)
def test_what_may_not_be_said(line: object, sentence: str) -> None:
    [(number, message)] = faults_of(line)
    assert number == 1
    assert sentence in message


def test_all_faults_of_a_line_are_told_at_once() -> None:
    [(_, message)] = faults_of(order(id="x", property={"zip": 1, "lat": 100, "lng": 0}))
    assert message.count("id: ") == message.count("property.zip: ") == message.count("property.lat: ") == 1


def test_lines_are_counted_with_the_blank_ones() -> None:
    assert [number for number, _ in faults_of(order(), b"", b"nope", order(id=2), b"  ", b"[]")] == [3, 6]


def test_one_record_on_two_lines_is_a_fault() -> None:
    assert faults_of(order(), user(), order()) == [(3, "id: order 1 is already on line 1.")]


def test_a_byte_order_mark_is_no_fault() -> None:
    assert faults_of(b"\xef\xbb\xbf" + json.dumps(order()).encode()) == []


@PATIENT
@given(st.binary())
def test_bytes_never_raise(raw: bytes) -> None:
    read([raw])


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_KEYS = (
    "id",
    "email",
    "client",
    "property",
    "company_id",
    "employee",
    "liaison",
    "photographer",
    "roles",
    "name",
)


@PATIENT
@given(
    st.sampled_from(["order", "user", "company", "order_request_appt"]),
    st.dictionaries(st.sampled_from(_KEYS), _JSON, max_size=5),
)
def test_objects_never_raise_and_faults_are_sentences(kind: str, rest: dict[str, object]) -> None:
    for fault in read([json.dumps({"kind": kind, **rest}).encode()]).faults:
        assert fault.message.endswith((".", "?"))
