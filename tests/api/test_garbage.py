"""Garbage: whatever bytes arrive, the answer is the JSON envelope of a known status and never a crash."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.appointment_params import CREATE_PARAMS
from api.statuses import STATUS
from tests.client import CREATE, STAMP, ApiClient, Reply

NAMES = [param.name for param in CREATE_PARAMS]
SLOW = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def assert_clean(reply: Reply) -> None:
    """An answer in the envelope, to a client's mistake or to a request that can be done."""
    assert reply.code in (200, 400, 401, 413), reply.body
    assert reply.code == reply.body["code"] == STATUS[reply.status].code
    assert {"message", "data", "errors", "warnings", "request_id"} <= reply.body.keys()
    assert reply.body["message"].isprintable()
    for entry in (*reply.body["errors"], *reply.body["warnings"]):
        assert len(json.dumps(entry)) < 2_000


BODIES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "no-params-decoded"),
    "blanks": (b" \r\n\t ", "no-params-decoded"),
    "one byte": (b"\x00", "invalid-encoded-params"),
    "a brace": (b"{", "invalid-encoded-params"),
    "a closed brace": (b"}", "invalid-encoded-params"),
    "null": (b"null", "no-params-decoded"),
    "true": (b"true", "no-params-decoded"),
    "a number": (b"-0", "no-params-decoded"),
    "a huge number": (b"1" + b"0" * 9000, "invalid-encoded-params"),
    "a string": (b'"token"', "no-params-decoded"),
    "an empty array": (b"[]", "no-params-decoded"),
    "an array of objects": (b'[{"token": "x"}]', "no-params-decoded"),
    "an empty object": (b"{}", "no-params-decoded"),
    "two objects": (b"{}{}", "invalid-encoded-params"),
    "a trailing comma": (b'{"token": "x",}', "invalid-encoded-params"),
    "a comment": (b'{"token": "x" /* me */}', "invalid-encoded-params"),
    "single quotes": (b"{'token': 'x'}", "invalid-encoded-params"),
    "bare names": (b"{token: 1}", "invalid-encoded-params"),
    "NaN": (b'{"order_id": NaN}', "invalid-encoded-params"),
    "infinity": (b'{"order_id": Infinity}', "invalid-encoded-params"),
    "a form": (b"token=x&order_id=1", "invalid-encoded-params"),
    "multipart": (b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--', "invalid-encoded-params"),
    "XML": (b"<?xml version='1.0'?><a/>", "invalid-encoded-params"),
    "HTML": (b"<html>", "invalid-encoded-params"),
    "a web request": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "invalid-encoded-params"),
    "gzip": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "invalid-encoded-params"),
    "a picture": (b"\x89PNG\r\n\x1a\n", "invalid-encoded-params"),
    "a program": (b"\x7fELF\x02\x01\x01", "invalid-encoded-params"),
    "base64 of an object": (b"eyJ0b2tlbiI6IngifQ==", "invalid-encoded-params"),
    "UTF-16": ('{"token": "x"}'.encode("utf-16"), "invalid-encoded-params"),
    "UTF-32": ('{"token": "x"}'.encode("utf-32"), "invalid-encoded-params"),
    "Latin-1": ('{"notes": "café"}'.encode("latin-1"), "invalid-encoded-params"),
    "an overlong slash": (b'{"notes": "\xc0\xaf"}', "invalid-encoded-params"),
    "a bare continuation byte": (b'{"notes": "\x80"}', "invalid-encoded-params"),
    "a surrogate in UTF-8": (b'{"notes": "\xed\xa0\x80"}', "invalid-encoded-params"),
    "a lone high surrogate": (b'{"notes": "\\ud800"}', "invalid-encoded-params"),
    "a lone low surrogate": (b'{"\\udfff": 1}', "invalid-encoded-params"),
    "swapped surrogates": (b'{"notes": "\\udc00\\ud800"}', "invalid-encoded-params"),
    "a raw line end": (b'{"notes": "a\nb"}', "invalid-encoded-params"),
    "a raw NUL": (b'{"notes": "a\x00b"}', "invalid-encoded-params"),
    "an unknown escape": (b'{"notes": "\\x41"}', "invalid-encoded-params"),
    "arrays a hundred thousand deep": (b"[" * 100_000, "invalid-encoded-params"),
    "closed arrays as deep": (b"[" * 100_000 + b"]" * 100_000, "invalid-encoded-params"),
    "objects as deep": (b'{"a":' * 40_000 + b"1" + b"}" * 40_000, "invalid-encoded-params"),
    "a deep value": (b'{"notes":' + b"[" * 150 + b"]" * 150 + b"}", "missing-param"),
    "a bomb of equal names": (b'{"a":1' + b',"a":1' * 40_000 + b"}", "missing-param"),
    "a bomb of names": (
        b"{" + b",".join(b'"n%d":1' % n for n in range(20_000)) + b"}", "missing-param"
    ),
    "a name of 200 KB": (b'{"' + b"n" * 200_000 + b'": 1}', "missing-param"),
    "a value of 200 KB": (b'{"order_id": "' + b"9" * 200_000 + b'"}', "missing-param"),
    "a number of 4000 digits": (b'{"order_id": ' + b"9" * 4000 + b"}", "missing-param"),
    "an exponent": (b'{"order_id": 1e308, "notes": 1e-400}', "missing-param"),
    "an overflowing exponent": (b'{"order_id": 1e999}', "missing-param"),
    "a name with a NUL": (b'{"no\\u0000tes": "x"}', "missing-param"),
    "a prototype": (b'{"__proto__": {"token": "x"}, "__class__": 1}', "missing-param"),
    "257 KB": (b"{" + b" " * 262_144, "request-too-large"),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_garbage_is_told_what_it_is(api: ApiClient, name: str):
    body, status = BODIES[name]
    reply = api.raw(body, Content_Type="application/json")
    assert_clean(reply)
    assert reply.status == status


