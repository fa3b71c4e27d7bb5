"""One POST to one host with a promise that no HTTP library makes: it ends in time, and says what went out.

Two things are added to urllib3:

* **A total deadline.** Read timeouts start again with every byte, so a dripping server can hold a thread for
  ever, and a worker of the thread pool has no soft time limit to save it. A watchdog thread shuts the socket
  down at the deadline, whatever the call is doing: TLS handshake, headers or body. (A name look-up cannot be
  interrupted; the resolver has its own limits, seconds, and nothing has been written then.)
* **Whether anything was written.** An error before the first byte of the request is harmless and one after it
  is
  not, so every failure carries `written`. Nothing is ever sent a second time here.

Keep-alive connections are reused only while they are young: one that the server closes in the very moment we
write on it would make an unknown outcome out of a harmless event.
"""

import http.client
import os
import ssl
import threading
import time
import weakref
from dataclasses import dataclass, field
from functools import lru_cache
from socket import SHUT_RDWR, socket
from typing import TYPE_CHECKING, Any

import certifi
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
    TimeoutError,
)
from urllib3.response import BaseHTTPResponse

if TYPE_CHECKING:
    from urllib3._base_connection import BaseHTTPConnection

USER_AGENT = "planomatic-appointments/1.0 (+urllib3)"
IDLE_LIMIT_S = 4.0
"""Servers close idle connections after 5 s at the earliest, by the defaults of the common ones."""
REPLY_LIMIT = 1_000_000
"""Bytes of an answer that are read; Mandrill's are a few hundred."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    body: bytes = field(repr=False)
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """No whole answer. `cause` is a key of `hints.HINTS`; `permanent` means that waiting will not mend it."""

    cause: str
    message: str
    written: bool
    permanent: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: to connect, between two bytes, and for the whole call."""

    connect_s: float = 3.0
    read_s: float = 15.0
    total_s: float = 20.0


class Transport:
    """The connections of one process to one host; safe for threads, not for forks (see `pid`)."""

    def __init__(self, limits: Limits, pool_size: int) -> None:
        self.pid = os.getpid()
        self._limits = limits
        self._manager = PoolManager(
            num_pools=2, maxsize=pool_size, retries=False, ssl_context=_certificates()
        )
        self._manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
        self._watchdog = _Watchdog(limits.total_s)
        weakref.finalize(self, self._watchdog.stop)

    def post(self, url: str, body: bytes, *, not_after: float | None = None) -> Reply | Failure:
        """POST a JSON body and read the whole answer, within the limits. Never raises for the network.

        Nothing is written after `not_after` (of `time.monotonic`), nor after the call's own deadline: a
        process that was stopped in the meantime must not go on as if nothing had happened.
        """
        deadline = time.monotonic() + self._limits.total_s
        call = _Call(deadline, deadline if not_after is None else min(deadline, not_after))
        response: BaseHTTPResponse | None = None
        whole = False
        _current.call = call
        self._watchdog.watch(call)
        try:
            response = self._manager.urlopen(
                "POST",
                url,
                body=body,
                headers={"Content-Type": "application/json", "User-Agent": USER_AGENT},
                redirect=False,
                retries=False,
                preload_content=False,
                timeout=Timeout(
                    connect=self._limits.connect_s, read=self._limits.read_s, total=self._limits.total_s
                ),
            )
            content = _read(response, call)
            # Without a length, a connection cut by the watchdog looks like the end of the answer.
            whole = content is not None and not call.expired
        except (HTTPError, http.client.HTTPException, OSError) as error:
            return self._explain(error, call)
        finally:
            self._watchdog.release(call)
            _current.call = None
            if response is not None and not whole:
                response.close()
        if content is None:
            return Failure("bad-response", f"The answer is longer than {REPLY_LIMIT} bytes.", written=True)
        if not whole:
            return self._too_slow()
        return Reply(response.status, content, response.headers.get("Retry-After"))

    def _explain(self, error: Exception, call: "_Call") -> Failure:
        """What an exception means. The texts of libraries are not repeated: they may quote what was sent."""
        limits = self._limits
        if call.written:
            if call.expired:
                return self._too_slow()
            if isinstance(error, ReadTimeoutError):
                return Failure("read-timeout", f"No answer came for {limits.read_s:g} s.", written=True)
            return Failure(
                "connection-lost", "The connection broke before the answer was complete.", written=True
            )
        return _never_sent(error, limits, late=call.expired)

    def _too_slow(self) -> Failure:
        return Failure(
            "deadline", f"The answer was not complete after {self._limits.total_s:g} s.", written=True
        )


