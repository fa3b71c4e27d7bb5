"""The client against a real server: what goes over the wire, and what every kind of trouble becomes."""

import base64
import copy
import gc
import json
import logging
import pickle
import socket
import ssl
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr

from tasks.mail import transport
from tasks.mail.addresses import Mailbox
from tasks.mail.destination import DestinationError
from tasks.mail.mandrill import MandrillClient, MandrillError, MandrillKeyError, MandrillUnreachableError
from tasks.mail.outcomes import Accepted, CannotTell, Found, NotAccepted, NotFound, Refused, Unknown
from tasks.mail.transport import Limits
from tests.tasks.mail.letters import a_mail
from tests.tasks.mail.wire_server import (
    answer,
    drip,
    reset,
    silence,
    truncated,
    unused_port,
    wire_server,
)
from tests.waiting import eventually

KEY = "sandbox-KEYSENTINEL"
SHORT = Limits(connect_s=0.5, read_s=0.4, total_s=0.9)
BUSY_S = 3
"""What a busy machine may add to a limit; who is silent or drips goes on for three times as long."""
TO, COPY = "client@example.com", "assistant@example.com"
SENT = answer(
    [{"email": TO, "status": "sent", "_id": "id1"}, {"email": COPY, "status": "sent", "_id": "id2"}]
)


def client(url, limits=SHORT, **more):
    return MandrillClient(url, SecretStr(KEY), limits=limits, **more)


def send(url_or_client, **mail):
    made = url_or_client if isinstance(url_or_client, MandrillClient) else client(url_or_client)
    return made.send(a_mail(**mail), send_id="send-1")


def test_the_request_is_what_mandrill_documents_with_everything_optional_off():
    with wire_server(SENT) as server:
        assert send(server.url) == Accepted("id1", "sent", (TO, COPY), ())
    (path, headers, body) = server.requests[0]
    mail = a_mail()
    assert path == "/api/1.0/messages/send.json"
    assert headers["content-type"] == "application/json"
    assert "urllib3" in headers["user-agent"]
    assert "planomatic" in headers["user-agent"]
    assert body.pop("key") == KEY
    assert body.pop("async") is False
    message = body.pop("message")
    assert body == {}
    assert message == {
        "subject": mail.subject,
        "text": mail.text,
        "html": mail.html,
        "from_email": "appointments@example.com",
        "from_name": "PlanOmatic",
        "to": [
            {"email": TO, "name": "Dana Client", "type": "to"},
            {"email": COPY, "name": "Alex Assistant", "type": "cc"},
        ],
        "preserve_recipients": True,
        "merge": False,
        "track_opens": False,
        "track_clicks": False,
        "auto_text": False,
        "auto_html": False,
        "inline_css": False,
        "view_content_link": False,
        "tags": ["send-confirmation"],
        "metadata": {"send_id": "send-1", "appointment_id": 1042, "kind": "send-confirmation"},
        "attachments": [
            {
                "type": "text/calendar; charset=utf-8; method=REQUEST",
                "name": "appointment-1042.ics",
                "content": base64.b64encode(mail.attachments[0].content).decode(),
            }
        ],
    }
    assert len(json.dumps(message["metadata"])) < 200


def test_a_mail_without_a_calendar_file_names_no_attachments():
    with wire_server(SENT) as server:
        send(server.url, confirmed=False)
    assert "attachments" not in server.last_body["message"]


def test_a_mail_with_an_attachment_is_accepted_when_mandrill_only_queues_it():
    queued = [
        {"email": address, "status": "queued", "queued_reason": "attachments", "_id": f"id{number}"}
        for number, address in enumerate((TO, COPY), start=1)
    ]
    with wire_server(answer(queued)) as server:
        assert send(server.url) == Accepted("id1", "queued: attachments", (TO, COPY), ())
    assert server.last_body["message"]["attachments"]


def test_callers_may_choose_tags_and_metadata_but_not_lose_the_send_id():
    with wire_server(SENT) as server:
        client(server.url).send(
            a_mail(), send_id="s", tags=["again"], metadata={"try": 2, "send_id": "other"}
        )
    assert server.last_body["message"]["tags"] == ["again"]
    assert server.last_body["message"]["metadata"] == {"try": 2, "send_id": "s"}


