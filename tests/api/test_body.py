"""Bodies: which bytes under which content type are parameters, and what every other body is called."""

import base64
import contextlib
import gzip
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.body import read_body
from api.faults import Refusal

BODY = b'{"token": "t", "order_id": 1}'
PARAMS = {"token": "t", "order_id": 1}
KB_256 = 256 * 1024


def refusal_of(
    body: bytes,
    content_type: str | None = "application/json",
    *,
    content_encoding: str | None = None,
    sensitive: bool = False,
) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read_body(body, content_type, content_encoding, sensitive=sensitive)
    return caught.value


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        " application/json ",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        "application/json; charset=iso-8859-1",
        "application/json; charset=",
        "application/vnd.api+json",
        "application/problem+json; charset=utf-8",
    ],
)
def test_json_types_are_read(content_type):
    assert read_body(BODY, content_type) == PARAMS


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/jsonp",
        "application/+json",
        "application/json, application/json",
        "json",
        "*/*",
        "image/svg+json",
        "application/ünï+json",
    ],
)
@pytest.mark.parametrize("body", [BODY, b"", b"{"])
def test_any_other_type_is_invalid_content_type_whatever_the_body(content_type, body):
    refusal = refusal_of(body, content_type)
    assert refusal.status == "invalid-content-type"
    assert '--header "Content-Type: application/json"' in refusal.hint


def test_the_default_of_curl_is_explained():
    assert "what cURL says" in refusal_of(BODY, "application/x-www-form-urlencoded").message


def test_a_strange_content_type_is_echoed_short_and_escaped():
    message = refusal_of(BODY, "text/\x1b[31m" + "x" * 5000).message
    assert len(message) < 200
    assert message.isprintable()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  \r\n\t",
        b"{}",
        b" { } ",
        b"[]",
        b'[{"token": "t"}]',
        b'"text"',
        b"1",
        b"1.5",
        b"true",
        b"null",
    ],
)
def test_json_without_parameters_is_no_params_decoded(body):
    assert refusal_of(body).status == "no-params-decoded"


MALFORMED = [
    (b"{", "ends too early"),
    (b'{"a": 1,}', "comma before a closing bracket"),
    (b'{"a": 1} x', "follows the end"),
    (b"{'a': 1}", "name is not in quotation marks"),
    (b"{a: 1}", "name is not in quotation marks"),
    (b'{"a": NaN}', "malformed"),
    (b'{"a": Infinity}', "malformed"),
    (b'{"a": -Infinity}', "malformed"),
    (b'{"a": 01}', "malformed"),
    (b'{"a": "line\rend"}', "raw control character"),
    (b'{"a": "\\ud800"}', "escape"),
    (b'{"a": "\\udc00\\ud800"}', "escape"),
    (b'{"a": "\\q"}', "escape"),
    (b"[" * 1000, "nested too deeply"),
    (b'{"a":' * 1000, "nested too deeply"),
    (b'{"a": ' + b"9" * 5000 + b"}", "too many digits"),
    (b"token=t&order_id=1", "malformed"),
    (b"\x00", "malformed"),
]


@pytest.mark.parametrize(("body", "reason"), MALFORMED, ids=lambda value: repr(value)[:24])
def test_malformed_json_is_invalid_encoded_params_and_says_why(body, reason):
    refusal = refusal_of(body)
    assert refusal.status == "invalid-encoded-params"
    assert reason in refusal.message
    assert "JSONSetElement" in refusal.hint


@pytest.mark.parametrize(
    "body",
    [b'{"a": "\xff"}', b'{"a": "\xed\xa0\x80"}', b'{"a": "caf\xe9"}', '{"a": 1}'.encode("utf-16"), b"\xff"],
)
@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=iso-8859-1"])
def test_a_body_that_is_not_utf8_is_invalid_encoded_params(body, content_type):
    refusal = refusal_of(body, content_type)
    assert refusal.status == "invalid-encoded-params"
    assert "UTF-8" in refusal.message
    assert ("iso-8859-1" in refusal.message) == ("iso" in content_type)
    assert "--FM-text-encoding utf-8" in refusal.hint


def test_a_byte_order_mark_is_ignored():
    assert read_body(b"\xef\xbb\xbf" + BODY, "application/json") == PARAMS


def test_the_last_of_two_equal_names_counts():
    assert read_body(b'{"a": 1, "a": 2}', "application/json") == {"a": 2}


def test_long_integers_stay_integers():
    assert read_body(b'{"a": 1' + b"0" * 30 + b"}", "application/json") == {"a": 10**30}


def test_a_refusal_never_shows_the_body():
    secret = "s3cret-token-value"
    for body in (b'{"token": "%s",}', b'{"token": "%s', b"%s", b'{"token": %s}', b'{"%s": 1 2}'):
        refusal = refusal_of(body % secret.encode())
        assert secret not in refusal.message + refusal.hint + repr(refusal)


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "deflate", "zstd", "identity, gzip", "x" * 5000])
@pytest.mark.parametrize("body", [BODY, gzip.compress(BODY), b""], ids=["as it is", "compressed", "empty"])
def test_a_content_encoding_is_refused_whatever_the_body(encoding, body):
    refusal = refusal_of(body, content_encoding=encoding)
    assert refusal.status == "invalid-content-type"
    assert refusal.message.startswith(f"The Content-Encoding header announces {encoding.lower()[:40]}")
    assert len(refusal.message) < 200
    assert "Send the body as it is, without Content-Encoding" in refusal.hint


