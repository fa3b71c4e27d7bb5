"""The samples work: what a page shows is run against the service, with nothing but the token filled in.

Records that a sample refers to by id are made first, and the ids put in the place of the examples'.
"""

import json
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from api.app import ROUTES
from api.documentation.samples import PLACEHOLDER, samples, sent_by_samples, whole_example
from api.routes import OpenRoute, Route
from models.passwords import hash_password
from tests.client import CREATE, STAMP, ApiClient
from tests.documentation.answers import departures
from tests.stack import Stack
from tests.waiting import eventually
from tests.world import stamp

TRIED = [route for route in ROUTES if isinstance(route, Route)]
BY_PATH = pytest.mark.parametrize("route", TRIED, ids=lambda route: route.path)
RUNNERS = {
    "curl": ["/bin/sh", "-s"],
    "python": [sys.executable, "-W", "error", "-"],
    "javascript": ["node", "--input-type=module", "-"],
}
RUN = [name for name, command in RUNNERS.items() if shutil.which(command[0])]
"""A machine without Node runs the other two; what is sent by JavaScript is compared with theirs below."""


class Scene:
    """The records that one sample is about, and the table of what takes the place of the examples' own."""

    def __init__(self, stack: Stack, route: Route) -> None:
        self.stack = stack
        self.route = route
        self.world = stack.world
        self.token = stack.world.application_token()
        self.order_id = self.world.order(zone="America/New_York").id
        is_about_a_notification = route.service == "notifications"
        is_new = route.path in (CREATE, "/api/v1/sessions/create")
        self.real: dict[str, Callable[[], object]] = {
            "uuid": lambda: str(uuid4()) if is_new else self.appointment()["uuid"],
            "id": lambda: self.notification() if is_about_a_notification else self.appointment()["id"],
            "ids": lambda: str(self.notification()),
            "order_id": lambda: self.order_id,
            "order_request_appt_id": lambda: self.world.order_request_appt(self.order_id),
            "photographer_user_id": lambda: self.world.photographer("Pat Novak").id,
            "updated_at_mt": stamp,
        }
        """Instead of the demo's records, and of days on which nobody runs the tests."""

    def appointment(self, client_email: str = "carla@example.com") -> dict[str, Any]:
        """One of an order with a client, whose mails are through."""
        order = self.world.order(client_email=client_email)
        params = {"token": self.token, "order_id": order.id, "updated_at_mt": STAMP}
        made = self.stack.client(self.token).post(params, path=CREATE).appointment
        self.stack.wait_for_commands(made["id"])
        return made

    def notification(self) -> int:
        """A mail that failed."""
        appointment = self.appointment("wrong@example.com")["id"]
        command = self.world.commands(appointment)["send-confirmation"]["id"]
        self.world.execute("UPDATE commands SET state = 'failed' WHERE id = :id", id=command)
        return self.world.insert(
            "INSERT INTO notifications (status, subject_key, cause, message, hint, appointment_id, command_id,"
            " recipient, attempts) VALUES ('mandrill-email-failed', :key, 'hard-bounce', 'It failed.',"
            " 'Correct the address.', :appointment, :command, 'wrong@example.com', 3) RETURNING id",
            key=f"mail:{appointment}:send-confirmation:0:wrong@example.com",
            appointment=appointment,
            command=command,
        )

    def with_real_ids(self, example: dict[str, Any]) -> dict[str, Any]:
        """The example with ids of records that are there; a list is asked for as it stands."""
        if self.route.path.endswith("/index"):
            return dict(example)
        return {name: self.real[name]() if name in self.real else value for name, value in example.items()}

    def whose_token(self, given: dict[str, Any]) -> str:
        """A caller whom the route is open to."""
        if isinstance(self.route, OpenRoute):
            user = self.world.employee(email=f"{uuid4().hex}@example.com")
            self.world.execute(
                "UPDATE users SET password_hash = :hash WHERE id = :id",
                hash=hash_password(given["password"]),
                id=user.id,
            )
            given["email"] = user.email
            return self.token
        if "application" in self.route.callers:
            return self.token
        user = self.world.employee() if "employee" in self.route.callers else self.world.user()
        return self.world.session_token(user.id)


