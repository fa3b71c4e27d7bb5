"""A client of the API, in process or over HTTP, that reads answers as the contract shapes them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import urllib3
from flask import Flask

import api.app
from api.answerable import answerable
from api.documentation.answers import returned
from api.shapes.shape import Member, Shape

CREATE = "/api/v1/appointments/create"
STAMP = "2026-11-20 10:00:00"

Send = Callable[[str, str, bytes, dict[str, str]], tuple[int, dict[str, str], bytes]]


@dataclass(frozen=True)
class Reply:
    """An answer: the HTTP status, the headers by lower-case name, and the envelope."""

    code: int
    headers: dict[str, str]
    body: dict[str, Any] = field(repr=False)

    @property
    def status(self) -> str:
        """The slug."""
        return self.body["status"]

    @property
    def appointment(self) -> dict[str, Any]:
        """The appointment in `data`."""
        return self.body["data"]["appointment"]

    @property
    def faults(self) -> dict[str | None, str]:
        """The status of each parameter at fault."""
        return {error["param"]: error["status"] for error in self.body["errors"]}

    @property
    def warned(self) -> list[str | None]:
        """The parameters that were warned of."""
        return [warning["param"] for warning in self.body["warnings"]]


@dataclass(frozen=True)
class ApiClient:
    """Posts requests with a token in the body."""

    send: Send = field(repr=False)
    token: str = field(repr=False)

    @classmethod
    def in_process(cls, app: Flask, token: str) -> "ApiClient":
        """On a Flask application, without HTTP."""

        def send(
            method: str, path: str, body: bytes, headers: dict[str, str]
        ) -> tuple[int, dict[str, str], bytes]:
            reply = app.test_client().open(path, method=method, data=body, headers=headers)
            return reply.status_code, {k.lower(): v for k, v in reply.headers.items()}, reply.data

        return cls(send, token)

    @classmethod
    def over_http(cls, base_url: str, token: str, *, timeout_s: float = 10) -> "ApiClient":
        """On a running web process."""
        pool = urllib3.PoolManager(maxsize=32, retries=False, timeout=timeout_s)

        def send(
            method: str, path: str, body: bytes, headers: dict[str, str]
        ) -> tuple[int, dict[str, str], bytes]:
            reply = pool.request(method, base_url + path, body=body, headers=headers)
            return reply.status, {k.lower(): v for k, v in reply.headers.items()}, reply.data

        return cls(send, token)

    def with_token(self, token: str) -> "ApiClient":
        """The same door, another caller."""
        return ApiClient(self.send, token)

    def raw(self, body: bytes, *, method: str = "POST", path: str = CREATE, **headers: str) -> Reply:
        """Send these bytes; `Content_Type="…"` names a header."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        code, answered, data = self.send(method, path, body, named)
        reply = Reply(code, answered, json.loads(data))
        _check_declared(method, path, reply.body.get("status"))
        _check_described(method, path, reply.body)
        return reply

    def post(self, params: dict[str, Any], *, path: str = CREATE, **headers: str) -> Reply:
        """Post exactly these parameters as JSON."""
        return self.raw(json.dumps(params).encode(), path=path, Content_Type="application/json", **headers)

    def create(
        self, params: dict[str, Any] | None = None, headers: dict[str, str] | None = None, **more: Any
    ) -> Reply:
        """Create an appointment; token and stamp are filled in."""
        return self.post(
            {"token": self.token, "updated_at_mt": STAMP, **(params or {}), **more}, **(headers or {})
        )


class UndeclaredStatusError(AssertionError):
    """A route answered what its page does not list."""


def _check_declared(method: str, path: str, status: str | None) -> None:
    """Whatever a test is about: no route may answer a status that it does not declare."""
    for route in api.app.ROUTES:
        if route.key == (method, path.partition("?")[0]) and status not in {
            declared.slug for declared in answerable(route)
        }:
            raise UndeclaredStatusError(f"{method} {path} does not declare that it can answer {status}.")


class UndescribedAnswerError(AssertionError):
    """A route answered data of which its page says something else, or nothing."""


def _check_described(method: str, path: str, body: dict[str, Any]) -> None:
    """Whatever a test is about: `data` has the names that the route's declaration says, and no others."""
    for route in api.app.ROUTES:
        if route.key == (method, path.partition("?")[0]):
            said = returned(route, str(body.get("status")))
            odd = sorted(_undescribed(said.members if said is not None else (), body.get("data", {}), "data"))
            if odd and route.returns:
                raise UndescribedAnswerError(f"{method} {path}, {body.get('status')}: {', '.join(odd)}.")


def _undescribed(members: Sequence[Member], value: dict[str, Any], place: str) -> set[str]:
    odd = {f"{place}.{name} is not described" for name in value.keys() - {member.name for member in members}}
    for member in members:
        here = f"{place}.{member.name}"
        if member.name not in value:
            odd |= set() if member.sometimes else {f"{here} is missing"}
        elif isinstance(member.type, Shape) and value[member.name] is not None:
            found = value[member.name]
            for one in found if member.many else [found]:
                odd |= _undescribed(member.type.members, one, here)
    return odd