def test_the_content_type_is_told_before_the_content_encoding():
    assert "text/plain" in refusal_of(BODY, "text/plain", content_encoding="gzip").message


@pytest.mark.parametrize("encoding", [None, "", " ", "identity", "Identity", "identity, identity"])
def test_identity_is_no_encoding(encoding):
    assert read_body(BODY, "application/json", encoding) == PARAMS


# --- sensitive routes ---


def spellings_of_base64(text: bytes) -> dict[str, bytes]:
    standard, url_safe = base64.b64encode(text), base64.urlsafe_b64encode(text)
    return {
        "standard": standard,
        "without padding": standard.rstrip(b"="),
        "URL-safe": url_safe,
        "URL-safe without padding": url_safe.rstrip(b"="),
        "RFC 2045 lines": base64.encodebytes(text).replace(b"\n", b"\r\n"),
        "RFC 1421 lines": b"\r\n".join(standard[at : at + 64] for at in range(0, len(standard), 64)),
        "blanks around": b"  " + standard + b"\n",
    }


@pytest.mark.parametrize("content_type", ["text/plain", "text/plain; charset=utf-8", "application/json"])
@pytest.mark.parametrize("length", range(4))
def test_a_sensitive_body_is_base64_of_an_object_in_any_spelling(content_type, length):
    params = {"password": "<<???>>~~ÿ" * 20 + "x" * length}
    for name, body in spellings_of_base64(json.dumps(params, ensure_ascii=False).encode()).items():
        assert read_body(body, content_type, sensitive=True) == params, name


@pytest.mark.parametrize(
    "body",
    [
        b'{"password": "x"}',
        b'[{"password": "x"}]',
        b"not base64!",
        b"eyJhIjoxf",  # of {"a":1}, with the last character lost
        base64.b64encode(BODY) + b"=abcd",  # the checksum line of RFC 4880
        base64.b64encode(BODY)[:5],
        base64.b64encode(b"[1]"),
        base64.b64encode(b'"text"'),
        base64.b64encode(b"null"),
        base64.b64encode(b" "),
        base64.b64encode(b'{"a": NaN}'),
        base64.b64encode(b"\xff\xfe\x00"),
        b"====",
        b"=",
    ],
)
def test_any_other_body_of_a_sensitive_route_is_invalid_encoded_params(body):
    assert refusal_of(body, "text/plain", sensitive=True).status == "invalid-encoded-params"


def test_plain_json_on_a_sensitive_route_is_told_how_to_encode():
    refusal = refusal_of(BODY, "application/json", sensitive=True)
    assert refusal.status == "invalid-encoded-params"
    assert "Base64EncodeRFC ( 4648 ; $json )" in refusal.hint


@pytest.mark.parametrize("body", [b"", b"\r\n", base64.b64encode(b"{}")])
def test_an_empty_sensitive_body_holds_no_parameters(body):
    assert refusal_of(body, "text/plain", sensitive=True).status == "no-params-decoded"


@pytest.mark.parametrize(
    "content_type", [None, "application/x-www-form-urlencoded", "application/octet-stream"]
)
def test_a_sensitive_route_wants_a_text_type(content_type):
    refusal = refusal_of(base64.b64encode(BODY), content_type, sensitive=True)
    assert refusal.status == "invalid-content-type"
    assert "text/plain" in refusal.hint


# --- whatever the bytes ---

JSON_LIKE = st.text(alphabet='{}[]":,\\ue0123456789.-+EtrufalsnNI \n', max_size=60).map(str.encode)


@given(
    body=st.binary(max_size=200) | JSON_LIKE | JSON_LIKE.map(base64.b64encode),
    content_type=st.sampled_from(["application/json", "text/plain"]) | st.text(max_size=40) | st.none(),
    sensitive=st.booleans(),
)
def test_any_bytes_are_parameters_or_a_refusal(body, content_type, sensitive):
    try:
        params = read_body(body, content_type, sensitive=sensitive)
    except Refusal as refusal:
        assert refusal.status in {"invalid-content-type", "no-params-decoded", "invalid-encoded-params"}
        assert refusal.message.isprintable()
        assert refusal.message and refusal.hint
    else:
        assert isinstance(params, dict)
        assert params


BOMBS = {
    "one name again and again": b"{" + b",".join([b'"a":1'] * (KB_256 // 6)) + b"}",
    "many names": b"{" + b",".join(b'"%x":1' % number for number in range(KB_256 // 10)) + b"}",
    "open arrays": b"[" * KB_256,
    "open objects": b'{"a":' * (KB_256 // 5),
    "empty objects": b'{"a":[' + b",".join([b"{}"] * (KB_256 // 3 - 10)) + b"]}",
    "a long number": b'{"a":' + b"1" * (KB_256 - 10) + b"}",
    "long numbers": b'{"a":[' + b",".join([b"7" * 4200] * 62) + b"]}",
    "backslashes": b'{"a":"' + b"\\" * KB_256,
    "blanks": b" " * KB_256,
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("sensitive", [False, True])
def test_a_bomb_of_256_kb_is_answered_at_once(name, sensitive):
    body = base64.b64encode(BOMBS[name]) if sensitive else BOMBS[name]
    started = time.thread_time()
    with contextlib.suppress(Refusal):
        read_body(body, "application/json", sensitive=sensitive)
    # Measured at 15 ms at most; the time of this thread alone, since other processes are at work beside it.
    assert time.thread_time() - started < 0.25
