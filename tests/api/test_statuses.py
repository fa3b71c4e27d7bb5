"""The table of statuses is the contract's: every status, its HTTP code, and nothing else."""

import pytest

from api.answerable import answerable
from api.app import ROUTES
from api.statuses import STATUS, STATUSES

SOURCE = {
    "action-successful": 200,
    "invalid-token": 401,
    "session-expired": 401,
    "client-required": 401,
    "missing-param": 400,
    "invalid-param": 400,
    "application-crash": 500,
    "mandrill-email-failed": 500,
    "invalid-content-type": 400,
    "route-non-existent": 500,
    "no-params-decoded": 400,
    "invalid-encoded-params": 400,
    "route-not-found": 500,
    "identify-request-error": 500,
    "service-not-found": 500,
}
UNCOMMON = {
    "no-params-decoded",
    "invalid-encoded-params",
    "route-not-found",
    "identify-request-error",
    "service-not-found",
}
ADDITIONS = {
    "permission-denied": 403,
    "stale-update": 409,
    "rate-limit-exceeded": 429,
    "request-too-large": 413,
    "invalid-credentials": 401,
}


def test_the_table_holds_the_source_statuses_in_its_order_and_then_the_additions():
    assert [(row.slug, row.code) for row in STATUSES] == [*SOURCE.items(), *ADDITIONS.items()]


def test_the_uncommon_statuses_and_the_additions_are_marked():
    assert {row.slug for row in STATUSES if row.uncommon} == UNCOMMON
    assert {row.slug for row in STATUSES if row.addition} == ADDITIONS.keys()


@pytest.mark.parametrize("row", STATUSES, ids=lambda row: row.slug)
def test_every_status_is_described_in_sentences(row):
    assert len(row.description) > 30
    assert row.description.endswith(".")


def test_only_success_is_successful():
    assert [row.slug for row in STATUSES if row.successful] == ["action-successful"]


def test_a_status_that_is_not_in_the_table_cannot_be_looked_up():
    assert STATUS["stale-update"].code == 409
    with pytest.raises(KeyError):
        STATUS["no-such-status"]


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/api/v1/appointments/create", "application/json"),
        ("/api/v1/sessions/create", "text/plain"),
        ("/api/v1/webhooks/mandrill", "application/x-www-form-urlencoded"),
    ],
)
def test_the_content_type_that_is_asked_for_is_that_of_the_route(path: str, wanted: str):
    (route,) = (route for route in ROUTES if route.path == path and route.method != "GET")
    told = {status.slug: status.description for status in answerable(route)}
    assert wanted in told["invalid-content-type"]
    others = {"application/json", "text/plain", "application/x-www-form-urlencoded"} - {wanted}
    assert not any(other in told["invalid-content-type"] for other in others)
