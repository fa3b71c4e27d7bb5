"""Rate limits per token, and per address for tokens that are not valid: how much one caller may ask of everybody.

All web processes count together in Redis (the library `limits`, fixed windows). Permits are taken in lots: one
question to Redis takes a few dozen, and the requests that follow are served from them without asking, so that a
limit costs a request next to nothing. A limit is therefore exact to within one lot a process: a lot is a twentieth
of the limit, a hundred at most and one where the limit is small. Windows begin with their first request.

When Redis is away, each process counts for itself in memory and asks again after some seconds; the request that
finds out waits `PATIENCE_S` twice at most. Limits then hold per process: refusing everybody would be worse.

Where it stands in the order of checks: after *session fresh*, before *role* (contract.md section 2), so that what
is counted is a token that is known. The key is the token's id in the database, never the token.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

import limits
import structlog
from flask import Response, g
from limits.errors import ConfigurationError, StorageError
from limits.storage import MemoryStorage, Storage, storage_from_string
from redis.backoff import NoBackoff
from redis.retry import Retry

import measures
from api.faults import Refusal
from api.login_throttle import network
from api.statuses import RATE_LIMIT_EXCEEDED
from models.moment import now
from models.tokens import Holder
from settings import get_settings

PATIENCE_S = 0.1
"""For a connection to Redis, and for its answer."""
ASK_AGAIN_S = 5.0
"""Redis was away: it is left alone for so long."""
LARGEST_LOT = 100
LOT_SHARE = 20
REFUSED_FOR_S = 0.25
"""A refusal is repeated without a question for so long, or until the window ends."""
KEPT_KEYS = 10_000
"""Callers that a process remembers; beyond that it forgets those whose lots are over."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rate:
    """A limit: `amount` requests in `window_s` seconds. `name` says whose it is."""

    name: str
    item: limits.RateLimitItem
    amount: int
    window_s: int
    policy: str
    """As the header RateLimit-Policy spells it."""

    @property
    def lot(self) -> int:
        """How many permits are taken at once."""
        return min(LARGEST_LOT, max(1, self.amount // LOT_SHARE))


@dataclass(frozen=True, slots=True)
class Standing:
    """How a caller stands: whether this request is refused, and how many are left for `reset_s` seconds."""

    rate: Rate
    is_refused: bool
    remaining: int
    reset_s: float


@dataclass(slots=True)
class _Lot:
    permits: int
    beyond: int
    """What the window had left after this lot was taken."""
    is_refusal: bool
    valid_until: float
    resets_at: float


def read_rate(name: str, spelled: str) -> Rate | None:
    """A setting as a limit; None when it is off."""
    if spelled == "off":
        return None
    item = limits.parse(spelled)
    policy = f'"{name}";q={item.amount};w={item.get_expiry()}'
    return Rate(name, item, item.amount, item.get_expiry(), policy)


class Limiter:
    """Permits of one process, drawn from the counters that all share. Safe to use from many threads."""

    def __init__(self, redis_url: str, clock: Callable[[], float] = time.monotonic) -> None:
        """No connection is made before the first question."""
        self._shared = _shared_storage(redis_url)
        self._own: Storage = MemoryStorage()
        self._clock = clock
        self._away_until = -math.inf
        self._is_away = False
        self._lots: dict[str, _Lot] = {}
        self._lock = Lock()
        # One question at a time for a caller, or each thread would take a lot of its own.
        self._asking = tuple(Lock() for _ in range(32))

    def take(self, rate: Rate, key: str) -> Standing:
        """One permit for the caller named `key`."""
        key = f"{rate.name}/{key}"
        standing = self._from_lot(rate, key)
        if standing is not None:
            return standing
        with self._asking[hash(key) % len(self._asking)]:
            standing = self._from_lot(rate, key)
            if standing is not None:
                return standing
            lot = self._draw(rate, key)
            with self._lock:
                if len(self._lots) >= KEPT_KEYS:
                    passed = self._clock()
                    self._lots = {
                        name: kept for name, kept in self._lots.items() if kept.valid_until > passed
                    }
                self._lots[key] = lot
            return self._from_lot(rate, key) or Standing(rate, lot.is_refusal, lot.beyond, rate.window_s)

    def _from_lot(self, rate: Rate, key: str) -> Standing | None:
        moment = self._clock()
        with self._lock:
            lot = self._lots.get(key)
            if lot is None or moment >= lot.valid_until:
                return None
            if lot.is_refusal:
                return Standing(rate, True, 0, lot.resets_at - moment)
            if lot.permits == 0:
                return None
            lot.permits -= 1
            return Standing(rate, False, lot.beyond + lot.permits, lot.resets_at - moment)

    def _draw(self, rate: Rate, key: str) -> _Lot:
        count, reset_s = self._count(rate, key)
        moment = self._clock()
        granted = rate.lot - max(0, count - rate.amount)
        if granted > 0:
            return _Lot(granted, max(0, rate.amount - count), False, moment + reset_s, moment + reset_s)
        return _Lot(0, 0, True, moment + min(REFUSED_FOR_S, reset_s), moment + reset_s)

    def _count(self, rate: Rate, key: str) -> tuple[int, float]:
        """The window's count with one lot more, and the seconds until it ends."""
        if self._shared is not None and self._clock() >= self._away_until:
            try:
                counted = _counted(self._shared, rate, key)
            except (StorageError, OSError) as failure:
                self._away_until = self._clock() + ASK_AGAIN_S
                if not self._is_away:
                    self._is_away = True
                    log.warning("rate limits without redis", error=type(failure).__name__)
            else:
                if self._is_away:
                    self._is_away = False
                    log.info("rate limits with redis again")
                return counted
        return _counted(self._own, rate, key)


def _counted(storage: Storage, rate: Rate, key: str) -> tuple[int, float]:
    name = rate.item.key_for(key)
    count = storage.incr(name, rate.window_s, amount=rate.lot)
    if rate.window_s == 1:
        return count, 1.0  # Redis tells whole seconds: asking would say no more
    # `limits` adds the host's clock to what Redis says is left.
    left_s = storage.get_expiry(name) - now().timestamp()
    return count, min(float(rate.window_s), max(1.0, left_s))


def _shared_storage(url: str) -> Storage | None:
    options: dict[str, object] = {
        "socket_connect_timeout": PATIENCE_S,
        "socket_timeout": PATIENCE_S,
        "retry": Retry(NoBackoff(), 0),
        "wrap_exceptions": True,
        "key_prefix": "rate-limits",
    }
    try:
        made: Storage = storage_from_string(url.replace("unix://", "redis+unix://", 1), **options)  # type: ignore[arg-type,assignment]
    except ConfigurationError:
        log.warning("rate limits per process", reason="REDIS_URL is no URL of a single Redis")
        return None
    return made


@dataclass(frozen=True, slots=True)
class _Limits:
    """The limits of this process by kind of token, and the one for tokens that are not valid."""

    limiter: Limiter
    by_kind: dict[str, Rate]
    failures: Rate | None


_limits: _Limits | None = None


def set_up() -> None:
    """Read the settings; called when the application is made."""
    global _limits  # noqa: PLW0603 - one for the process, like its settings
    settings = get_settings()
    rates = (
        read_rate("application", settings.rate_limit_applications),
        read_rate("session", settings.rate_limit_sessions),
    )
    _limits = _Limits(
        Limiter(settings.redis_url),
        {rate.name: rate for rate in rates if rate is not None},
        read_rate("address", settings.rate_limit_failures),
    )


def take_permit(holder: Holder) -> None:
    """Count a request of a valid token. Raises `Refusal` when its limit is used up."""
    if _limits is None or (rate := _limits.by_kind.get(holder.kind)) is None:
        return
    standing = _limits.limiter.take(rate, str(holder.token_id))
    g.rate_limit = standing
    if standing.is_refused:
        raise _refusal(
            standing,
            f"This token may make {rate.amount} requests in {_span(rate.window_s)}, and has made them.",
        )


def note_invalid_token(address: str | None) -> None:
    """Count a token that is not valid. Raises `Refusal` when there were too many from this address.

    Only what fails is counted and only what fails is refused: behind one address may be a whole office, and a
    valid token of a colleague goes on working.
    """
    standing = failures_of(address)
    if standing is not None and standing.is_refused:
        g.rate_limit = standing
        raise _refusal(standing, "There were too many requests with invalid tokens from this address.")


def failures_of(address: str | None) -> Standing | None:
    """Count one failed proof of who somebody is, from `address`; how the address stands. None: no limit."""
    if _limits is None or _limits.failures is None or not address:
        return None
    # Whoever has an IPv6 address has 2^64 of them: they count as one.
    return _limits.limiter.take(_limits.failures, network(address))


def _refusal(standing: Standing, message: str) -> Refusal:
    measures.RATE_LIMIT_REFUSALS.labels(standing.rate.name).inc()
    wait_s = math.ceil(standing.reset_s)
    return Refusal(
        RATE_LIMIT_EXCEEDED,
        message,
        f"Wait {_span(max(1, wait_s))}, as the header Retry-After says, and try again.",
    )


def _span(seconds: int) -> str:
    return "one second" if seconds == 1 else f"{seconds} seconds"


def tell(response: Response) -> Response:
    """The headers about the limit that a request was counted against.

    `RateLimit` and `RateLimit-Policy` as of draft-ietf-httpapi-ratelimit-headers-11 (May 2026): q is the quota, w
    its window in seconds, r what remains and t the seconds until it is renewed.
    """
    standing: Standing | None = g.get("rate_limit")
    if standing is None:
        return response
    reset_s = max(1, math.ceil(standing.reset_s))
    left = f'"{standing.rate.name}";r={standing.remaining};t={reset_s}'
    response.headers.add("RateLimit-Policy", standing.rate.policy)
    response.headers.add("RateLimit", left)
    if standing.is_refused:
        response.headers.add("Retry-After", str(reset_s))
    return response
