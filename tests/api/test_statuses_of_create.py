"""Every status of contract.md section 3 that this route can answer, provoked for real, in its whole envelope."""

import base64
import gzip
import io
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from api.app import create_app
from api.pipeline import MAX_BODY_BYTES
from api.statuses import STATUS
from models import tokens
from models.moment import now
from models.switchboard import switchboard
from tasks.catalogue import RECONCILE_TIMES, SEND_CONFIRMATION
from tests.api.conftest import OpenDoor
from tests.client import CREATE, STAMP, ApiClient, Reply
from tests.waiting import eventually
from tests.world import World

OTHER_ROUTES = {"stale-update", "rate-limit-exceeded", "invalid-credentials"}
"""Statuses of changes, of limits and of logging in, which a create does not answer."""

WHOLE = {"code", "status", "message", "data", "errors", "warnings", "request_id"}
MINUTE = timedelta(minutes=1)


@dataclass
class Scene:
    """What a provocation may use."""

    api: ApiClient
    world: World
    door: OpenDoor
    retired: Callable[[str], None]
    database_away: Callable[[], None]


@pytest.fixture
def scene(
    api: ApiClient,
    world: World,
    door: OpenDoor,
    retired: Callable[[str], None],
    database_away: Callable[[], None],
) -> Scene:
    return Scene(api, world, door, retired, database_away)


def expired_session(scene: Scene) -> Reply:
    user = scene.world.employee()
    return scene.api.with_token(scene.world.session_token(user.id, age=timedelta(days=8))).create()


def no_role(scene: Scene) -> Reply:
    return scene.api.with_token(scene.world.session_token(scene.world.user().id)).create()


def client_where_none_are_admitted(scene: Scene) -> Reply:
    user = scene.world.user()
    scene.world.client(user_id=user.id)
    return scene.api.with_token(scene.world.session_token(user.id, application="planox2")).create()


def boom(*_: Any) -> Any:
    raise ZeroDivisionError("the walls of the database are made of s3cret bricks")


def crash(scene: Scene) -> Reply:
    return scene.door(act=boom).create()


def database_away_at_first(scene: Scene) -> Reply:
    switchboard.forget()
    scene.database_away()
    return scene.api.create()


def retired_route(scene: Scene) -> Reply:
    scene.retired("routes")
    return scene.api.create()


def retired_service(scene: Scene) -> Reply:
    scene.retired("services")
    return scene.api.create()


def mail_that_cannot_be_sent(scene: Scene) -> Reply:
    """The client's address is none, so that the mail fails for good while the caller waits."""
    order = scene.world.order(client_email="nobody at all")
    with workers_at_work(scene.world):
        return scene.api.create({"order_id": order.id}, headers={"Prefer": "wait=10"})


@contextmanager
def workers_at_work(world: World) -> Iterator[None]:
    """Another thread does the commands of the next appointment, as workers would."""
    from tasks.reconcile_times import reconcile_times
    from tasks.send_mail import send_mail

    def work() -> None:
        eventually(lambda: world.rows("SELECT id FROM commands WHERE kind = 'reconcile-times'"))
        commands = {row["kind"]: row["id"] for row in world.rows("SELECT id, kind FROM commands")}
        reconcile_times(commands[RECONCILE_TIMES.name])
        send_mail(SEND_CONFIRMATION, commands[SEND_CONFIRMATION.name])

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as pool:
        patch.setattr("tasks.reconcile_times.publish", lambda due: True)
        working = pool.submit(work)
        yield
        working.result(timeout=20)


PROVOCATIONS: dict[str, Callable[[Scene], Reply]] = {
    "action-successful": lambda s: s.api.create(),
    "invalid-token": lambda s: s.api.with_token(tokens.mint("session").text).create(),
    "session-expired": expired_session,
    "client-required": no_role,
    "missing-param": lambda s: s.api.post({"token": s.api.token}),
    "invalid-param": lambda s: s.api.create(order_id=987_654),
    "application-crash": crash,
    "mandrill-email-failed": mail_that_cannot_be_sent,
    "invalid-content-type": lambda s: s.api.raw(b"a=b", Content_Type="application/x-www-form-urlencoded"),
    "route-non-existent": lambda s: s.api.post({}, path="/api/v1/appointments/destroy"),
    "no-params-decoded": lambda s: s.api.post({}),
    "invalid-encoded-params": lambda s: s.api.raw(b'{"token": ', Content_Type="application/json"),
    "route-not-found": retired_route,
    "identify-request-error": database_away_at_first,
    "service-not-found": retired_service,
    "permission-denied": client_where_none_are_admitted,
    "request-too-large": lambda s: s.api.create(notes="x" * MAX_BODY_BYTES),
}


