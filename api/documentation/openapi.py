"""The contract as OpenAPI 3.1, from the declarations of the routes and the table of statuses. Pure.

Several statuses share an HTTP code, so each response names the words that `status` can hold then. The contract
answers 500 on purpose for some things (an unknown verb, a mail that could not be sent), and says so here.
"""

import json
from base64 import b64encode
from collections.abc import Iterable
from itertools import groupby
from typing import Any, Final

from api.answerable import answerable
from api.documentation.answers import answer_of, components, returned, schema_of_members
from api.documentation.headers import AUTHORIZATION, PREFER, Header, request_headers
from api.documentation.openapi_frame import (
    ABOUT,
    HEADER_NAMES,
    HEADERS,
    HEALTH,
    READINESS,
    SCHEMAS,
    SECURITY,
)
from api.documentation.samples import whole_example
from api.documentation.schemas import schema_of
from api.params import Param
from api.routes import AnyRoute, OpenRoute, Route, SignedRoute
from api.statuses import ACTION_SUCCESSFUL, MANDRILL_EMAIL_FAILED, STALE_UPDATE, Status

VERSION: Final = "1"
_REF_ENVELOPE: Final = {"$ref": "#/components/schemas/Envelope"}
_EXAMPLES_OF: Final = frozenset({ACTION_SUCCESSFUL, STALE_UPDATE, MANDRILL_EMAIL_FAILED})
"""The statuses whose answers are shown whole."""


def openapi(routes: Iterable[AnyRoute], base_url: str) -> dict[str, Any]:
    """The document. `base_url` is the address of the service, without a slash at its end."""
    paths: dict[str, dict[str, Any]] = {}
    services: dict[str, None] = {}
    known = tuple(routes)
    for route in known:
        services[route.service] = None
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    paths["/healthz"] = {"get": HEALTH}
    paths["/readyz"] = {"get": READINESS}
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Appointments API",
            "version": VERSION,
            "description": ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": base_url}],
        "externalDocs": {"url": f"{base_url}/documentation/", "description": "A page for each route"},
        "tags": [{"name": service} for service in [*services, "operation"]],
        "paths": paths,
        "components": {
            "schemas": {**SCHEMAS, **components(known)},
            "securitySchemes": SECURITY,
            "headers": HEADERS,
        },
    }


def operation_id(route: AnyRoute) -> str:
    """`appointments_create`: resource and action."""
    return "_".join(route.path.removeprefix("/api/v1/").split("/"))


def _operation(route: AnyRoute) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": operation_id(route),
        "tags": [route.service],
        "summary": route.purpose,
        "description": "Open to: " + ", ".join(sorted(route.callers)) + ".",
    }
    if isinstance(route, SignedRoute):
        operation |= _signed(route)
    elif route.method == "GET":
        choices = route.choices()
        operation["parameters"] = [
            *(_in_query(param, choices.get(param.name)) for param in route.params),
            *_in_headers(route),
        ]
        operation["security"] = [{"bearer": []}]
    else:
        operation["parameters"] = _in_headers(route)
        operation["requestBody"] = _body(route)
        # The empty alternative: the token stands in the body, for which OpenAPI has no scheme.
        operation["security"] = [{"bearer": []}, {}] if "token" in route.params else [{}]
    operation["responses"] = _responses(route)
    return operation


def _in_query(param: Param, choices: tuple[str, ...] | None) -> dict[str, Any]:
    schema = schema_of(param, choices)
    shown = {"name": param.name, "in": "query", "required": param.required}
    shown["description"] = schema.pop("description")
    if schema.pop("deprecated", False):
        shown["deprecated"] = True
    shown["schema"] = schema
    return shown


def _in_headers(route: AnyRoute) -> list[dict[str, Any]]:
    """But for Authorization, which OpenAPI has under `security`."""
    return [_in_header(header) for header in request_headers(route) if header != AUTHORIZATION]


def _in_header(header: Header) -> dict[str, Any]:
    return {
        "name": header.name,
        "in": "header",
        "required": False,
        "description": header.description,
        "schema": {
            "type": "string",
            "pattern": header.pattern,
            "maxLength": header.max_length,
            "examples": [header.example],
        },
    }


