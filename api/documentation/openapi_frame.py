"""What of the OpenAPI document no route declares: the envelope, headers, security, and whether the service is well."""

from collections.abc import Mapping
from typing import Any, Final

from api.documentation.samples import PLACEHOLDER
from api.statuses import STATUSES


def _sentence(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


ABOUT: Final = (
    "Appointments of on-site photography: they are stored at once, and their times and mails follow in the "
    "background.\n\n"
    "Every answer is JSON in one envelope, failures included. Branch on `status`; several statuses share an HTTP "
    "code, and some failures are 500 by contract. A request may be repeated safely with the same `uuid` or "
    f"`Idempotency-Key`. The token (`{PLACEHOLDER}` in the examples) goes into the body as `token` or into the "
    "header `Authorization: Bearer`; with GET only the header is taken. Each schema names one spelling that is "
    "accepted; the description names the others."
)
SECURITY: Final[Mapping[str, Any]] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token of an application or of a session. Except with GET it may stand in the body as "
        "`token` instead; if both are sent, they have to be the same.",
    }
}
HEADERS: Final[Mapping[str, Any]] = {
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
HEADER_NAMES: Final[Mapping[str, str]] = {
    "RequestId": "X-Request-Id",
    "RetryAfter": "Retry-After",
    "RateLimitPolicy": "RateLimit-Policy",
    "RateLimit": "RateLimit",
    "PreferenceApplied": "Preference-Applied",
}
HEALTH: Final[Mapping[str, Any]] = {
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
READINESS: Final[Mapping[str, Any]] = {
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


SCHEMAS: Final[Mapping[str, Any]] = {
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
