"""The contract as OpenAPI 3.1, from the declarations of the routes and the table of statuses. Pure.

Several statuses share an HTTP code, so each response names the words that `status` can hold then. The contract
answers 500 on purpose for some things (an unknown verb, a mail that could not be sent), and says so here.
"""

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any, Final

from api.answerable import answerable
from api.documentation.answers import answer_of, components, returned, schema_of_members
from api.documentation.headers import AUTHORIZATION, PREFER, Header, request_headers
from api.documentation.samples import PLACEHOLDER, whole_example
from api.documentation.schemas import schema_of
from api.params import Param
from api.routes import AnyRoute, OpenRoute, Route, SignedRoute
from api.statuses import ACTION_SUCCESSFUL, MANDRILL_EMAIL_FAILED, STALE_UPDATE, STATUSES, Status

VERSION: Final = "1"
_REF_ENVELOPE: Final = {"$ref": "#/components/schemas/Envelope"}


def openapi(routes: Iterable[AnyRoute], base_url: str) -> dict[str, Any]:
    """The document. `base_url` is the address of the service, without a slash at its end."""
    paths: dict[str, dict[str, Any]] = {}
    services: dict[str, None] = {}
    known = tuple(routes)
    for route in known:
        services[route.service] = None
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    paths["/healthz"] = {"get": _HEALTH}
    paths["/readyz"] = {"get": _READINESS}
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Appointments API",
            "version": VERSION,
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": base_url}],
        "externalDocs": {"url": f"{base_url}/documentation/", "description": "A page for each route"},
        "tags": [{"name": service} for service in [*services, "operation"]],
        "paths": paths,
        "components": {
            "schemas": {**_SCHEMAS, **components(known)},
            "securitySchemes": _SECURITY,
            "headers": _HEADERS,
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
    return {_HEADER_NAMES[name]: {"$ref": f"#/components/headers/{name}"} for name in names}


def _marks(status: Status) -> str:
    marks = [word for word, holds in (("uncommon", status.uncommon), ("addition", status.addition)) if holds]
    return f" ({', '.join(marks)})" if marks else ""


_ABOUT: Final = (
    "Appointments of on-site photography: they are stored at once, and their times and mails follow in the "
    "background.\n\n"
    "Every answer is JSON in one envelope, failures included. Branch on `status`; several statuses share an HTTP "
    "code, and some failures are 500 by contract. A request may be repeated safely with the same `uuid` or "
    f"`Idempotency-Key`. The token (`{PLACEHOLDER}` in the examples) goes into the body as `token` or into the "
    "header `Authorization: Bearer`; with GET only the header is taken. Each schema names one spelling that is "
    "accepted; the description names the others."
)
_SECURITY: Final[Mapping[str, Any]] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token of an application or of a session. Except with GET it may stand in the body as "
        "`token` instead; if both are sent, they have to be the same.",
    }
}
_HEADERS: Final[Mapping[str, Any]] = {
    "RequestId": {
        "description": "The id of this request, as `request_id` in the body.",
        "required": True,
        "schema": {"type": "string"},
    },
    "RetryAfter": {
        "description": "Seconds to wait before the next request.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "RateLimitPolicy": {
        "description": "The limit that the request was counted against: q requests in w seconds. Absent without one.",
        "schema": {"type": "string", "examples": ['"application";q=600;w=60']},
    },
    "RateLimit": {
        "description": "What is left of it: r requests, renewed in t seconds. Absent without a limit.",
        "schema": {"type": "string", "examples": ['"application";r=598;t=41']},
    },
    "PreferenceApplied": {
        "description": "`wait=N` when the answer was held as `Prefer` asked for.",
        "schema": {"type": "string", "pattern": "^wait=[0-9]+$"},
    },
}
_HEADER_NAMES: Final[Mapping[str, str]] = {
    "RequestId": "X-Request-Id",
    "RetryAfter": "Retry-After",
    "RateLimitPolicy": "RateLimit-Policy",
    "RateLimit": "RateLimit",
    "PreferenceApplied": "Preference-Applied",
}
_EXAMPLES_OF: Final = frozenset({ACTION_SUCCESSFUL, STALE_UPDATE, MANDRILL_EMAIL_FAILED})
"""The statuses whose answers are shown whole."""
_HEALTH: Final[Mapping[str, Any]] = {
    "operationId": "healthz",
    "tags": ["operation"],
    "summary": "Whether this web process answers.",
    "security": [{}],
    "responses": {
        "200": {
            "description": "It does.",
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": {"status": {"const": "ok"}},
                        "required": ["status"],
                    }
                }
            },
        }
    },
}


_READY: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "status": {"type": "string", "enum": ["ready", "degraded", "not ready"]},
        "checks": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "check": {"type": "string", "description": "What was looked at."},
                    "ok": {"type": "boolean", "description": "Whether it is as it should be."},
                    "message": {"type": "string", "description": "The same in a sentence."},
                    "needed": {
                        "type": "boolean",
                        "description": "Whether this process cannot serve without it.",
                    },
                },
                "required": ["check", "ok", "message", "needed"],
            },
        },
    },
    "required": ["status", "checks"],
}
_READINESS: Final[Mapping[str, Any]] = {
    "operationId": "readyz",
    "tags": ["operation"],
    "summary": "Whether this web process can do its work, and what else is missing.",
    "security": [{}],
    "responses": {
        "200": {
            "description": "It can. `degraded`: something in the background is silent, and its work waits.",
            "content": {"application/json": {"schema": _READY}},
        },
        "503": {
            "description": "It cannot: the database is away or its schema is too old.",
            "content": {"application/json": {"schema": _READY}},
        },
    },
}


def _sentence(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


_SCHEMAS: Final[Mapping[str, Any]] = {
    "Envelope": {
        "type": "object",
        "description": "The one shape of every answer.",
        "properties": {
            "code": {"type": "integer", "description": "The HTTP code once more."},
            "status": {
                "type": "string",
                "enum": [status.slug for status in STATUSES],
                "description": "What became of the request; the word to branch on.",
            },
            "message": _sentence("The same for a person, in a sentence."),
            "data": {"type": "object", "description": "What the route returns; `{}` if nothing."},
            "session": {
                "$ref": "#/components/schemas/Session",
                "description": "The caller's session, if `session_view` is `default` or the status needs it.",
            },
            "errors": {
                "type": "array",
                "description": "Every fault of the request at once, in the order of the documentation.",
                "items": {"$ref": "#/components/schemas/Fault"},
            },
            "warnings": {
                "type": "array",
                "description": "What the caller should know although the request went through.",
                "items": {"$ref": "#/components/schemas/Warning"},
            },
            "request_id": _sentence("Quote it when you ask about this request; also `X-Request-Id`."),
        },
        "required": ["code", "status", "message", "data", "errors", "warnings", "request_id"],
    },
    "Fault": {
        "type": "object",
        "properties": {
            "param": {
                "type": ["string", "null"],
                "description": "The parameter or header at fault; null: the request.",
            },
            "status": {"type": "string", "enum": [status.slug for status in STATUSES]},
            "message": _sentence("What is wrong."),
            "hint": _sentence("How to mend it; may be empty."),
        },
        "required": ["param", "status", "message", "hint"],
    },
    "Warning": {
        "type": "object",
        "properties": {
            "param": {
                "type": ["string", "null"],
                "description": "The name as it was sent; null: the request.",
            },
            "message": _sentence("What to know."),
            "hint": _sentence("What to do about it."),
        },
        "required": ["param", "message"],
    },
}