@pytest.mark.parametrize(
    "labels",
    [{"tags": ["_internal"]}, {"tags": ["x" * 51]}, {"tags": [""]}, {"metadata": {"long": "x" * 200}}],
)
def test_labels_that_mandrill_would_refuse_are_a_mistake_of_the_program(labels):
    with wire_server() as server, pytest.raises(ValueError, match="Mandrill"):
        client(server.url).send(a_mail(), send_id="s", **labels)
    assert server.requests == []


def test_copies_that_could_not_be_written_to_are_reported_as_refused():
    one = answer([{"email": TO, "status": "sent", "_id": "id1"}])
    with wire_server(one) as server:
        result = send(server.url, cc=(Mailbox("not an address"),))
    assert result.recipients == (TO,)
    assert result.refused_copies[0][0] == "not an address"


def test_nothing_listening_is_not_accepted():
    result = send(f"http://127.0.0.1:{unused_port()}/api/1.0")
    assert isinstance(result, NotAccepted)
    assert result.cause == "refused"


def test_an_unknown_name_is_not_accepted():
    result = send("http://no-such-host-here.localhost:1/api/1.0")
    assert isinstance(result, NotAccepted)
    assert result.cause in ("dns", "refused")  # some resolvers know every name under localhost


def test_a_server_that_does_not_speak_tls_is_not_accepted():
    with wire_server(SENT) as server:
        result = send(server.url.replace("http:", "https:"))
    assert isinstance(result, NotAccepted)
    assert server.requests == []


def test_a_certificate_that_cannot_be_verified_is_refused_for_good():
    error = transport.SSLError(ssl.SSLCertVerificationError(1, "self-signed certificate"))
    failure = transport._never_sent(error, SHORT, late=False)
    assert (failure.cause, failure.permanent, failure.written) == ("tls-verification", True, False)


