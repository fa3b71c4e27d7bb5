"""One request in four languages, from a route and the values to send. Pure; the tests run what it writes.

Every sample sends the same values, branches on the body's `status` rather than on the HTTP code, and holds a
placeholder where the token goes.
"""

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from api.params import Param
from api.routes import Route

PLACEHOLDER: Final = "your-token"
"""What stands in the samples for the token."""

Values = Mapping[str, Any]
_JSON_TYPES: Final = {"integer": "JSONNumber", "boolean": "JSONBoolean"}


@dataclass(frozen=True, slots=True)
class Sample:
    """A program text. `language` is its name as a reader knows it, `slug` as an anchor."""

    slug: str
    language: str
    text: str


def sent_by_samples(route: Route) -> dict[str, Any]:
    """What the samples of a route send: what is required, and its declared sample."""
    return {
        param.name: param.example for param in route.params if param.required or param.name in route.sample
    }


def whole_example(route: Route) -> dict[str, Any]:
    """Every parameter that is not deprecated, with its example; without those that others exclude (`Route.whole`)."""
    chosen = {
        param.name: route.whole.get(param.name, param.example)
        for param in route.params
        if not param.deprecated
    }
    return {name: value for name, value in chosen.items() if value is not None}


def samples(route: Route, base_url: str, values: Values | None = None) -> tuple[Sample, ...]:
    """The samples of a route: `values` by parameter, else what its declaration chose.

    `base_url` is the address of the service, without a slash at its end.
    """
    url = base_url + route.path
    given = sent_by_samples(route) if values is None else values
    return tuple(Sample(slug, language, write(route, url, given)) for slug, language, write in _LANGUAGES)


def _pretty(values: Values) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False)


def _text(value: object) -> str:
    """A value as a query string holds it."""
    return value if isinstance(value, str) else json.dumps(value)


def _curl(route: Route, url: str, values: Values) -> str:
    if route.method == "GET":
        lines = [
            "curl --silent --show-error --get",
            shlex.quote(url),
            f"--header 'Authorization: Bearer {PLACEHOLDER}'",
            *(f"--data-urlencode {shlex.quote(f'{name}={_text(value)}')}" for name, value in values.items()),
        ]
        return " \\\n  ".join(lines)
    media_type = "text/plain" if route.sensitive else "application/json"
    call = (
        f"curl --silent --show-error --request {route.method} \\\n"
        f"  --header 'Content-Type: {media_type}' --data-binary @- \\\n"
        f"  {shlex.quote(url)}"
    )
    if route.sensitive:
        return f"base64 <<'JSON' | {call}\n{_pretty(values)}\nJSON"
    return f"{call} <<'JSON'\n{_pretty(values)}\nJSON"


def _filemaker(route: Route, url: str, values: Values) -> str:
    build = _filemaker_query if route.method == "GET" else _filemaker_body
    return build(route, url, values) + _FILEMAKER_ANSWER


def _filemaker_body(route: Route, url: str, values: Values) -> str:
    rows = " ;\n".join(
        f'    [ "{name}" ; {_filemaker_value(route.params[name], value)} ; '
        f"{_JSON_TYPES.get(route.params[name].type, 'JSONString')} ]"
        for name, value in values.items()
    )
    variable, media_type, encode = "$json", "application/json", ""
    if route.sensitive:
        variable, media_type = "$body", "text/plain"
        encode = (
            "# This route takes its parameters as base64.\n"
            "Set Variable [ $body ; Value: Base64EncodeRFC ( 4648 ; $json ) ]\n"
        )
    return (
        f'{_FILEMAKER_BEGIN}Set Variable [ $json ; Value:\n  JSONSetElement ( "{{}}" ;\n{rows}\n  ) ]\n{encode}'
        "Set Variable [ $options ; Value:\n"
        f'  "--request {route.method}" &\n'
        f'  " --header \\"Content-Type: {media_type}\\"" &\n'
        '  " --connect-timeout 10 --max-time 30" &\n'
        f'  " --FM-text-encoding utf-8 --data-binary @{variable}" ]\n'
        f'Insert from URL [ Select ; With dialog: Off ; Target: $answer ;\n  "{url}" ;\n'
        "  Verify SSL Certificates ; cURL options: $options ]\n"
    )


def _filemaker_query(_route: Route, url: str, values: Values) -> str:
    query = " &\n".join(
        f'  "{"&" if place else "?"}{name}=" & GetAsURLEncoded ( "{_text(value)}" )'
        for place, (name, value) in enumerate(values.items())
    )
    address = f'Set Variable [ $url ; Value:\n  "{url}"' + (f" &\n{query}" if query else "") + " ]\n"
    return (
        f"{_FILEMAKER_BEGIN}{address}Set Variable [ $options ; Value:\n"
        '  "--header \\"Authorization: Bearer " & $$token & "\\"" &\n'
        '  " --connect-timeout 10 --max-time 30" ]\n'
        "Insert from URL [ Select ; With dialog: Off ; Target: $answer ; $url ;\n"
        "  Verify SSL Certificates ; cURL options: $options ; Do not automatically encode URL ]\n"
    )