VALUES: list[Any] = [
    *(0, -1, 1, 10**30, -(10**30), 2**63, 1.5, -0.0, 1e300, 1e-300, True, False),
    *("x", "0", "null", "\x00", "a\x00b", "\x1b[31m", "\x7f", "\u0085", "\ufffe", "\uffff", "\U0010ffff", "\u202e"),
    *("٣", "１２", "²", "١٢:٣٠", "२०२६-११-२०", "NaN", "Infinity", "1e400", "9" * 5000, "-" * 5000, "(" * 5000),
    *("2026-02-30", "0000-00-00", "9999-12-31", "2026-13-01T25:61:61Z", "25:00", "24:00", "00:60", "P1Y", "1h1h"),
    *("%s", "%(id)s", "{}", "'; DROP TABLE appointments; --", "\\", '"', "\r\n.\r\n", "\u0000" * 50),
    *([], [1], [[]], {}, {"a": 1}, [None], {"": {}}),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(value)[:30])
def test_a_strange_value_in_every_parameter_at_once(api: ApiClient, value: Any):
    assert_clean(api.post({**dict.fromkeys(NAMES, value), "token": api.token, "updated_at_mt": STAMP}))
    assert_clean(api.post({**dict.fromkeys(NAMES, value), "token": api.token}))


ONE_OF_EACH = {
    (param.reads, param.max_length, param.choices, param.maximum): param.name
    for param in CREATE_PARAMS
    if param.name != "token"
}
"""A parameter of each way of being read, with each limit."""


@pytest.mark.parametrize("name", ONE_OF_EACH.values())
def test_every_strange_value_in_each_kind_of_parameter(api: ApiClient, name: str):
    for value in VALUES:
        assert_clean(api.create({name: value}))


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NEAR_MISSES = st.sampled_from(
    ["2026-12-04", "12/4/2026", "11:00", "24:00", "9:00 PM", "1:30", "90 min", "yes", 1, True, "1"]
)


@SLOW
@given(body=st.binary(max_size=200))
def test_any_bytes_get_a_clean_answer(api: ApiClient, body: bytes):
    assert_clean(api.raw(body, Content_Type="application/json"))


@SLOW
@given(
    params=st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=12), ANY_JSON | NEAR_MISSES, max_size=12)
)
def test_any_parameters_of_a_valid_caller_get_a_clean_answer(api: ApiClient, params: dict[str, Any]):
    params = {**params, "token": api.token}
    body = json.dumps(params, allow_nan=False, default=str).encode()
    assert_clean(api.raw(body, Content_Type="application/json"))
    params.setdefault("updated_at_mt", STAMP)
    assert_clean(api.raw(json.dumps(params).encode(), Content_Type="application/json"))


def mutations(body: bytes) -> Iterator[bytes]:
    """The body with a byte cut out, doubled or changed, or cut off, at every sixteenth place."""
    for at in range(0, len(body), 16):
        yield body[:at] + body[at + 1 :]
        yield body[:at] + body[at : at + 1] + body[at:]
        yield body[:at] + bytes([body[at] ^ 0x55]) + body[at + 1 :]
        yield body[:at]


def test_a_damaged_request_gets_a_clean_answer(api: ApiClient):
    examples = {param.name: param.example for param in CREATE_PARAMS if not param.name.endswith("_id")}
    whole = json.dumps({**examples, "token": api.token}).encode()
    for body in mutations(whole):
        assert_clean(api.raw(body, Content_Type="application/json"))


HEADERS = [
    "",
    "\x7f",
    "ÿ" * 100,
    "a" * 3000,
    "wait=99999999999999",
    "Bearer \u00ff",
    ";;;=,",
    "null",
    "0",
    "-1",
]


@pytest.mark.parametrize(
    "header",
    ["Content-Type", "Authorization", "Idempotency-Key", "X-Request-Id", "Prefer", "Accept", "Accept-Encoding",
     "Content-Encoding", "Content-Length", "Transfer-Encoding", "Cookie", "X-Forwarded-For", "X-HTTP-Method-Override"],
)  # fmt: skip
def test_garbage_in_a_header_gets_a_clean_answer(api: ApiClient, header: str):
    body = json.dumps({"token": api.token, "updated_at_mt": STAMP}).encode()
    for value in HEADERS:
        if header == "Prefer" and value.startswith("wait"):
            continue  # nobody works here: the answer would be held
        headers = {"Content-Type": "application/json", header: value}
        code, _, data = api.send("POST", CREATE, body, headers)
        assert_clean(Reply(code, {}, json.loads(data)))