def _body(route: Route) -> dict[str, Any]:
    choices = route.choices()
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {param.name: schema_of(param, choices.get(param.name)) for param in route.params},
        "minProperties": 1,
        "description": (
            "Null and blank text count as not given. Other names are ignored, each with a warning. "
            "The formats of dates are those without `month_first`."
            if "month_first" in route.params
            else "Null and blank text count as not given. Other names are ignored, each with a warning."
        ),
    }
    # The token may come in the header instead.
    required = [param.name for param in route.params if param.required and param.reads != "token"]
    if required:
        schema["required"] = required
    if not route.sensitive:
        example: dict[str, Any] = {"value": whole_example(route)}
        return {
            "required": True,
            "content": {"application/json": {"schema": schema, "examples": {"whole": example}}},
        }
    packed = {
        "type": "string",
        "contentEncoding": "base64",
        "contentMediaType": "application/json",
        "contentSchema": schema,
        "description": "base64 (RFC 4648) of a JSON object in UTF-8, because the parameters are sensitive.",
    }
    encoded = b64encode(json.dumps(whole_example(route), ensure_ascii=False).encode()).decode()
    told = {"summary": "base64 of the example of each parameter", "value": encoded}
    return {"required": True, "content": {"text/plain": {"schema": packed, "examples": {"whole": told}}}}


def _signed(route: SignedRoute) -> dict[str, Any]:
    fields = {
        name: {"type": "string", "contentMediaType": "application/json", "description": sentence}
        for name, sentence in route.form.items()
    }
    schema = {"type": "object", "properties": fields, "required": list(fields)}
    signature = {
        "name": route.signature_header,
        "in": "header",
        "required": False,
        "description": "The provider's signature of the URL and the form; without it nothing is taken.",
        "schema": {"type": "string"},
    }
    return {
        "parameters": [signature],
        "requestBody": {
            "required": True,
            "content": {"application/x-www-form-urlencoded": {"schema": schema}},
        },
        "security": [{}],
    }


def _responses(route: AnyRoute) -> dict[str, Any]:
    by_code = sorted(answerable(route), key=lambda status: status.code)
    return {
        str(code): _response(route, code, list(group))
        for code, group in groupby(by_code, key=lambda status: status.code)
    }


def _response(route: AnyRoute, code: int, statuses: list[Status]) -> dict[str, Any]:
    told = "\n".join(f"- `{status.slug}`{_marks(status)}: {status.description}" for status in statuses)
    narrowed: dict[str, Any] = {
        "code": {"const": code},
        "status": {"enum": [status.slug for status in statuses]},
    }
    with_data = [status.slug for status in statuses if returned(route, status.slug) is not None]
    if len(statuses) == 1 and with_data:
        narrowed["data"] = _data(route, with_data[0])
        conditions = []
    else:
        conditions = [_if_status(slug, _data(route, slug)) for slug in with_data]
    content: dict[str, Any] = {
        "schema": {"allOf": [_REF_ENVELOPE, {"properties": narrowed}, *conditions]},
    }
    examples = {slug: {"value": answer_of(route, slug)} for slug in with_data if slug in _EXAMPLES_OF}
    if examples:
        content["examples"] = examples
    return {
        "description": told,
        "headers": _response_headers(route, code),
        "content": {"application/json": content},
    }


def _data(route: AnyRoute, slug: str) -> dict[str, Any]:
    found = returned(route, slug)
    return schema_of_members(found.members if found is not None else ())


def _if_status(slug: str, data: dict[str, Any]) -> dict[str, Any]:
    """Several statuses share the code, and only this one has such data."""
    return {
        "if": {"properties": {"status": {"const": slug}}},
        "then": {"properties": {"data": data}},
    }


def _response_headers(route: AnyRoute, code: int) -> dict[str, Any]:
    names = ["RequestId"]
    if isinstance(route, Route) and not isinstance(route, OpenRoute):
        names += ["RateLimitPolicy", "RateLimit"]
        if PREFER in request_headers(route) and code in (200, 500):
            names.append("PreferenceApplied")
    if code == 429:
        names.append("RetryAfter")
    return {HEADER_NAMES[name]: {"$ref": f"#/components/headers/{name}"} for name in names}


def _marks(status: Status) -> str:
    marks = [word for word, holds in (("uncommon", status.uncommon), ("addition", status.addition)) if holds]
    return f" ({', '.join(marks)})" if marks else ""
