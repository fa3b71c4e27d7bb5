"""Who gets what: every route and every page, for everybody who may come, and for each owner of a record.

The tables are the specification (contract.md section 4). A route or page without a row fails; so does a row without
its route. A cell says how the answer begins:

    ok       200, the action was carried out
    none     200, and the list holds nothing of it
    token    401 invalid-token       nobody is known by this token, or not any more
    over     401 session-expired
    register 401 client-required     known, but without any role
    missing  400 missing-param       there was no token
    denied   403 permission-denied   known, and this is not for that role
    hidden   400 invalid-param       in the same words as a record that does not exist
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import Rule

from api.app import ROUTES
from api.routes import AnyRoute, OpenRoute, Route, SignedRoute
from tests import webhooks
from tests.client import Reply
from tests.security.callers import WHO, Callers, next_stamp, send
from tests.world import World

UNKNOWN = 987_654

STATUS_OF = {
    "ok": (200, "action-successful"),
    "none": (200, "action-successful"),
    "token": (401, "invalid-token"),
    "over": (401, "session-expired"),
    "register": (401, "client-required"),
    "missing": (400, "missing-param"),
    "denied": (403, "permission-denied"),
    "hidden": (400, "invalid-param"),
}

TABLE = """
                                              of           nobody  garbage revoked over no-role  client stranger liaison foreign employee application
