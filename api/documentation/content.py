"""What the pages say, as data for the templates: from the declarations of the routes, and nothing else. Pure."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from api.answerable import answerable
from api.caller import WITHOUT_ROLE
from api.documentation.answers import answer_of, returned, shapes_of
from api.documentation.headers import AUTHORIZATION, Header, request_headers
from api.documentation.samples import Sample, samples, sent_by_samples, whole_example
from api.params import ACCEPTED, Param
from api.routes import AnyRoute, Route
from api.shapes.shape import Member, Shape
from api.statuses import ACTION_SUCCESSFUL, STALE_UPDATE, STATUS, STATUSES, Status

_IDS: Final = frozenset({"id", "ids", "order_id"})
LONGEST_LINE: Final = 320
"""Texts that may be longer get a field of several lines."""
_WHO: Final = {
    "application": "applications, with a token of their own",
    "employee": "employees",
    "liaison": "liaisons, for the orders of the companies that they serve",
    "client": "clients, for their own orders",
    WITHOUT_ROLE: "users who have a session but no role yet",
    "anybody": "anybody, without a token",
    "mandrill": "Mandrill, by its signature",
}


@dataclass(frozen=True, slots=True)
class ParamPart:
    """A parameter as a page shows it.

    `control` is the kind of field that the form has for it; `is_sampled` says that the form fills it in when asked
    for an example.
    """

    param: Param
    choices: tuple[str, ...]
    accepted: str
    example: str
    control: str
    is_sampled: bool


@dataclass(frozen=True, slots=True)
class AnswerPart:
    """What `data` holds under one status. `example` is an answer, whole; `shapes` are the records that occur in it."""

    status: Status
    members: tuple[Member, ...]
    shapes: tuple[Shape, ...]
    example: str

    @property
    def is_shown(self) -> bool:
        """Whether the example says more than the list of members does."""
        return self.status.slug == STALE_UPDATE


@dataclass(frozen=True, slots=True)
class RoutePage:
    """Everything a route's page says."""

    route: AnyRoute
    title: str
    callers: tuple[str, ...]
    params: tuple[ParamPart, ...]
    form: tuple[tuple[str, str], ...]
    headers: tuple[Header, ...]
    example: str
    samples: tuple[Sample, ...]
    answer: AnswerPart
    failures: tuple[AnswerPart, ...]
    common: tuple[Status, ...]
    uncommon: tuple[Status, ...]

    @property
    def can_be_tried(self) -> bool:
        """Whether a person can send a request: a provider's signature cannot be typed."""
        return isinstance(self.route, Route)

    @property
    def is_sensitive(self) -> bool:
        """Whether the body has to be base64."""
        return isinstance(self.route, Route) and self.route.sensitive

    @property
    def is_read(self) -> bool:
        """Whether the parameters go into the query string."""
        return self.route.method == "GET"

    @property
    def names_records(self) -> bool:
        """Whether the example has ids in it that are not the same everywhere."""
        return isinstance(self.route, Route) and not _IDS.isdisjoint(self.route.params.names)

    @property
    def needs_token(self) -> bool:
        """Whether the caller has to have a token."""
        return AUTHORIZATION in self.headers

    @property
    def takes_token_in_body(self) -> bool:
        """Whether `token` is a parameter of the body."""
        return isinstance(self.route, Route) and "token" in self.route.params


def title(route: AnyRoute) -> str:
    """`Appointments Create`."""
    return route.path.removeprefix("/api/v1/").replace("/", " ").replace("_", " ").title()


def services(routes: Iterable[AnyRoute]) -> list[tuple[str, list[AnyRoute]]]:
    """The routes by their service, both in the order of declaration."""
    order: dict[str, int] = {}
    for route in routes:
        order.setdefault(route.service, len(order))
    ranked = sorted(routes, key=lambda route: order[route.service])
    return [(service, list(group)) for service, group in groupby(ranked, key=lambda route: route.service)]


def route_page(route: AnyRoute, base_url: str) -> RoutePage:
    """The page of one route; `base_url` is the address of the service."""
    statuses = answerable(route)
    params: tuple[ParamPart, ...] = ()
    written: tuple[Sample, ...] = ()
    form: tuple[tuple[str, str], ...] = ()
    example = ""
    if isinstance(route, Route):
        choices = route.choices()
        sampled = sent_by_samples(route)
        params = tuple(
            _part(param, choices.get(param.name) or param.choices or (), param.name in sampled)
            for param in route.params
        )
        written = samples(route, base_url)
        if route.method != "GET":
            example = _json(whole_example(route))
    else:
        form = tuple(route.form.items())
    return RoutePage(
        route=route,
        title=title(route),
        callers=tuple(_WHO[caller] for caller in _WHO if caller in route.callers),
        params=params,
        form=form,
        headers=request_headers(route),
        example=example,
        samples=written,
        answer=_answer(route, STATUS[ACTION_SUCCESSFUL], frozenset()),
        failures=_failures(route, statuses),
        common=tuple(status for status in statuses if not status.uncommon),
        uncommon=tuple(status for status in statuses if status.uncommon),
    )


def _answer(route: AnyRoute, status: Status, known: frozenset[str]) -> AnswerPart:
    """`known` are the names of shapes that the page describes already."""
    found = returned(route, status.slug)
    members = found.members if found is not None else ()
    shapes = tuple(shape for shape in shapes_of(members) if shape.name not in known)
    return AnswerPart(status, members, shapes, _json(answer_of(route, status.slug)))


def _failures(route: AnyRoute, statuses: Iterable[Status]) -> tuple[AnswerPart, ...]:
    """The failures whose answers hold data."""
    found = returned(route, ACTION_SUCCESSFUL)
    known = frozenset(shape.name for shape in shapes_of(found.members if found is not None else ()))
    return tuple(
        _answer(route, status, known)
        for status in statuses
        if status.slug != ACTION_SUCCESSFUL and returned(route, status.slug) is not None
    )


def first_steps(routes: Iterable[AnyRoute], base_url: str) -> tuple[tuple[AnyRoute, str], ...]:
    """The first requests of somebody new, with their routes: create an appointment, then read what became of it."""
    by_path = {route.path: route for route in routes}
    steps = (by_path.get("/api/v1/appointments/create"), by_path.get("/api/v1/appointments/read"))
    return tuple(
        (route, sample.text)
        for route in steps
        if isinstance(route, Route)
        for sample in samples(route, base_url)
        if sample.slug == "curl"
    )


def envelope() -> str:
    """An answer as every route gives it, for a page."""
    return _json(
        {
            "code": 200,
            "status": STATUSES[0].slug,
            "message": "Appointment 1042 was created.",
            "data": {"appointment": {"id": 1042}, "replayed": False},
            "session": {"user": {"name": "Dana Whitfield"}},
            "errors": [],
            "warnings": [{"param": "notez", "message": "Not a parameter of this route; ignored."}],
            "request_id": "c0ffee5eed0123456789abcd",
        }
    )


def _part(param: Param, choices: tuple[str, ...], is_sampled: bool) -> ParamPart:
    example = param.example if isinstance(param.example, str) else json.dumps(param.example)
    return ParamPart(param, choices, ACCEPTED[param.reads], example, _control(param, choices), is_sampled)


def _control(param: Param, choices: tuple[str, ...]) -> str:
    if param.secret:
        return "password"
    if (choices and param.reads == "string") or param.type == "boolean":
        return "select"
    if (param.max_length or 0) > LONGEST_LINE and param.reads == "string":
        return "textarea"
    return "number" if param.type == "integer" else "text"


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
