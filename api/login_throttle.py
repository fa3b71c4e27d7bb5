"""How often somebody may try to log in: by account and by client address, counted in Redis for all processes.

The engine is `limits`, without its wrapper Flask-Limiter: that one counts requests before a view runs and
refuses with an exception of Flask's. Here the account's name stands in a base64 body that has to be decoded
first, only failures are to count against an address, a success frees the account, and every refusal is JSON.

While Redis does not answer, each process counts for itself: guessing is then slowed by a factor less, and nobody
is locked out of their work. A log-in waits for Redis for a fifth of a second at most, and after a failure Redis
is left alone for `PAUSE_S`.
"""

import hashlib
import hmac
import ipaddress
import time
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from math import ceil
from typing import Any, Final, TypeVar

import structlog
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.backoff import NoBackoff
from redis.retry import Retry

from models.database import autocommit_engine, once_more_if_disconnected
from models.logins import Opened, open_session
from models.passwords import PasswordsBusyError
from settings import get_settings

OF_ACCOUNT: Final = RateLimitItemPerMinute(10, 15, namespace="log-in-account")
"""Attempts on one account within a quarter of an hour, from wherever; a success sets the count back."""

OF_ADDRESS: Final = RateLimitItemPerMinute(50, 15, namespace="log-in-address")
"""Failures from one address: more than an office makes by mistake, and few for trying one password on many."""

REDIS_TIMEOUT_S: Final = 0.1
"""Of the connection and of each answer. Connecting to a Redis that hangs costs both, once."""

PAUSE_S: Final = 5.0
BUSY_RETRY_S: Final = 1
PREFIX: Final = "appointments"

T = TypeVar("T")
log = structlog.get_logger(__name__)


class TooManyLoginsError(Exception):
    """No log-in now. `retry_after_s` is when the next may be tried, `sentence` says so to a person."""

    def __init__(self, retry_after_s: int, sentence: str) -> None:
        super().__init__(retry_after_s, sentence)
        self.retry_after_s = retry_after_s
        self.sentence = sentence


class LoginThrottle:
    """The counts. Safe to share between threads; one for each process."""

    def __init__(self, redis_url: str, secret: bytes, prefix: str = PREFIX) -> None:
        """Nothing is connected yet. `secret` keys the hashes that stand for accounts and addresses."""
        self._redis_url = redis_url
        self._secret = secret
        self._prefix = prefix
        self._shared: MovingWindowRateLimiter | None = None
        self._shared_again_at = 0.0
        self._own = MovingWindowRateLimiter(MemoryStorage())

    def admit(self, email: str, address: str, now: datetime) -> None:
        """Count an attempt on this account. Raises `TooManyLoginsError`, before any password is looked at.

        The attempt is counted before it is known to have failed, so that many at once do not get past.
        """
        place = self._key(network(address))
        if not self._ask(lambda counts: counts.test(OF_ADDRESS, place)):
            raise self._refusal(OF_ADDRESS, place, now, "from this network address")
        account = self._key(email.strip().lower())
        if not self._ask(lambda counts: counts.hit(OF_ACCOUNT, account)):
            raise self._refusal(OF_ACCOUNT, account, now, "for this account")

    def failed(self, address: str) -> None:
        """Count a failure of this address."""
        place = self._key(network(address))
        self._ask(lambda counts: counts.hit(OF_ADDRESS, place))

    def succeeded(self, email: str) -> None:
        """Forget the attempts on this account."""
        account = self._key(email.strip().lower())
        self._ask(lambda counts: counts.clear(OF_ACCOUNT, account))
        self._own.clear(OF_ACCOUNT, account)

    def _refusal(self, item: RateLimitItem, key: str, now: datetime, whose: str) -> TooManyLoginsError:
        stats = self._ask(lambda counts: counts.get_window_stats(item, key))
        wait_s = min(max(1, ceil(stats.reset_time - now.timestamp())), item.get_expiry())
        minutes = ceil(wait_s / 60)
        spelled = "a minute" if minutes == 1 else f"{minutes} minutes"
        return TooManyLoginsError(
            wait_s, f"There were too many failed log-ins {whose}. Try again in {spelled}."
        )

    def _ask(self, question: Callable[[MovingWindowRateLimiter], T]) -> T:
        """The answer of Redis, or of this process's own counts while Redis is away."""
        if time.monotonic() >= self._shared_again_at:
            try:
                return question(self._counts_in_redis())
            except (StorageError, ValueError) as failure:  # ValueError: a URL that is no Redis's
                self._shared_again_at = time.monotonic() + PAUSE_S
                log.warning("log-ins are counted without redis", error=type(failure).__name__)
        return question(self._own)

    def _counts_in_redis(self) -> MovingWindowRateLimiter:
        if self._shared is None:
            options: dict[str, Any] = {
                "socket_connect_timeout": REDIS_TIMEOUT_S,
                "socket_timeout": REDIS_TIMEOUT_S,
                "retry": Retry(NoBackoff(), 0),
            }
            storage = RedisStorage(self._redis_url, key_prefix=self._prefix, wrap_exceptions=True, **options)
            self._shared = MovingWindowRateLimiter(storage)
        return self._shared

    def _key(self, text: str) -> str:
        """What stands for an account or an address: whoever reads Redis's keys learns neither."""
        return hmac.new(self._secret, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]


@lru_cache(maxsize=1)
def throttle() -> LoginThrottle:
    """This process's counts."""
    settings = get_settings()
    return LoginThrottle(settings.redis_url, settings.secret_key.get_secret_value().encode())


def network(address: str) -> str:
    """What counts as one address: an IPv6 client has a /64 to choose from, so all of it is one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed.packed[:8] + bytes(8), 64)))
    return str(parsed)


def log_in(
    email: str, password: str, application_id: int, *, remember_me: bool, address: str, now: datetime
) -> Opened | None:
    """Open a session unless too many were tried; None when address and password do not belong together.

    `address` is the client's, `now` (aware) when the session begins. The front door and the console both come
    through here, so that they count together. Raises `TooManyLoginsError`.
    """
    throttle().admit(email, address, now)

    def attempt(*, again: bool) -> Opened | None:  # noqa: ARG001 - a token of a try whose answer was lost is nobody's
        with autocommit_engine().connect() as connection:
            return open_session(connection, email, password, application_id, remember_me, now)

    try:
        opened = once_more_if_disconnected(attempt)
    except PasswordsBusyError:
        raise TooManyLoginsError(
            BUSY_RETRY_S, "Too many people are logging in at this moment. Try again in a second."
        ) from None
    if opened is None:
        throttle().failed(address)
    else:
        throttle().succeeded(email)
    return opened