def test_every_status_that_a_create_can_answer_is_provoked_here():
    assert PROVOCATIONS.keys() == STATUS.keys() - OTHER_ROUTES


@pytest.mark.parametrize("status", PROVOCATIONS)
def test_a_status_comes_with_its_code_in_the_whole_envelope(scene: Scene, status: str):
    reply = PROVOCATIONS[status](scene)
    assert (reply.status, reply.code, reply.body["code"]) == (status, STATUS[status].code, reply.code)
    assert reply.body.keys() - {"session"} == WHOLE
    assert ("session" in reply.body) == (status == "client-required")
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-request-id"] == reply.body["request_id"]
    assert re.fullmatch(r"[A-Z].*\.", reply.body["message"], re.S), "a sentence"
    assert isinstance(reply.body["data"], dict)
    assert isinstance(reply.body["warnings"], list)
    for error in reply.body["errors"]:
        assert error.keys() == {"param", "status", "message", "hint"}
        assert error["status"] in STATUS
        assert error["message"].endswith(".")


@pytest.mark.parametrize(
    "status", sorted(PROVOCATIONS.keys() - {"action-successful", "mandrill-email-failed"})
)
def test_what_is_not_successful_stores_nothing(scene: Scene, status: str):
    PROVOCATIONS[status](scene)
    assert scene.world.rows("SELECT id FROM appointments UNION ALL SELECT id FROM commands") == []


@pytest.mark.parametrize(
    "status", ["invalid-token", "session-expired", "invalid-content-type", "no-params-decoded"]
)
def test_a_refusal_without_parameters_says_in_errors_how_to_mend_it(scene: Scene, status: str):
    (error,) = PROVOCATIONS[status](scene).body["errors"]
    assert (error["param"], error["status"]) == (None, status)
    assert error["hint"].endswith(".")


# --- routes that do not exist ---


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/"),
        ("POST", "/api"),
        ("POST", "/api/v1"),
        ("POST", "/api/v2/appointments/create"),
        ("POST", "/api/v1/appointments"),
        ("POST", "/api/v1/appointments/create/"),
        ("POST", "/api/v1//appointments/create"),
        ("POST", "//api/v1/appointments/create"),
        ("POST", "/api/v1/appointments/Create"),
        ("POST", "/api/v1/appointments/create%2f"),
        ("POST", "/api/v1/appointments/create;x=1"),
        ("POST", "/api/v1/./appointments/create"),
        ("POST", "/api/v1/appointments/create%00"),
        ("POST", "/api/v1/%ff%fe"),
        ("POST", "/" + "x" * 5000),
        ("GET", CREATE),
        ("PUT", CREATE),
        ("PATCH", CREATE),
        ("DELETE", CREATE),
        ("OPTIONS", CREATE),
        ("TRACE", CREATE),
        ("BREW", CREATE),
    ],
)
def test_other_paths_and_verbs_are_no_routes(api: ApiClient, method: str, path: str):
    reply = api.raw(b"", method=method, path=path)
    assert (reply.code, reply.status) == (500, "route-non-existent")
    assert len(reply.body["message"]) < 300
    assert reply.body["message"].isprintable()


def test_a_head_request_gets_the_code_and_no_body(api: ApiClient):
    code, headers, body = api.send("HEAD", CREATE, b"", {})
    assert (code, headers["content-type"], body) == (500, "application/json", b"")


def test_a_query_string_changes_nothing(api: ApiClient):
    reply = api.post({"updated_at_mt": STAMP}, path=f"{CREATE}?token={api.token}&order_id=1")
    assert (reply.status, reply.faults) == ("missing-param", {"token": "missing-param"})


def test_a_strange_host_is_still_answered_in_json(api: ApiClient):
    for host in ("a b", "[::1", "x" * 300, "evil.example/path", ""):
        code, _, body = api.send("POST", CREATE, b"", {"Host": host})
        assert json.loads(body)["status"] in ("identify-request-error", "invalid-content-type"), host
        assert code == json.loads(body)["code"]


# --- deployed or not ---


def test_the_service_is_looked_at_before_the_route(scene: Scene):
    scene.retired("routes")
    assert retired_service(scene).status == "service-not-found"