@lru_cache(maxsize=1)
def _certificates() -> ssl.SSLContext:
    """Trust the machine's authorities (with `SSL_CERT_FILE`) and those of certifi; read once, which takes long.

    A bare container may have none, and then every mail would be refused for good.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _never_sent(error: Exception, limits: Limits, *, late: bool) -> Failure:
    """The failure of a call of which nothing was written."""
    if isinstance(error, SSLError) and _is_verification(error):
        return Failure(
            "tls-verification", "The server's certificate was not accepted.", written=False, permanent=True
        )
    cause, message = "connection-failed", "The server could not be reached."
    if _is_too_late(error):
        cause, message = "connect-timeout", "The request could not be written in time."
    elif isinstance(error, SSLError):
        cause, message = "tls-handshake", "No encrypted connection came about."
    elif isinstance(error, NameResolutionError):
        cause, message = "dns", "The name of the server could not be looked up."
    elif isinstance(error, NewConnectionError):
        if isinstance(error.__cause__, ConnectionRefusedError):
            cause, message = "refused", "The server refused the connection."
    elif isinstance(error, TimeoutError) or late:  # a silent TLS handshake is a ReadTimeoutError
        cause, message = "connect-timeout", f"No connection within {limits.connect_s:g} s."
    return Failure(cause, message, written=False)


def _read(response: BaseHTTPResponse, call: "_Call") -> bytes | None:
    """The whole body, piece by piece as it arrives; None when it is too long."""
    pieces: list[bytes] = []
    size = 0
    while piece := response.read1(65_536):
        pieces.append(piece)
        size += len(piece)
        if size > REPLY_LIMIT:
            return None
        if time.monotonic() > call.deadline:
            call.expired = True
            break
    response.release_conn()
    return b"".join(pieces)


def _is_verification(error: SSLError) -> bool:
    """Whether the certificate is at fault, rather than the handshake."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.CertificateError):
            return True
        inner = seen.args[0] if seen.args and isinstance(seen.args[0], BaseException) else None
        seen = inner or seen.__cause__ or seen.__context__
    return False


def _is_too_late(error: Exception) -> bool:
    """Whether we ourselves refused to write; urllib3 wraps what a connection raises."""
    return any(isinstance(each, _TooLateToWriteError) for each in (error, error.__cause__, *error.args))


class _Call:
    """One request under way: when it must end, and whether any of it has been written."""

    __slots__ = ("deadline", "expired", "lever", "not_after", "written")

    def __init__(self, deadline: float, not_after: float) -> None:
        self.deadline = deadline
        self.not_after = not_after
        self.expired = False
        self.written = False
        self.lever: _Lever | None = None

    def cut(self) -> None:
        """Called by the watchdog: end the call by ending its connection."""
        self.expired = True
        if self.lever is not None:
            self.lever.pull(self)


class _TooLateToWriteError(OSError):
    """The time for writing was over before this piece of the request went out."""


class _Current(threading.local):
    """The call that this thread is making; how a connection learns whom it works for."""

    call: _Call | None = None


_current = _Current()


class _Lever:
    """A second handle on a connection's socket, to shut it down from another thread.

    The first handle will not do: wrapping in TLS detaches it, and `http.client` drops it while the body of a
    closing connection is still being read. A pooled connection serves one call after another, so the lever
    works only for the call that holds it.
    """

    __slots__ = ("_holder", "_lock", "_socket")

    def __init__(self, sock: socket) -> None:
        self._socket = sock.dup()
        self._lock = threading.Lock()
        self._holder: _Call | None = None

    def hand_to(self, call: _Call) -> None:
        with self._lock:
            self._holder = call
        call.lever = self
        if call.expired:  # the watchdog came while the connection was being made
            self.pull(call)

    def pull(self, call: _Call) -> None:
        with self._lock:
            if self._holder is call:
                try:
                    self._socket.shutdown(SHUT_RDWR)
                except OSError:
                    return  # already closed by the other side

    def __del__(self) -> None:
        self._socket.close()


class _Connection(HTTPConnection):
    """A connection that puts its lever into the hands of the current call and notes the first write."""

    idle_since: float | None = None
    _lever: _Lever | None = None

    def _new_conn(self) -> socket:
        sock = super()._new_conn()
        self._lever = _Lever(sock)
        if _current.call is not None:
            self._lever.hand_to(_current.call)
        return sock

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self._lever is not None and _current.call is not None:
            self._lever.hand_to(_current.call)
        super().request(*args, **kwargs)

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        call = _current.call
        if call is not None:
            if time.monotonic() > call.not_after:
                raise _TooLateToWriteError("The request was not written in time.")
            call.written = True
        super().send(data)

    def close(self) -> None:
        self._lever = None  # a call that still reads holds it, too
        super().close()


class _SecureConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    """A pool that closes a connection which has been idle for too long instead of trusting it."""

    ConnectionCls = _Connection

    def _get_conn(self, timeout: float | None = None) -> "BaseHTTPConnection":
        connection = super()._get_conn(timeout)
        if isinstance(connection, _Connection) and connection.idle_since is not None:
            if time.monotonic() - connection.idle_since > IDLE_LIMIT_S:
                connection.close()
            connection.idle_since = None
        return connection

    def _put_conn(self, conn: "BaseHTTPConnection | None") -> None:
        if isinstance(conn, _Connection):
            conn.idle_since = time.monotonic()
        super()._put_conn(conn)


class _SecurePool(_Pool, HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Watchdog:
    """One sleeping thread per process that cuts the calls whose time is over.

    Every call has the same time, so a nap of that length, begun when nothing was watched, cannot miss the
    deadline of a call that starts during it: nobody needs to wake the thread.
    """

    def __init__(self, total_s: float) -> None:
        self._total_s = total_s
        self._lock = threading.Lock()
        self._calls: dict[_Call, None] = {}
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, call: _Call) -> None:
        with self._lock:
            self._calls[call] = None
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="mandrill-watchdog", daemon=True)
                self._thread.start()

    def release(self, call: _Call) -> None:
        with self._lock:
            self._calls.pop(call, None)

    def stop(self) -> None:
        self._stopped.set()

    def _run(self) -> None:
        nap = 0.0
        while not self._stopped.wait(nap):
            with self._lock:
                now = time.monotonic()
                for call in [call for call in self._calls if call.deadline <= now]:
                    del self._calls[call]
                    call.cut()
                nap = min((call.deadline for call in self._calls), default=now + self._total_s) - now
