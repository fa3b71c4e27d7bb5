"""The body of a request: bytes and a content type in, an object of parameters out, or a refusal.

The checks follow contract.md section 2, so the content type is judged before the body is looked at:
`invalid-content-type` (for a compressed body, too), then `no-params-decoded` for an empty body,
`invalid-encoded-params` for what cannot be decoded, and `no-params-decoded` again for JSON that holds no
parameters.

Nothing is guessed: a form is not taken for JSON although curl labels JSON as a form by default. The size
limit is the caller's; every reader here is linear in the size of the body.
"""

from __future__ import annotations

import codecs
import re
from base64 import b64decode
from typing import Final

from pydantic_core import from_json

from api.faults import Refusal, clipped, kind
from api.statuses import INVALID_CONTENT_TYPE, INVALID_ENCODED_PARAMS, NO_PARAMS_DECODED

JSON_HEADER: Final = '--header "Content-Type: application/json"'

# RFC 4648 sections 4 and 5; blanks and line ends are removed first (RFC 2045 and 1421 break the lines).
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]*={0,2}")
_URL_SAFE_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_WHITESPACE = b" \t\r\n\v\f"

_POSITION = re.compile(r" at line (\d+) column (\d+)$")
# What the JSON reader says, as far as it helps → what we say.
_REASONS: Final = (
    ("recursion limit", "it is nested too deeply"),
    ("number out of range", "a number has too many digits"),
    ("control character", "a text holds a raw control character, such as a line end or a tab"),
    ("EOF while", "it ends too early"),
    ("trailing comma", "there is a comma before a closing bracket"),
    ("trailing characters", "something follows the end of the object"),
    ("key must be a string", "a name is not in quotation marks"),
    ("hex escape", r"a \u escape is not a character"),
    ("invalid escape", "a backslash is not followed by an escape that JSON knows"),
    ("invalid number", "a number is malformed"),
)
_BUILD_WITH_JSONSETELEMENT: Final = (
    "Build the body with JSONSetElement, which quotes names and escapes line ends, quotation marks and "
    "backslashes, and send it with --data-binary."
)
_NO_PARAMS_HINT: Final = (
    'Send one JSON object, for example {"token": "…", "updated_at_mt": "2026-11-22 14:05:09"}; in FileMaker '
    "--data-binary @$json, with the object in the variable $json."
)
_NO_SECRETS_HINT: Final = (
    'Send one JSON object as base64, for example {"email": "…", "password": "…"} to log in: in FileMaker '
    "Base64EncodeRFC ( 4648 ; $json ), with --data-binary."
)
_ENCODE_HINT: Final = (
    "Send the JSON object through Base64EncodeRFC ( 4648 ; $json ); the standard and the URL-safe "
    "alphabet are accepted, with or without padding."
)


def read_body(
    body: bytes, content_type: str | None, content_encoding: str | None = None, *, sensitive: bool = False
) -> dict[str, object]:
    """The parameters of a request, as JSON values; at least one of them.

    `content_type` and `content_encoding` are the headers as they came, or None; nothing is decompressed. The body of
    a `sensitive` route is base64 of a JSON object, under `text/plain` or a JSON type.

    JSON is read as UTF-8 whatever charset the header names (RFC 8259 section 8.1 knows no other), with a
    byte order mark allowed. A name that occurs twice has its last value. Raises `Refusal`, and nothing
    else, whatever the bytes.
    """
    _check_content_type(content_type, sensitive)
    _check_content_encoding(content_encoding)
    hint = _NO_SECRETS_HINT if sensitive else _NO_PARAMS_HINT
    if not body.strip(_WHITESPACE):
        raise Refusal(NO_PARAMS_DECODED, "The body is empty.", hint)
    params = _read_json(_decode_base64(body) if sensitive else body, content_type)
    if sensitive and not isinstance(params, dict):
        raise Refusal(
            INVALID_ENCODED_PARAMS,
            f"The body has to be base64 of a JSON object; it is base64 of {_named(params)}.",
            _ENCODE_HINT,
        )
    if not isinstance(params, dict):
        raise Refusal(
            NO_PARAMS_DECODED,
            f"The body has to be a JSON object; it is {_named(params)}.",
            _NO_PARAMS_HINT,
        )
    if not params:
        raise Refusal(NO_PARAMS_DECODED, "The body is an object without parameters.", hint)
    return params