@pytest.mark.parametrize(
    ("behaviour", "cause"),
    [
        (silence, "read-timeout"),
        (reset, "connection-lost"),
        (truncated, "connection-lost"),
        (lambda *_: False, "connection-lost"),
        (drip(b"HTTP/1.1 200 OK\r\n", b"X-Slow: 1\r\n"), "deadline"),
        (drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"), "deadline"),
        (drip(b"", b"\r"), "deadline"),
        (drip(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", b" "), "deadline"),
        (drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"), "deadline"),
        (drip(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b" "), "deadline"),
        (drip(b"HTTP/1.0 200 OK\r\n\r\n", b" "), "deadline"),
        (answer(b" " * 1_000_001), "bad-response"),
        (answer(b"<html>", 502), "http-502"),
        (answer([]), "bad-response"),
    ],
    ids=[
        *("silence", "reset", "truncated", "closed without an answer", "dripping header lines"),
        *(
            "one dripping header",
            "dripping status",
            "dripping body",
            "dripping chunks",
            "dripping without length",
        ),
        *("dripping HTTP 1.0", "endless answer", "502", "empty list"),
    ],
)
def test_trouble_after_writing_is_unknown_in_time_and_never_sent_twice(behaviour, cause):
    with wire_server(behaviour, SENT) as server:
        began = time.monotonic()
        result = send(server.url)
        took = time.monotonic() - began
    assert isinstance(result, Unknown)
    assert result.cause == cause
    assert result.message
    assert took < SHORT.total_s + BUSY_S
    assert len(server.requests) == 1


def test_many_dripping_calls_are_cut_at_once_and_others_are_not_disturbed():
    body = drip(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", b" ")
    with wire_server(*[body] * 8) as server:
        shared = client(server.url)
        began = time.monotonic()
        with ThreadPoolExecutor(8) as threads:
            results = list(threads.map(lambda _: send(shared), range(8)))
        assert {result.cause for result in results} == {"deadline"}
        assert time.monotonic() - began < SHORT.total_s + BUSY_S
        server.script.extend([SENT] * 3)
        assert all(isinstance(send(shared), Accepted) for _ in range(3))


def test_a_silent_tls_handshake_ends_in_time_and_is_not_accepted():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        began = time.monotonic()
        result = send(f"https://127.0.0.1:{mute.getsockname()[1]}/api/1.0")
    assert isinstance(result, NotAccepted)
    assert result.cause == "connect-timeout"
    assert time.monotonic() - began < SHORT.total_s + BUSY_S


def test_retry_after_reaches_the_outcome():
    busy = answer(
        {"status": "error", "code": 429, "name": "RequestLimitExceeded", "message": "Slow down"},
        429,
        {"Retry-After": "3"},
    )
    with wire_server(busy) as server:
        result = send(server.url)
    assert isinstance(result, NotAccepted)
    assert (result.retry_after_s, result.message) == (3, "Slow down")


def test_redirects_are_not_followed():
    with wire_server(answer(b"", 307, {"Location": "/elsewhere"}), SENT) as server:
        result = send(server.url)
    assert isinstance(result, NotAccepted)
    assert result.cause == "redirected"
    assert len(server.requests) == 1


def test_connections_are_kept_and_shared():
    with wire_server(*[SENT] * 5) as server:
        shared = client(server.url)
        for _ in range(5):
            assert isinstance(send(shared), Accepted)
        assert server.connections == 1


def test_a_connection_that_the_server_closed_while_idle_is_replaced_silently():
    closing = answer([{"email": TO, "status": "sent"}, {"email": COPY, "status": "sent"}], keep_open=False)
    with wire_server(closing, SENT) as server:
        shared = client(server.url)
        assert isinstance(send(shared), Accepted)
        eventually(lambda: connection_is_dropped(shared))
        assert isinstance(send(shared), Accepted)
        assert server.connections == 2


def test_a_connection_that_was_idle_for_long_is_not_trusted(monkeypatch):
    with wire_server(SENT, SENT) as server:
        shared = client(server.url)
        assert isinstance(send(shared), Accepted)
        monkeypatch.setattr(transport, "IDLE_LIMIT_S", -1.0)
        assert isinstance(send(shared), Accepted)
        assert server.connections == 2


def test_after_a_fork_the_child_opens_its_own_connections(monkeypatch):
    with wire_server(SENT, SENT, SENT) as server:
        shared = client(server.url)
        send(shared)
        monkeypatch.setattr("tasks.mail.mandrill.os.getpid", lambda: -1)
        send(shared)
        send(shared)
        assert server.connections == 2


def test_a_client_that_is_gone_leaves_no_thread_behind():
    before = watchdogs()
    with wire_server(SENT) as server:
        made = client(server.url)
        send(made)
        (watchdog,) = watchdogs() - before
        del made
        gc.collect()
        eventually(lambda: not watchdog.is_alive())


def test_a_client_is_refused_where_key_and_url_do_not_belong_together():
    with pytest.raises(DestinationError):
        MandrillClient("https://mandrillapp.com/api/1.0", SecretStr(KEY))


class TestFind:
    ENTRY = {"_id": "abc", "state": "sent", "email": TO, "metadata": {"send_id": "send-1"}}  # noqa: RUF012

    def find(self, *script, **more):
        with wire_server(*script) as server:
            result = client(server.url).find("send-1", **more)
        self.server = server
        return result

    def test_asks_for_the_metadata_in_a_range_of_days(self):
        assert self.find(answer([self.ENTRY])) == Found("abc", "sent")
        assert self.server.calls == ["messages/search.json"]
        body = self.server.last_body
        assert body["query"] == "u_send_id:send-1"
        assert body["date_from"] < body["date_to"]
        assert body["limit"] == 100

    def test_prefers_the_message_to_the_given_recipient(self):
        copy_of_it = {**self.ENTRY, "_id": "copy", "email": COPY}
        assert self.find(answer([copy_of_it, self.ENTRY]), email="Client@example.com") == Found("abc", "sent")
        assert self.find(answer([copy_of_it]), email=TO) == Found("copy", "sent")

    def test_other_messages_that_the_search_brings_up_are_not_taken_for_it(self):
        other = {**self.ENTRY, "metadata": {"send_id": "send-11"}}
        assert self.find(answer([other]), answer([{"name": "send_id"}])) == NotFound()

    def test_absence_is_believed_only_when_the_field_is_registered(self):
        assert self.find(answer([]), answer([{"name": "send_id", "state": "active"}])) == NotFound()
        assert self.server.calls == ["messages/search.json", "metadata/list.json"]
        assert isinstance(self.find(answer([]), answer([])), CannotTell)
        assert isinstance(self.find(answer([]), answer([{"name": "other"}])), CannotTell)
        assert isinstance(self.find(answer([]), reset), CannotTell)

    def test_a_stand_in_without_registration_is_believed(self):
        unknown = {"status": "error", "name": "Unknown_Method", "message": "?", "code": -1}
        assert self.find(answer([]), answer(unknown, 404)) == NotFound()
        assert self.find(answer([]), answer(b"not here", 404)) == NotFound()

    @pytest.mark.parametrize(
        "trouble",
        [
            *(silence, reset, answer(b"<html>"), answer({"a": 1}), answer(["x"]), answer(b"", 502)),
            answer({"status": "error", "name": "RequestLimitExceeded", "message": "m", "code": 1}, 429),
            answer([{"_id": "abc", "state": "sent", "email": TO}]),
        ],
    )
    def test_trouble_proves_nothing(self, trouble):
        result = self.find(trouble)
        assert isinstance(result, CannotTell)
        assert result.reason

    def test_odd_ids_are_quoted(self):
        with wire_server(answer([])) as server:
            client(server.url).find('a b" OR *:*')
        assert server.requests[0][2]["query"] == 'u_send_id:"a b\\" OR *:*"'


class TestPing:
    def test_pong(self):
        with wire_server(answer({"PING": "PONG!"})) as server:
            client(server.url).ping()
        assert server.calls == ["users/ping2.json"]
        assert server.last_body == {"key": KEY}

    def test_a_refused_key_is_told_apart(self):
        refusal = {"status": "error", "code": -1, "name": "Invalid_Key", "message": "Invalid API key"}
        with wire_server(answer(refusal, 401)) as server, pytest.raises(MandrillKeyError) as caught:
            client(server.url).ping()
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value) != ""

    @pytest.mark.parametrize("trouble", [silence, reset, answer(b"PONG!"), answer([]), answer(b"", 503)])
    def test_anything_else_is_unreachable(self, trouble):
        with wire_server(trouble) as server, pytest.raises(MandrillUnreachableError):
            client(server.url).ping()


class TestTheKeyIsNeverShown:
    def test_not_in_repr_str_or_pickle_of_the_client(self):
        made = client("http://127.0.0.1:1/api/1.0")
        assert "KEYSENTINEL" not in f"{made!r} {made}"
        for way in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError) as caught:
                way(made)
            assert "KEYSENTINEL" not in str(caught.value)

    @pytest.mark.parametrize(
        "behaviour",
        [
            *(silence, reset, truncated, answer(KEY.encode(), 500), answer([{"key": KEY}])),
            answer({"status": "error", "name": KEY, "message": f"Bad key {KEY}", "code": 1}, 400),
            answer(
                [{"email": TO, "status": "rejected", "reject_reason": KEY}, {"email": COPY, "status": "sent"}]
            ),
        ],
    )
    def test_not_in_outcomes_nor_logs(self, behaviour, caplog):
        caplog.set_level(logging.DEBUG)
        with wire_server(behaviour) as server:
            result = send(server.url)
        assert isinstance(result, Unknown | Refused)
        assert b"KEYSENTINEL" not in pickle.dumps(result)
        assert "KEYSENTINEL" not in repr(result) + caplog.text
        assert "4711" not in caplog.text

    @pytest.mark.parametrize(
        "behaviour",
        [reset, answer({"status": "error", "name": "X", "message": KEY, "code": 1}, 400)],
    )
    def test_not_in_exceptions(self, behaviour):
        with wire_server(behaviour) as server, pytest.raises(MandrillError) as caught:
            client(server.url).ping()
        shown = "".join(traceback.format_exception(caught.value))
        assert "KEYSENTINEL" not in shown + repr(caught.value)
        assert b"KEYSENTINEL" not in pickle.dumps(caught.value)
        assert caught.value.__context__ is None


def watchdogs():
    return {thread for thread in threading.enumerate() if thread.name == "mandrill-watchdog"}


def connection_is_dropped(made):
    (transport_of_it,) = made._transports.values()
    pools = transport_of_it._manager.pools
    (pool,) = [pools[key] for key in pools.keys()]  # noqa: SIM118 - it does not iterate by itself
    return any(connection is not None and not connection.is_connected for connection in pool.pool.queue)