POST /api/v1/appointments/create              the-order    missing token   token   over register ok     hidden   ok      hidden  ok       ok
POST /api/v1/appointments/create              its-request  missing token   token   over register ok     hidden   ok      hidden  ok       ok
POST /api/v1/appointments/create              no-order     missing token   token   over register ok     ok       ok      ok      ok       ok
PUT /api/v1/appointments/update               the-order's  missing token   token   over register ok     hidden   ok      hidden  ok       ok
PUT /api/v1/appointments/update               the-office's missing token   token   over register hidden hidden   hidden  hidden  ok       ok
PUT /api/v1/appointments/update               the-client's missing token   token   over register ok     hidden   hidden  hidden  ok       ok
PUT /api/v1/appointments/cancel               the-order's  missing token   token   over register ok     hidden   ok      hidden  ok       ok
PUT /api/v1/appointments/cancel               the-office's missing token   token   over register hidden hidden   hidden  hidden  ok       ok
PUT /api/v1/appointments/cancel               the-client's missing token   token   over register ok     hidden   hidden  hidden  ok       ok
GET /api/v1/appointments/history              the-order's  missing token   token   over register ok     hidden   ok      hidden  ok       ok
GET /api/v1/appointments/history              the-office's missing token   token   over register hidden hidden   hidden  hidden  ok       ok
GET /api/v1/appointments/history              the-client's missing token   token   over register ok     hidden   hidden  hidden  ok       ok
GET /api/v1/appointments/read                 the-order's  missing token   token   over register ok     hidden   ok      hidden  ok       ok
GET /api/v1/appointments/read                 the-office's missing token   token   over register hidden hidden   hidden  hidden  ok       ok
GET /api/v1/appointments/read                 the-client's missing token   token   over register ok     hidden   hidden  hidden  ok       ok
GET /api/v1/appointments/index                the-order's  missing token   token   over register ok     none     ok      none    ok       ok
GET /api/v1/appointments/index                the-office's missing token   token   over register none   none     none    none    ok       ok
GET /api/v1/appointments/index                the-client's missing token   token   over register ok     none     none    none    ok       ok
POST /api/v1/appointments/resend_confirmation the-order's  missing token   token   over register ok     hidden   ok      hidden  ok       ok
GET /api/v1/notifications/index               the-house's  missing token   token   over register denied denied   denied  denied  ok       ok
GET /api/v1/notifications/read                the-house's  missing token   token   over register denied denied   denied  denied  ok       ok
POST /api/v1/notifications/resend             the-house's  missing token   token   over register denied denied   denied  denied  ok       ok
POST /api/v1/notifications/correct            the-house's  missing token   token   over register denied denied   denied  denied  ok       ok
POST /api/v1/notifications/resolve            the-house's  missing token   token   over register denied denied   denied  denied  ok       ok
POST /api/v1/notifications/ignore             the-house's  missing token   token   over register denied denied   denied  denied  ok       ok
GET /api/v1/sessions/read                     one's-own    missing token   token   over register ok     ok       ok      ok      ok       ok
POST /api/v1/sessions/end                     one's-own    missing token   token   over ok       ok     ok       ok      ok      ok       denied
POST /api/v1/users/client_register            one's-own    missing token   token   over ok       denied denied   denied  denied  denied   denied
"""  # noqa: E501 - a table

WITHOUT_TOKEN = {
    "POST /api/v1/sessions/create": "a person with a password",
    "POST /api/v1/webhooks/mandrill": "Mandrill, by its signature",
}
"""Routes that take no token, and who comes through; `test_routes_without_a_token…` below."""


def rows(table: str) -> dict[tuple[str, str], dict[str, str]]:
    """The cells by (route, whose) and by who asks."""
    head, *lines = table.strip().splitlines()
    assert len(head.split()) == len(WHO) + 1
    found = {}
    for line in lines:
        method, path, whose, *cells = line.split()
        found[f"{method} {path}", whose.replace("-", " ")] = dict(zip(WHO, cells, strict=True))
    return found


ROWS = rows(TABLE)
BY_NAME = {f"{route.method} {route.path}": route for route in ROUTES}

Params = Callable[[Callers, str], dict[str, Any]]


def of_order(callers: Callers, whose: str) -> dict[str, Any]:
    named: dict[str, dict[str, Any]] = {
        "the order": {"order_id": callers.order.id},
        "its request": {"order_request_appt_id": callers.world.order_request_appt(callers.order.id)},
        "no order": {},
    }
    return {**named[whose], "updated_at_mt": next_stamp()}


def changed(callers: Callers, whose: str) -> dict[str, Any]:
    return {"id": callers.appointment(whose), "updated_at_mt": next_stamp(), "summary": "Roof"}


def cancelled(callers: Callers, whose: str) -> dict[str, Any]:
    return {"id": callers.appointment(whose), "updated_at_mt": next_stamp()}


def of_appointment(callers: Callers, whose: str) -> dict[str, Any]:
    return {"id": callers.appointment(whose)}


def listed(callers: Callers, whose: str) -> dict[str, Any]:
    callers.appointment(whose)
    return {"limit": 200}


def sent_again(callers: Callers, whose: str) -> dict[str, Any]:
    made = callers.appointment(whose)
    callers.settle()
    return {"id": made}


def of_notification(callers: Callers, _whose: str) -> dict[str, Any]:
    return {"id": callers.notification()}


def ended(callers: Callers, _whose: str) -> dict[str, Any]:
    return {"ids": str(callers.notification())}


def resent(callers: Callers, _whose: str) -> dict[str, Any]:
    return {"ids": str(failed_mail(callers))}


def corrected(callers: Callers, _whose: str) -> dict[str, Any]:
    return {"id": failed_mail(callers), "email": "carla.right@example.com"}


def nothing(_callers: Callers, _whose: str) -> dict[str, Any]:
    return {}


def failed_mail(callers: Callers) -> int:
    """A notification about a confirmation that failed."""
    made = callers.appointment("the order's")
    command = callers.world.commands(made)["send-confirmation"]["id"]
    callers.world.execute("UPDATE commands SET state = 'failed', attempts = 3 WHERE id = :id", id=command)
    return callers.world.insert(
        "INSERT INTO notifications (status, subject_key, cause, cause_key, message, hint, appointment_id, command_id,"
        " recipient, state, severity, mail_kind) VALUES ('mandrill-email-failed', :key, 'hard-bounce',"
        " 'hard-bounce/send-confirmation', 'It failed.', 'Correct it.', :made, :command, :email,"
        " 'open', 'high', 'send-confirmation') RETURNING id",
        key=f"mail:{made}:send-confirmation:0:{callers.order.client_email}",
        email=callers.order.client_email,
        made=made,
        command=command,
    )


PARAMS: dict[str, Params] = {
    "POST /api/v1/appointments/create": of_order,
    "PUT /api/v1/appointments/update": changed,
    "PUT /api/v1/appointments/cancel": cancelled,
    "GET /api/v1/appointments/history": of_appointment,
    "GET /api/v1/appointments/read": of_appointment,
    "GET /api/v1/appointments/index": listed,
    "POST /api/v1/appointments/resend_confirmation": sent_again,
    "GET /api/v1/notifications/index": nothing,
    "GET /api/v1/notifications/read": of_notification,
    "POST /api/v1/notifications/resend": resent,
    "POST /api/v1/notifications/correct": corrected,
    "POST /api/v1/notifications/resolve": ended,
    "POST /api/v1/notifications/ignore": ended,
    "GET /api/v1/sessions/read": nothing,
    "POST /api/v1/sessions/end": nothing,
    "POST /api/v1/users/client_register": nothing,
}


def test_every_route_has_its_rows_and_every_row_its_route() -> None:
    assert {name for name, _ in ROWS} | WITHOUT_TOKEN.keys() == BY_NAME.keys()
    assert {name for name, _ in ROWS} == PARAMS.keys()
    assert WITHOUT_TOKEN.keys() == {
        name for name, route in BY_NAME.items() if isinstance(route, OpenRoute | SignedRoute)
    }


@pytest.mark.parametrize(("name", "whose"), ROWS, ids=[f"{name}, {whose}" for name, whose in ROWS])
def test_everybody_gets_what_the_table_says(callers: Callers, name: str, whose: str) -> None:
    route = _with_token(BY_NAME[name])
    for who, cell in ROWS[name, whose].items():
        params = PARAMS[name](callers, whose)
        before = callers.world.rows(SEEN) if cell not in ("ok", "none") else []
        reply = callers.ask(who, route, params)
        assert (reply.code, reply.status) == STATUS_OF[cell], (who, reply.body)
        if cell not in ("ok", "none"):
            assert callers.world.rows(SEEN) == before, f"{who} was refused and changed something"
            assert reply.body["data"] in ({}, {"register_path": "/api/v1/users/client_register"}), who
        if cell == "hidden":
            assert words_about(reply, params) == words_about(unknown(callers, who, route, params), params), (
                who
            )
        if name.endswith("appointments/index") and cell in ("ok", "none"):
            newest = callers.world.row("SELECT max(id) AS id FROM appointments")["id"]
            listed = {one["id"] for one in reply.body["data"]["appointments"]}
            assert (newest in listed) == (cell == "ok"), who


SEEN = """
SELECT 'appointment' AS what, id, xmin::text AS version FROM appointments UNION ALL
SELECT 'command', id, xmin::text FROM commands UNION ALL
SELECT 'notification', id, xmin::text FROM notifications UNION ALL
SELECT 'client', id, xmin::text FROM clients UNION ALL
SELECT 'token', id, xmin::text FROM tokens UNION ALL
SELECT 'action', id, '' FROM audit_entries ORDER BY 1, 2
"""
"""Everything that a request could change, and in which version it stands."""


def words_about(reply: Reply, params: dict[str, Any]) -> str:
    """An answer without its request id, and with a placeholder for the id that was asked for."""
    said = json.dumps({**reply.body, "request_id": None})
    for name in ("id", "order_id", "order_request_appt_id"):
        said = said.replace(str(params.get(name, UNKNOWN)), "…").replace(str(UNKNOWN), "…")
    return said


def unknown(callers: Callers, who: str, route: Route, params: dict[str, Any]) -> Reply:
    """The same request about a record that does not exist."""
    ids = ("id", "order_id", "order_request_appt_id")
    return callers.ask(
        who, route, {name: UNKNOWN if name in ids else value for name, value in params.items()}
    )


def _with_token(route: AnyRoute) -> Route:
    assert isinstance(route, Route)
    return route


# --- routes without a token ---


def test_routes_without_a_token_give_nothing_for_one(
    callers: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever holds whichever token: neither logging in nor the webhook looks at it."""
    for token in callers.tokens.values():
        bearer = {} if token is None else {"Authorization": f"Bearer {token}"}
        log_in = _with_token(BY_NAME["POST /api/v1/sessions/create"])
        assert send(callers.api, log_in, {}, **bearer).status == "missing-param"
        body = b"mandrill_events=%5B%7B%7D%5D"
        form = {"Content-Type": "application/x-www-form-urlencoded", **bearer}
        code, _, said = callers.api.send("POST", webhooks.PATH, body, form)
        assert (code, json.loads(said)["status"]) == (403, "permission-denied")
    assert callers.world.rows("SELECT id FROM mail_events") == []


