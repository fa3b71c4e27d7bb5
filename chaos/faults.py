"""What may happen, and how often: a table of faults with weights, drawn by a seeded generator.

A fault acts at once and leaves the rest (restart, continuation) to `Process.tend`. What it does is decided by
the generator alone, so a seed gives the same faults at the same moments; what they meet differs from run to
run, as it does in life.
"""

import random
import signal
from collections.abc import Callable
from dataclasses import dataclass

from chaos.world import GRACE_S, LEASE_S, SECOND_MAIL_WORKER, World
from sandbox import processes

GAP_S = (2.0, 5.0)
WORKERS = ("worker-clocks", "worker-mail", SECOND_MAIL_WORKER)
MAIL_FAULTS = (
    *("500-json", "500-html", "500-json-after", "500-html-after", "502-empty", "502-empty-after"),
    *("reset-after", "timeout-before", "timeout-after", "partial", "429=2", "503", "refuse"),
    *("slow=1500", "slow=2600", "drip=50"),
)
SEARCH_FAULTS = ("500-json", "503", "429=2", "timeout-before", "refuse")

Act = Callable[[World, random.Random], str]


@dataclass(frozen=True)
class Fault:
    """`act` does it and says in a few words what it did."""

    name: str
    weight: int
    act: Act


@dataclass(frozen=True)
class Event:
    """What happened, so many seconds after the first create."""

    at_s: float
    fault: str
    what: str


def _kill(name: str, longest_s: float = 2.0) -> Act:
    def act(world: World, rng: random.Random) -> str:
        down_s = rng.uniform(0.3, longest_s)
        world[name].kill_all(down_s)
        return f"kill -9 of {name}, away {down_s:.1f} s"

    return act


def _kill_worker(world: World, rng: random.Random) -> str:
    return _kill(rng.choice(WORKERS))(world, rng)


def _kill_child(name: str) -> Act:
    def act(world: World, rng: random.Random) -> str:
        lot = rng.random()
        children = sorted(world[name].children())
        if not children:
            return f"{name} has no child to kill"
        world[name].wound()
        processes.send(children[int(lot * len(children))], signal.SIGKILL)
        return f"kill -9 of a child of {name}"

    return act


def _kill_leader(world: World, rng: random.Random) -> str:
    name = rng.choice(("web", *WORKERS))
    world[name].send(signal.SIGKILL, rng.uniform(0.3, 1.0))
    return f"kill -9 of the main process of {name}"


def _terminate(world: World, rng: random.Random) -> str:
    name = rng.choice(("web", "relay", "beat", *WORKERS))
    world[name].send(signal.SIGTERM, rng.uniform(0.3, 1.0))
    return f"SIGTERM to {name}"


def _stall_worker(world: World, rng: random.Random) -> str:
    """Longer than the lease, the grace and the inquiries: somebody else decides in the meantime."""
    name = rng.choice(WORKERS)
    stall_s = LEASE_S + GRACE_S * rng.uniform(1, 6)
    twin = {"worker-mail": SECOND_MAIL_WORKER, SECOND_MAIL_WORKER: "worker-mail"}.get(name, name)
    if world[name].is_stopped or world[twin].is_stopped:
        return f"{name} or its twin is stopped already"  # nobody would go on in the meantime
    world[name].stall(stall_s)
    return f"SIGSTOP of {name} for {stall_s:.1f} s"


def _stall_redis(world: World, rng: random.Random) -> str:
    stall_s = rng.uniform(1, 7)
    world["redis"].stall(stall_s)
    return f"SIGSTOP of redis for {stall_s:.1f} s"


def _flush(world: World, _rng: random.Random) -> str:
    return "FLUSHALL" if world.flush_redis() else "FLUSHALL found no redis"


def _crash_postgres(world: World, rng: random.Random) -> str:
    """SIGQUIT is PostgreSQL's immediate stop: no checkpoint, recovery at the start."""
    down_s = rng.uniform(0.3, 4.0)
    world["postgres"].send(signal.SIGQUIT, down_s)
    return f"crash of postgres, away {down_s:.1f} s"


def _misbehave(call: str, faults: tuple[str, ...], most: int) -> Act:
    def act(world: World, rng: random.Random) -> str:
        fault, count = rng.choice(faults), rng.randint(1, most)
        if not world.order_fault(fault, count, call):
            return f"no sandbox to order {fault} from"
        return f"{fault} for the next {count} of {call}"

    return act


FAULTS = (
    Fault("worker-killed", 4, _kill_worker),
    Fault("worker-child-killed", 2, _kill_child("worker-clocks")),
    Fault("worker-stalled", 3, _stall_worker),
    Fault("web-killed", 2, _kill("web", 1.0)),
    Fault("web-child-killed", 2, _kill_child("web")),
    Fault("leader-killed", 1, _kill_leader),
    Fault("terminated", 2, _terminate),
    Fault("relay-killed", 2, _kill("relay")),
    Fault("beat-killed", 1, _kill("beat")),
    Fault("mandrill-killed", 2, _kill("mandrill", 3.0)),
    Fault("redis-killed", 3, _kill("redis", 6.0)),
    Fault("redis-flushed", 2, _flush),
    Fault("redis-stalled", 2, _stall_redis),
    Fault("postgres-crashed", 2, _crash_postgres),
    Fault("postgres-backend-killed", 1, _kill_child("postgres")),
    Fault("mandrill-misbehaves", 7, _misbehave("messages/send", MAIL_FAULTS, 8)),
    Fault("search-misbehaves", 2, _misbehave("messages/search", SEARCH_FAULTS, 4)),
)


@dataclass(frozen=True)
class Planned:
    """A fault, when it is due (seconds after the first create), and the generator that it decides by."""

    at_s: float
    fault: Fault
    rng: random.Random


def plan(seed: int, seconds: float, faults: tuple[Fault, ...] = FAULTS) -> list[Planned]:
    """The faults of a run: one every 2 to 5 s, from the beginning to `seconds`."""
    rng = random.Random(seed)
    planned, at_s = [], rng.uniform(*GAP_S)
    while at_s < seconds:
        (fault,) = rng.choices(faults, [each.weight for each in faults])
        # A generator of its own: how much one fault draws must not decide what the next one is.
        planned.append(Planned(at_s, fault, random.Random(rng.getrandbits(64))))
        at_s += rng.uniform(*GAP_S)
    return planned
