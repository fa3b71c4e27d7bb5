"""Which statuses a route can answer: the rule, and that no test of the suite ever sees another one."""

import json
from dataclasses import replace

import pytest

from api.answerable import answerable
from api.app import ROUTES
from api.appointments import create, resend_confirmation
from api.notifications import index, resend
from api.routes import Route
from api.statuses import STATUS
from api.webhooks import mandrill
from tests.client import ApiClient, UndeclaredStatusError

OF_EVERY_ROUTE = {
    *("action-successful", "missing-param", "application-crash", "identify-request-error"),
    *("route-non-existent", "route-not-found", "service-not-found", "request-too-large"),
}
OF_A_TOKEN = {
    "invalid-token",
    "session-expired",
    "client-required",
    "permission-denied",
    "rate-limit-exceeded",
}
OF_A_BODY = {"invalid-content-type", "invalid-encoded-params"}


@pytest.mark.parametrize(
    ("route", "statuses"),
    [
        (index.ROUTE, OF_EVERY_ROUTE | OF_A_TOKEN | {"invalid-param"}),
        (resend.ROUTE, OF_EVERY_ROUTE | OF_A_TOKEN | OF_A_BODY | {"invalid-param", "no-params-decoded"}),
        (
            resend_confirmation.ROUTE,
            OF_EVERY_ROUTE
            | OF_A_TOKEN
            | OF_A_BODY
            | {"invalid-param", "no-params-decoded", "mandrill-email-failed"},
        ),
        (mandrill.ROUTE, OF_EVERY_ROUTE | OF_A_BODY | {"permission-denied", "rate-limit-exceeded"}),
    ],
    ids=["read with GET", "with a body", "with statuses of its own", "signed by a provider"],
)
def test_the_pipelines_statuses_follow_by_rule_and_the_routes_own_from_its_declaration(route, statuses):
    assert {status.slug for status in answerable(route)} == statuses


def test_a_status_that_is_not_in_the_table_cannot_be_declared():
    with pytest.raises(ValueError, match="not in the table"):
        replace(create.ROUTE, statuses=frozenset({"out-of-paper"}))


def test_every_status_of_the_table_belongs_to_a_route():
    assert {status.slug for route in ROUTES for status in answerable(route)} == set(STATUS)


def test_an_undeclared_status_fails_the_test_that_sees_it():
    (listing,) = (route for route in ROUTES if isinstance(route, Route) and route.key == index.ROUTE.key)
    answer = json.dumps({"status": "stale-update"}).encode()
    api = ApiClient(lambda *_request: (409, {}, answer), "token")
    with pytest.raises(UndeclaredStatusError, match="GET /api/v1/notifications/index"):
        api.raw(b"", method=listing.method, path=listing.path + "?limit=3")