# --- the console ---

CONSOLE = """
                                                            stranger  employee
GET  /console                                               log-in    elsewhere
GET  /console/                                              log-in    elsewhere
GET  /console/login                                         page      page
POST /console/login                                         forged    forged
POST /console/logout                                        log-in    forged
GET  /console/banners                                       log-in    page
GET  /console/notifications                                 log-in    page
GET  /console/notifications/<int:notification_id>           log-in    page
POST /console/notifications/<int:notification_id>/correct   log-in    forged
POST /console/notifications/actions                         log-in    forged
GET  /console/notifications/again                           log-in    page
GET  /console/appointments                                  log-in    page
GET  /console/appointments/day                              log-in    page
GET  /console/appointments/week                             log-in    page
GET  /console/appointments/<int:appointment_id>             log-in    page
POST /console/appointments/<int:appointment_id>/confirm     log-in    forged
GET  /console/appointments/<int:appointment_id>/mails/<kind>           log-in  page
GET  /console/appointments/<int:appointment_id>/mails/<kind>/html      log-in  page
GET  /console/appointments/<int:appointment_id>/mails/<kind>/calendar  log-in  page
GET  /console/queues                                        log-in    page
GET  /console/queues/commands                               log-in    page
GET  /console/queues/commands/<int:command_id>              log-in    page
POST /console/queues/commands/actions                       log-in    forged
GET  /console/queues/commands/again                         log-in    page
GET  /console/<path:wanted>                                 absent    absent
POST /console/<path:wanted>                                 absent    absent
GET  /console/static/<path:filename>                        absent    absent
"""
"""`log-in`: sent to the log-in page. `forged`: a form without its CSRF token, refused. Strangers are all but employees:
their cookies are the columns of the first table."""