def _check_content_type(content_type: str | None, sensitive: bool) -> None:
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if _is_json(media_type) or (sensitive and media_type == "text/plain"):
        return
    if not media_type:
        message = "The request has no Content-Type header."
    elif media_type == "application/x-www-form-urlencoded":
        message = (
            "The Content-Type header announces a form (application/x-www-form-urlencoded), which is what "
            "cURL says when no header is given."
        )
    else:
        message = f"The Content-Type header announces {clipped(media_type, 60)}."
    wanted = (
        f'Send the base64 text with the cURL option --header "Content-Type: text/plain" or {JSON_HEADER}.'
        if sensitive
        else f"Send JSON, with the cURL option {JSON_HEADER}."
    )
    within = " Inside a FileMaker calculation, put a backslash before each of its quotation marks."
    raise Refusal(INVALID_CONTENT_TYPE, message, wanted + within)


def _check_content_encoding(content_encoding: str | None) -> None:
    """RFC 9110 section 8.4: the header lists what was done to the body, and `identity` is nothing."""
    announced = (content_encoding or "").strip().lower()
    if all(coding.strip() in ("", "identity") for coding in announced.split(",")):
        return
    raise Refusal(
        INVALID_CONTENT_TYPE,
        f"The Content-Encoding header announces {clipped(announced, 60)}, and compressed bodies are not read.",
        "Send the body as it is, without Content-Encoding.",
    )


def _is_json(media_type: str) -> bool:
    """`application/json`, or a type with the structured suffix of RFC 6839."""
    kind_of, _, subtype = media_type.partition("/")
    if kind_of != "application" or not subtype.isascii() or "," in subtype or " " in subtype:
        return False
    return subtype == "json" or (subtype.endswith("+json") and subtype != "+json")


def _decode_base64(body: bytes) -> bytes:
    packed = body.translate(None, _WHITESPACE)
    packed = packed.removeprefix(codecs.BOM_UTF8)
    if packed[:1] in (b"{", b"["):
        raise Refusal(
            INVALID_ENCODED_PARAMS,
            "The parameters of this route are sensitive: the body has to be base64, and it is plain JSON.",
            _ENCODE_HINT,
        )
    if _BASE64.fullmatch(packed) is None:
        raise Refusal(
            INVALID_ENCODED_PARAMS,
            "The body is not base64: it holds other characters, or something follows the padding.",
            _ENCODE_HINT,
        )
    digits = packed.rstrip(b"=").translate(_URL_SAFE_TO_STANDARD)
    if len(digits) % 4 == 1:
        raise Refusal(
            INVALID_ENCODED_PARAMS,
            "The body is not base64: its length is impossible, so a part of it is missing.",
            _ENCODE_HINT,
        )
    return b64decode(digits + b"=" * (-len(digits) % 4))


def _read_json(text: bytes, content_type: str | None) -> object:
    if text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _not_utf8(content_type)
    text = text.removeprefix(codecs.BOM_UTF8)
    try:
        parsed: object = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        if not _is_utf8(text):
            raise _not_utf8(content_type) from None
        raise _malformed(str(error), text) from None
    return parsed


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _not_utf8(content_type: str | None) -> Refusal:
    charset = re.search(r"charset\s*=\s*\"?([\w.:-]{1,40})", content_type or "", re.ASCII | re.IGNORECASE)
    named = charset[1].lower() if charset else "utf-8"
    claim = "" if named in ("utf-8", "utf8") else f" The header says {named}; JSON is UTF-8 (RFC 8259)."
    return Refusal(
        INVALID_ENCODED_PARAMS,
        "The body is not UTF-8 text." + claim,
        "Send UTF-8; in FileMaker, put the cURL option --FM-text-encoding utf-8 before --data-binary.",
    )


def _malformed(complaint: str, text: bytes) -> Refusal:
    """The refusal of malformed JSON: the place and the reason, never the text that stands there."""
    reason = next((ours for theirs, ours in _REASONS if theirs in complaint), "it is malformed")
    found = _POSITION.search(complaint)
    place = f" (line {found[1]}, column {found[2]})" if found else ""
    hint = _BUILD_WITH_JSONSETELEMENT
    if text[:1] in (b"'", b"&", b"?") or re.match(rb"\w+=", text):
        hint = "The body looks like a form. " + hint
    return Refusal(INVALID_ENCODED_PARAMS, f"The body is not valid JSON: {reason}{place}.", hint)


def _named(value: object) -> str:
    return "null" if value is None else kind(value)