@BY_PATH
def test_the_samples_are_answered_with_success_and_as_documented(stack: Stack, route: Route) -> None:
    scene = Scene(stack, route)
    programs = {}
    for language in RUN:
        values = scene.with_real_ids(sent_by_samples(route))
        token = scene.whose_token(values)
        (sample,) = (one for one in samples(route, stack.url, values) if one.slug == language)
        programs[language] = sample.text.replace(PLACEHOLDER, token)
    running = {
        language: subprocess.Popen(
            RUNNERS[language],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for language in RUN
    }
    for language, process in running.items():
        out, err = process.communicate(programs[language], timeout=60)
        assert process.returncode == 0, (language, err)
        answer = json.loads(out or "{}")
        assert answer.get("status") == "action-successful", (language, answer, err)
        assert departures(route, answer) == [], language


@BY_PATH
def test_the_example_of_everything_is_answered_with_success_and_without_a_warning(
    stack: Stack, route: Route
) -> None:
    scene = Scene(stack, route)
    values = scene.with_real_ids(whole_example(route))
    token = scene.whose_token(values)
    values = {name: token if value == PLACEHOLDER else value for name, value in values.items()}
    client = stack.client(token)
    if route.method == "GET":
        query = urlencode({name: json.dumps(v) if isinstance(v, bool) else v for name, v in values.items()})
        path = f"{route.path}?{query}"
        reply = client.raw(b"", method="GET", path=path, Authorization=f"Bearer {token}")
    else:
        body = json.dumps(values).encode()
        body = b64encode(body) if route.sensitive else body
        kind = "text/plain" if route.sensitive else "application/json"
        reply = client.raw(body, method=route.method, path=route.path, Content_Type=kind)
    assert (reply.status, reply.body["errors"], reply.body["warnings"]) == ("action-successful", [], [])
    assert departures(route, reply.body) == []
    if "date_start_local" in values:
        made = reply.appointment["id"]
        eventually(lambda: scene.world.appointment(made)["reconciled_at"], what="the times are reconciled")
        assert scene.world.appointment(made)["discrepancies"] == [], "the example contradicts itself"


@pytest.mark.parametrize("route", [one for one in TRIED if "cursor" in one.params], ids=lambda one: one.path)
def test_the_example_of_a_cursor_is_one_of_its_own_list(api: ApiClient, route: Route) -> None:
    made = api.create().appointment
    asked = {**sent_by_samples(route), "cursor": route.params["cursor"].example}
    asked |= {"uuid": made["uuid"]} if "uuid" in asked else {}
    path = f"{route.path}?{urlencode(asked)}"
    reply = api.raw(b"", method="GET", path=path, Authorization=f"Bearer {api.token}")
    assert reply.body["errors"] == []


@BY_PATH
def test_all_languages_send_the_same_values(route: Route) -> None:
    texts = {sample.slug: sample.text for sample in samples(route, "https://api.example.com")}
    assert list(texts) == ["curl", "filemaker", "javascript", "python"]
    for text in texts.values():
        assert f"https://api.example.com{route.path}" in text
        assert "status" in text or text is texts["curl"]
    sent = sent_by_samples(route)
    if sent:
        (object_,) = re.findall(r"(?:params = |URLSearchParams\()(\{.*?\n\})", texts["javascript"], re.DOTALL)
        assert json.loads(object_) == sent
    for name in sent:
        assert name in texts["curl"]
        assert name in texts["filemaker"]
        assert name in texts["python"]


@BY_PATH
def test_a_sample_sends_what_is_required_and_the_whole_example_all_that_is_not_deprecated(
    route: Route,
) -> None:
    required = {param.name for param in route.params if param.required}
    assert required <= sent_by_samples(route).keys() <= whole_example(route).keys()
    assert set(route.sample) <= {param.name for param in route.params}
    assert route.whole.keys() <= route.params.names


def filemaker(path: str) -> str:
    (route,) = (route for route in TRIED if route.path == path)
    (sample,) = (one for one in samples(route, "https://x.example") if one.slug == "filemaker")
    return sample.text


def test_a_filemaker_sample_types_its_values_and_reads_the_bodys_status() -> None:
    script = filemaker(CREATE)
    assert '[ "token" ; $$token ; JSONString ]' in script
    assert '[ "order_id" ; 2 ; JSONNumber ]' in script
    assert '[ "confirmed" ; True ; JSONBoolean ]' in script
    assert '[ "date_start_local" ; "2026-12-04" ; JSONString ]' in script
    assert '\\"Content-Type: application/json\\"' in script
    assert "--data-binary @$json" in script
    assert 'JSONGetElement ( $answer ; "status" )' in script
    steps = script.splitlines()
    after = next(number for number, line in enumerate(steps) if "cURL options: $options" in line) + 1
    assert "Get ( LastError )" in steps[after], "every later step would set it anew"


def test_a_filemaker_sample_of_a_sensitive_route_sends_base64() -> None:
    script = filemaker("/api/v1/sessions/create")
    assert "Base64EncodeRFC ( 4648 ; $json )" in script
    assert '\\"Content-Type: text/plain\\"' in script
    assert "--data-binary @$body" in script


def test_a_filemaker_sample_of_a_get_keeps_the_token_out_of_the_url() -> None:
    script = filemaker("/api/v1/notifications/index")
    assert '\\"Authorization: Bearer " & $$token' in script
    url = script.split("Set Variable [ $url")[1].split("Set Variable")[0]
    assert "token" not in url
    assert "Do not automatically encode URL" in script