CONSOLE_CODES = {"log-in": 303, "elsewhere": 303, "page": 200, "forged": 400, "absent": 404}

OPEN = {
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "GET /openapi.json",
    "GET /documentation",
    "GET /documentation/",
    "GET /documentation/swagger",
    "GET /documentation/swagger/",
    "GET /documentation/filemaker",
    "GET /documentation/static/<path:name>",
    *(f"GET /documentation{route.path}" for route in ROUTES),
}
"""What anybody may read. `/metrics` asks for a token, or for a caller on this host (`tests/api/test_metrics.py`)."""


def doors(app: Flask) -> set[str]:
    """Every verb on every path that the application serves."""
    return {f"{method} {rule.rule}" for rule in app.url_map.iter_rules() for method in verbs(rule)}


def verbs(rule: Rule) -> set[str]:
    # HEAD and OPTIONS come with GET; `test_other_verbs…` asks them.
    return (rule.methods or set()) - {"HEAD", "OPTIONS"}


def console_rows() -> dict[str, tuple[str, str]]:
    lines = [line.split() for line in CONSOLE.strip().splitlines()[1:]]
    return {f"{method} {path}": (stranger, employee) for method, path, stranger, employee in lines}


def test_every_door_of_the_application_stands_in_a_table(app: Flask) -> None:
    assert doors(app) == BY_NAME.keys() | console_rows().keys() | OPEN


def filled(callers: Callers, path: str) -> str:
    """A path of the console about records that exist."""
    if "<" not in path and not path.endswith("/again"):
        return path
    made, note = callers.appointment("the order's"), callers.notification()
    callers.world.execute("UPDATE appointments SET confirmed = true WHERE id = :id", id=made)
    command = callers.world.commands(made)["send-confirmation"]["id"]
    callers.settle()
    for name, value in {
        "<int:notification_id>": note,
        "<int:appointment_id>": made,
        "<int:command_id>": command,
        "<kind>": "confirmation",
        "<path:wanted>": "nowhere",
        "<path:filename>": "../guard.py",
    }.items():
        path = path.replace(name, str(value))
    return f"{path}?ids={note if 'notifications' in path else command}" if path.endswith("/again") else path


def test_every_page_and_form_of_the_console_gives_what_the_table_says(app: Flask, callers: Callers) -> None:
    strangers = {who: token for who, token in callers.tokens.items() if who != "employee"}
    paths = {name: filled(callers, name.split()[1]) for name in console_rows()}
    before = callers.world.rows(SEEN)
    for name, (to_strangers, to_employee) in console_rows().items():
        method = name.split()[0]
        for who, token in {**strangers, "employee": callers.tokens["employee"]}.items():
            visitor = app.test_client()
            if token is not None:
                visitor.set_cookie("console_session", token, path="/console")
            # A token in the header opens no page: the console knows its cookie only.
            header = {"Authorization": f"Bearer {callers.tokens['employee']}"}
            reply = visitor.open(paths[name], method=method, headers=header)
            expected = to_employee if who == "employee" else to_strangers
            assert reply.status_code == CONSOLE_CODES[expected], (name, who)
            if expected == "log-in":
                assert reply.headers["Location"].startswith("/console/login"), (name, who)
                assert not reply.data, (name, who)
            reply.close()
    assert callers.world.rows(SEEN) == before


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PATCH"])
def test_other_verbs_open_no_page_of_the_console(app: Flask, callers: Callers, method: str) -> None:
    stranger = app.test_client()
    for name in console_rows():
        path = filled(callers, name.split()[1]) if "<" in name else name.split()[1]
        reply = stranger.open(path, method=method)
        # Automatic answers to HEAD and OPTIONS pass the guard like any other.
        assert b"Carla" not in reply.data, name
        assert reply.status_code in (200, 303, 404, 405, 500), (name, reply.status_code)
        if reply.status_code == 200:
            assert not reply.data, name
        reply.close()


def test_the_world_is_what_the_tables_think_it_is(callers: Callers, world: World) -> None:
    """The columns are who they are called: each has the roles of its name and no other."""
    roles = {
        row["name"]: (row["employee"], row["liaison"], row["client"])
        for row in world.rows(
            "SELECT name, EXISTS (SELECT FROM employees e WHERE e.user_id = u.id) AS employee,"
            " EXISTS (SELECT FROM liaisons l WHERE l.user_id = u.id) AS liaison,"
            " EXISTS (SELECT FROM clients c WHERE c.user_id = u.id) AS client FROM users u"
        )
    }
    assert roles == {
        "Carla Client": (False, False, True),
        "Stan Stranger": (False, False, True),
        "Nora Norole": (False, False, False),
        "Lee Liaison": (False, True, False),
        "Emma Employee": (True, False, False),
    }