def test_a_retired_route_opens_again(scene: Scene):
    assert retired_route(scene).status == "route-not-found"
    scene.world.execute("UPDATE routes SET deployed = true")
    switchboard.forget()
    assert scene.api.create().status == "action-successful"


def test_a_retired_route_stays_retired_while_the_database_is_away(scene: Scene, monkeypatch):
    retired_route(scene)
    scene.database_away()
    monkeypatch.setattr("models.switchboard.FRESH_FOR_S", 0)
    assert scene.api.create().status == "route-not-found"


def test_after_the_route_is_identified_a_lost_database_is_a_crash(scene: Scene):
    assert scene.api.create().status == "action-successful"
    scene.database_away()
    assert scene.api.create().status == "application-crash"


def test_many_requests_at_once_are_all_told_that_the_database_is_away(scene: Scene):
    switchboard.forget()
    scene.database_away()
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: scene.api.create(), range(32)))
    assert {reply.status for reply in replies} == {"identify-request-error"}


# --- crashes ---


@pytest.mark.parametrize("stage", ["look_up", "check", "act"])
def test_a_crash_says_nothing_about_the_inside(door: OpenDoor, stage: str):
    reply = door(**{stage: boom}).create(notes="gate 4711")
    assert reply.status == "application-crash"
    told = json.dumps(reply.body)
    for inside in ("s3cret", "ZeroDivision", "Traceback", ".py", "4711", "sql"):
        assert inside.lower() not in told.lower(), inside


def test_a_refused_insert_leaves_nothing_half_written(world: World, api: ApiClient, monkeypatch):
    """The database refuses the command, so the appointment of the same statement is not there either."""
    order = world.order()
    world.execute("ALTER TABLE commands ADD CONSTRAINT no_mail CHECK (kind <> 'send-confirmation')")
    try:
        reply = api.create(order_id=order.id)
    finally:
        world.execute("ALTER TABLE commands DROP CONSTRAINT no_mail")
    assert reply.status == "application-crash"
    assert world.rows("SELECT id FROM appointments UNION ALL SELECT id FROM commands") == []
    assert api.create(order_id=order.id).code == 200


# --- how much fits ---


def padded_to(size: int, params: dict[str, Any]) -> bytes:
    body = json.dumps(params).encode()
    return body + b" " * (size - len(body))


def test_a_body_of_256_kb_fits_and_one_more_byte_does_not(api: ApiClient):
    params = {"token": api.token, "updated_at_mt": STAMP}
    for size, status in ((MAX_BODY_BYTES, "action-successful"), (MAX_BODY_BYTES + 1, "request-too-large")):
        reply = api.raw(padded_to(size, params), Content_Type="application/json")
        assert reply.status == status


def streamed(body: io.IOBase) -> TestResponse:
    """Post a body without a Content-Length, as a server hands on one that comes in chunks."""
    return (
        create_app()
        .test_client()
        .post(
            CREATE,
            headers={"Content-Type": "application/json", "Transfer-Encoding": "chunked"},
            environ_overrides={"wsgi.input": body, "wsgi.input_terminated": True, "CONTENT_LENGTH": ""},
        )
    )


@pytest.mark.parametrize(
    ("size", "status"), [(MAX_BODY_BYTES, "action-successful"), (MAX_BODY_BYTES + 1, "request-too-large")]
)
def test_a_chunked_body_is_measured_while_it_is_read(api: ApiClient, size: int, status: str):
    body = padded_to(size, {"token": api.token, "updated_at_mt": STAMP})
    assert streamed(io.BytesIO(body)).json["status"] == status


