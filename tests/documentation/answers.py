"""Real answers against the schemas of `openapi.json`, which here admit nothing that is not described."""

import copy
import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from api.app import ROUTES
from api.documentation.openapi import openapi
from api.routes import AnyRoute
from tests.client import Reply

DOCUMENT: dict[str, Any] = json.loads(json.dumps(openapi(ROUTES, "https://api.example.com")))


def departures(route: AnyRoute, answer: dict[str, Any]) -> list[str]:
    """In what an answer departs from the schema of its route and code; empty if it fits."""
    return [
        f"{error.json_path}: {error.message[:300]}"
        for error in _validator(route.path, route.method.lower(), str(answer["code"])).iter_errors(answer)
    ]


def check(route: AnyRoute, reply: Reply) -> Reply:
    """The same reply, which fits."""
    assert departures(route, reply.body) == [], reply.body["status"]
    return reply


@cache
def _validator(path: str, method: str, code: str) -> Draft202012Validator:
    content = DOCUMENT["paths"][path][method]["responses"][code]["content"]
    schema = copy.deepcopy(content["application/json"]["schema"])
    components = copy.deepcopy(DOCUMENT["components"])
    _close(components["schemas"])
    for part in schema["allOf"][1:]:
        _close(part.get("then", part)["properties"].get("data", {}))
    return Draft202012Validator(
        {**schema, "components": components}, format_checker=Draft202012Validator.FORMAT_CHECKER
    )


def _close(node: Any) -> None:
    """Refuse names that are not described, in every object that describes some."""
    if isinstance(node, dict):
        for part in list(node.values()):
            _close(part)
        if node.get("type") == "object" and "properties" in node:
            node["additionalProperties"] = False
    elif isinstance(node, list):
        for part in node:
            _close(part)