_FILEMAKER_BEGIN: Final = 'Set Error Capture [ On ]\nSet Variable [ $answer ; Value: "" ]\n'
_FILEMAKER_ANSWER: Final = """\
Set Variable [ $error ; Value: Get ( LastError ) & " " & Get ( LastExternalErrorDetail ) ]
# Get ( LastError ) does not see the HTTP status: the body's status decides.
Set Variable [ $status ; Value: JSONGetElement ( $answer ; "status" ) ]
If [ $status = "action-successful" ]
  Set Variable [ $data ; Value: JSONGetElement ( $answer ; "data" ) ]
Else If [ IsEmpty ( $status ) or Left ( $status ; 1 ) = "?" ]
  # No answer came, but what was sent may have arrived.
  Exit Script [ Text Result: $error ]
Else
  Show Custom Dialog [ $status ; JSONGetElement ( $answer ; "message" ) ]
End If"""


def _filemaker_value(param: Param, value: object) -> str:
    if param.secret and param.name == "token":
        return "$$token"
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, int):
        return str(value)
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", '" & Char ( 10 ) & "')
    return f'"{escaped}"'


def _javascript(route: Route, url: str, values: Values) -> str:
    if route.method == "GET":
        query = f"const query = new URLSearchParams({_pretty(values)});\n" if values else ""
        address = f"`{url}?${{query}}`" if values else json.dumps(url)
        return (
            f"{query}const response = await fetch({address}, {{\n"
            f'  headers: {{ Authorization: "Bearer {PLACEHOLDER}" }},\n}});\n{_JAVASCRIPT_ANSWER}'
        )
    body = "JSON.stringify(params)"
    encode = ""
    media_type = "application/json"
    if route.sensitive:
        media_type, body = "text/plain", "body"
        encode = (
            "// This route takes its parameters as base64 of UTF-8.\n"
            "const bytes = new TextEncoder().encode(JSON.stringify(params));\n"
            "const body = btoa(String.fromCharCode(...bytes));\n"
        )
    return (
        f"const params = {_pretty(values)};\n{encode}"
        f"const response = await fetch({json.dumps(url)}, {{\n"
        f'  method: "{route.method}",\n'
        f'  headers: {{ "Content-Type": "{media_type}" }},\n'
        f"  body: {body},\n}});\n{_JAVASCRIPT_ANSWER}"
    )


_JAVASCRIPT_ANSWER: Final = """\
const answer = await response.json(); // failures are JSON too
if (answer.status === "action-successful") {
  console.log(JSON.stringify(answer));
} else {
  console.error(answer.status, answer.message, answer.errors);
}"""


def _python(route: Route, url: str, values: Values) -> str:
    imports = ["json", "urllib.error", "urllib.request"]
    if route.method == "GET":
        imports.insert(2, "urllib.parse")
        query = f"query = urllib.parse.urlencode({_python_dict(values)})\n" if values else ""
        address = f'f"{url}?{{query}}"' if values else json.dumps(url)
        if not values:
            imports.remove("urllib.parse")
        build = (
            f"{query}request = urllib.request.Request(\n    {address},\n"
            f'    headers={{"Authorization": "Bearer {PLACEHOLDER}"}},\n)\n'
        )
    else:
        data, media_type = "json.dumps(params).encode()", "application/json"
        if route.sensitive:
            imports.insert(0, "base64")
            data, media_type = f"base64.b64encode({data})", "text/plain"
        build = (
            f"params = {_python_dict(values)}\nrequest = urllib.request.Request(\n"
            f'    "{url}",\n    data={data},\n'
            f'    headers={{"Content-Type": "{media_type}"}},\n    method="{route.method}",\n)\n'
        )
    return "".join(f"import {name}\n" for name in imports) + f"\n{build}{_PYTHON_ANSWER}"


def _python_dict(values: Values) -> str:
    rows = "".join(f"    {json.dumps(name)}: {_python_value(value)},\n" for name, value in values.items())
    return f"{{\n{rows}}}" if rows else "{}"


def _python_value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


_PYTHON_ANSWER: Final = """\
try:
    with urllib.request.urlopen(request, timeout=30) as response:
        answer = json.load(response)
except urllib.error.HTTPError as error:
    answer = json.load(error)  # failures are JSON too

if answer["status"] == "action-successful":
    print(json.dumps(answer))
else:
    print(answer["status"], answer["message"], answer["errors"])"""

_LANGUAGES: Final[tuple[tuple[str, str, Callable[[Route, str, Values], str]], ...]] = (
    ("curl", "curl", _curl),
    ("filemaker", "FileMaker", _filemaker),
    ("javascript", "JavaScript", _javascript),
    ("python", "Python", _python),
)