class BrokenOff(io.RawIOBase):
    """A body whose chunks end in the middle."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        raise OSError("the peer hung up")


def test_a_body_that_breaks_off_is_the_clients_fault(api: ApiClient):
    answered = streamed(BrokenOff())
    assert (answered.status_code, answered.json["status"]) == (400, "invalid-encoded-params")


def test_a_body_that_is_compressed_or_called_so_is_refused(api: ApiClient, world: World):
    body = json.dumps({"token": api.token, "updated_at_mt": STAMP}).encode()
    for sent in (body, gzip.compress(body)):
        reply = api.raw(sent, Content_Type="application/json", Content_Encoding="gzip")
        assert (reply.code, reply.status) == (400, "invalid-content-type")
    assert world.rows("SELECT id FROM appointments") == []
    assert api.raw(body, Content_Type="application/json", Content_Encoding="identity").code == 200


# --- sensitive routes ---


def test_a_sensitive_route_takes_base64_and_nothing_else(door: OpenDoor):
    api = door(sensitive=True)
    body = json.dumps({"token": api.token, "updated_at_mt": STAMP}).encode()
    assert api.raw(body, Content_Type="application/json").status == "invalid-encoded-params"
    assert api.raw(b"%%%", Content_Type="text/plain").status == "invalid-encoded-params"
    assert api.raw(base64.b64encode(b"[1]"), Content_Type="text/plain").status == "invalid-encoded-params"
    assert api.raw(base64.b64encode(body), Content_Type="text/plain").status == "action-successful"


# --- sessions ---


@pytest.mark.parametrize(
    ("age", "idle", "remember_me", "status"),
    [
        (timedelta(0), timedelta(0), False, "action-successful"),
        (timedelta(days=7) - MINUTE, timedelta(0), False, "action-successful"),
        (timedelta(days=7) + MINUTE, timedelta(0), False, "session-expired"),
        (timedelta(hours=72) - MINUTE, timedelta(hours=72) - MINUTE, False, "action-successful"),
        (timedelta(hours=72) + MINUTE, timedelta(hours=72) + MINUTE, False, "session-expired"),
        (timedelta(days=6), timedelta(hours=73), False, "session-expired"),
        (timedelta(days=400), timedelta(0), True, "action-successful"),
        (timedelta(days=400), timedelta(days=400), True, "action-successful"),
    ],
)
def test_sessions_end_after_a_week_or_72_idle_hours(
    api: ApiClient, world: World, age: timedelta, idle: timedelta, remember_me: bool, status: str
):
    token = world.session_token(world.employee().id, age=age, idle=idle, remember_me=remember_me)
    assert api.with_token(token).create().status == status


def test_application_tokens_do_not_expire_but_are_revoked(api: ApiClient, world: World):
    long_ago = now() - timedelta(days=1000)
    world.execute("UPDATE tokens SET created_at = :at, last_used_at = :at", at=long_ago)
    assert api.create().status == "action-successful"
    world.execute("UPDATE tokens SET revoked_at = now()")
    assert api.create().status == "invalid-token"


def test_an_expired_session_is_not_refreshed_by_knocking(api: ApiClient, world: World):
    token = world.session_token(world.employee().id, idle=timedelta(hours=80))
    for _ in range(2):
        assert api.with_token(token).create().status == "session-expired"


def test_a_user_without_roles_gets_the_session_and_its_token_to_register_with(api: ApiClient, world: World):
    user = world.user("Nell Newcomer", "nell@example.com")
    token = world.session_token(user.id)
    reply = api.with_token(token).create()
    assert reply.status == "client-required"
    assert reply.body["data"] == {"register_path": "/api/v1/users/client_register"}
    session = reply.body["session"]
    assert (session["token"], session["roles"]) == (token, [])
    assert session["user"] == {"id": user.id, "email": "nell@example.com", "name": "Nell Newcomer"}


def forged(api: ApiClient, world: World) -> list[object]:
    kind, public_id, secret = api.token.split("_", 2)
    other = world.application_token().split("_", 2)
    return [
        api.token[:-1],
        api.token + "x",
        f"session_{public_id}_{secret}",
        f"{kind}_{other[1]}_{secret}",
        f"{kind}_{public_id}_{other[2]}",
        f"{kind}_{public_id.upper()}_{secret}",
        f"{kind}_{public_id}_{secret}".replace("_", "-", 1),
        secret,
        public_id,
        "x",
        "null",
        "Bearer " + api.token,
        "тoken",
        "x" * 4000,
        "a\x00b",
        7,
        True,
        ["token"],
        {"token": api.token},
    ]


def test_nothing_but_the_token_itself_is_valid(api: ApiClient, world: World):
    for value in forged(api, world):
        reply = api.post({"token": value, "updated_at_mt": STAMP})
        assert (reply.code, reply.status) == (401, "invalid-token"), value


@pytest.mark.parametrize("blank", ["", "  ", "\n", None])
def test_a_blank_token_is_a_missing_one(api: ApiClient, blank: object):
    reply = api.post({"token": blank, "updated_at_mt": STAMP})
    assert (reply.code, reply.status, reply.faults) == (400, "missing-param", {"token": "missing-param"})
