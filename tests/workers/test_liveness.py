"""A process that does nothing any more is ended; one that waits for something that is away is not."""

import time
from threading import Event

import pytest

from settings import get_settings
from tests.waiting import eventually
from tests.world import World
from workers import liveness
from workers.liveness import EXIT_CODE_STALLED, Liveness


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds become hundredths."""
    monkeypatch.setattr(liveness, "BEAT_EVERY_S", 0.05)
    monkeypatch.setattr(
        liveness, "get_settings", lambda: get_settings().model_copy(update={"stalled_after_s": 0.4})
    )


def away() -> bool:
    """The broker cannot be asked."""
    raise ConnectionRefusedError


def test_a_process_that_ticks_writes_heartbeats(world: World) -> None:
    ended: list[int] = []
    watch = Liveness("relay", end=ended.append)
    watch.start()

    def beats() -> list[dict]:
        watch.tick()
        return world.rows("SELECT * FROM heartbeats WHERE kind = 'relay' AND beat_at > started_at")

    (row,) = eventually(beats, within_s=5)
    watch.stop()
    assert row["name"].startswith("relay@")
    assert ended == []


def test_a_loop_that_stands_still_ends_the_process(world: World) -> None:
    ended: list[int] = []
    Liveness("relay", end=ended.append).start()
    eventually(lambda: ended, within_s=5)
    assert ended == [EXIT_CODE_STALLED]


@pytest.mark.parametrize("waiting", [lambda: True, away], ids=["says so", "cannot be asked"])
def test_a_loop_that_waits_for_what_is_away_is_left_alone(world: World, waiting: object) -> None:
    ended: list[int] = []
    asked: list[float] = []

    def may_be_waiting() -> bool:
        asked.append(time.monotonic())
        return waiting()  # type: ignore[operator]

    watch = Liveness("relay", may_be_waiting=may_be_waiting, end=ended.append)
    watch.start()
    eventually(lambda: len(asked) >= 3, within_s=5)
    watch.stop()
    assert ended == []


def test_a_loop_that_is_excused_is_left_alone_but_writes_no_heartbeat(world: World) -> None:
    ended: list[int] = []
    watch = Liveness("worker", end=ended.append)
    watch.start()
    until = time.monotonic() + 3 * 0.4
    while time.monotonic() < until:
        watch.excuse()
        time.sleep(0.02)
    assert ended == []
    first = world.rows("SELECT beat_at FROM heartbeats")
    watch.excuse()
    assert world.rows("SELECT beat_at FROM heartbeats") == first
    eventually(lambda: ended, within_s=5, what="silence counts again")


def test_work_that_is_due_and_not_taken_ends_a_process_that_ticks(world: World) -> None:
    ended: list[int] = []
    watch = Liveness("worker", is_stuck=lambda: True, end=ended.append)
    watch.start()
    eventually(lambda: watch.tick() or ended, within_s=5)
    assert ended == [EXIT_CODE_STALLED]


def test_what_a_stopped_process_could_not_take_is_no_stall_of_it(world: World) -> None:
    """It is given its whole time after waking up: it would end amid the work that it has just begun."""
    woke_at: list[float] = []
    ended: list[float] = []

    class StoppedForAWhile(Event):
        def wait(self, timeout: float | None = None) -> bool:
            if not woke_at:
                time.sleep(0.6)  # the stop itself
                woke_at.append(time.monotonic())
            return super().wait(timeout)

    watch = Liveness("worker", is_stuck=lambda: True, end=lambda _code: ended.append(time.monotonic()))
    watch._stopped = StoppedForAWhile()
    watch.start()
    eventually(lambda: watch.tick() or ended, within_s=5)
    assert ended[0] - woke_at[0] > 0.4


def test_what_was_away_and_came_back_gives_the_loop_its_time_anew(world: World) -> None:
    ended: list[float] = []
    back_at = time.monotonic() + 0.6  # longer than a stall
    watch = Liveness(
        "relay",
        may_be_waiting=lambda: time.monotonic() < back_at,
        end=lambda _code: ended.append(time.monotonic()),
    )
    watch.start()
    eventually(lambda: ended, within_s=5)
    assert ended[0] > back_at + 0.2


def test_a_process_that_was_stopped_as_a_whole_is_not_taken_for_stalled(world: World) -> None:
    """Its watch slept too long as well."""
    ended: list[int] = []
    watch = Liveness("relay", end=ended.append)
    wait, slept = watch._stopped.wait, []

    def oversleep(timeout: float) -> bool:
        if not slept:
            slept.append(True)
            time.sleep(0.6)  # the stop itself
        watch.stop() if len(slept) > 3 else slept.append(True)
        return wait(0)

    watch._stopped.wait = oversleep  # type: ignore[method-assign]
    watch.start()
    eventually(lambda: len(slept) > 3, within_s=5)
    assert ended == []
