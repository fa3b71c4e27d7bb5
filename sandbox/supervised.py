"""The run's processes under supervision: started, waited for, watched, and every death of one told.

supervisord itself, its configuration and its remote interface are `sandbox.supervision`'s affair; here is
what a run makes of them, for the person at the terminal and for the run's files.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from sandbox import processes, readiness
from sandbox.run_directory import RunDirectory
from sandbox.steps import StartFailedError, Steps, StopRequested, StopSign
from sandbox.supervision import APP, DATA, Death, Program, Supervision, SupervisorFailedError

_TICK_S = 0.5
_PATIENCE_S = 60
_LONGEST_PAUSE_S = 30.0
_DEATHS_THAT_FAIL_A_START = 3


class Supervised:
    """The processes of one run. `moved` is called whenever one of them has got another process id."""

    def __init__(
        self, directory: RunDirectory, steps: Steps, stop: StopSign, moved: Callable[[], None]
    ) -> None:
        """Nothing is started yet."""
        self._directory = directory
        self._steps = steps
        self._stop = stop
        self._moved = moved
        self._programs: tuple[Program, ...] = ()
        self._environment: Mapping[str, str] = {}
        self._supervision: Supervision | None = None
        self._deaths: dict[str, int] = {}
        self._log_began: dict[str, int] = {}
        self._next_look = 0.0

    # -- start

    def start(self, programs: Sequence[Program], environment: Mapping[str, str]) -> None:
        """Start the supervisor, and the servers that hold data. Raises `StartFailedError`."""
        self._programs, self._environment = tuple(programs), environment
        self._supervision = Supervision(programs, logs=self._directory.logs, environment=environment)
        try:
            self._supervision.start()
        except SupervisorFailedError as failed:
            raise StartFailedError(str(failed)) from None
        self.start_programs([program.name for program in programs if program.group == DATA])

    def start_programs(self, names: Sequence[str]) -> None:
        """Start these, without waiting for them."""
        supervision = self._running()
        for name in names:
            log = supervision.log_of(name)
            self._log_began[name] = log.stat().st_size if log.exists() else 0
        supervision.start_programs(names)
        self._directory.remember_started(supervision.pid, supervision.pids)

    def wait_for(self, name: str, is_ready: Callable[[], bool], *, within_s: float = _PATIENCE_S) -> None:
        """Wait for a process. Raises `StartFailedError` at the limit or when the process keeps dying."""
        log = self.log_of(name)
        limit = time.monotonic() + within_s
        while not is_ready():
            self.look()
            gives_up = self._deaths.get(name, 0) >= _DEATHS_THAT_FAIL_A_START
            if gives_up or time.monotonic() >= limit:
                what = "cannot stay alive" if gives_up else f"was not ready after {within_s:.0f} s"
                raise StartFailedError(f"{name} {what}. The end of {log}:\n{readiness.last_lines(log)}")
            time.sleep(0.05)

    def look(self) -> None:
        """To be called while a step waits: tell what happened. Raises `StopRequested`."""
        if self._stop.asked:
            raise StopRequested
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _TICK_S
            self._tell()

    # -- what there is

    @property
    def pids(self) -> dict[str, int]:
        """The ids of the processes that run, by name."""
        return self._running().pids

    def log_of(self, name: str) -> Path:
        """The file with what the process writes."""
        return self._running().log_of(name)

    def log_began(self, name: str) -> int:
        """The size in bytes that its log had when the process was started."""
        return self._log_began.get(name, 0)

    # -- until the end

    def watch(self) -> None:
        """Until a stop is asked for: say a word about every process that dies and is started again."""
        pause_s = 1.0
        while not self._stop.asked:
            time.sleep(_TICK_S)
            try:
                self._tell()
            except SupervisorFailedError:
                if self._running().is_alive or self._stop.asked:
                    continue
                self._steps.say(
                    f"The supervisor itself died; everything is started again in {pause_s:.0f} s."
                )
                self._running().stop()
                if processes.wait_until(lambda: self._stop.asked, within_s=pause_s):
                    continue
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
                self._start_again()

    def stop(self) -> None:
        """Stop everything that was started here; at most about ten seconds."""
        if self._supervision is not None:
            began = time.monotonic()
            self._steps.say("Stopping ...")
            self._supervision.stop()
            self._steps.say(f"Everything this run started is stopped ({time.monotonic() - began:.1f} s).")

    def _start_again(self) -> None:
        try:
            self.start(self._programs, self._environment)
            self.start_programs([program.name for program in self._programs if program.group == APP])
            self._moved()
        except (StartFailedError, SupervisorFailedError) as failed:
            self._steps.say(str(failed))

    def _running(self) -> Supervision:
        if self._supervision is None:
            raise SupervisorFailedError("The supervisor is not started yet.")
        return self._supervision

    def _tell(self) -> None:
        supervision = self._running()
        events = supervision.events()
        if not events:
            return
        # The files first: whoever reads the word may look there at once.
        self._directory.remember_started(supervision.pid, supervision.pids)
        self._moved()
        for event in events:
            if isinstance(event, Death):
                self._deaths[event.name] = event.attempt
                self._steps.say(
                    f"{_now()} {event.name} died ({event.how}), for the {_ordinal(event.attempt)} time; "
                    f"it is started again. Its last words are in {supervision.log_of(event.name)}"
                )
            else:
                self._steps.say(f"{_now()} {event.name} runs again as process {event.pid}.")


def _now() -> str:
    return datetime.now(UTC).astimezone().strftime("%H:%M:%S")


def _ordinal(number: int) -> str:
    endings = {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{'th' if 10 <= number % 100 <= 20 else endings.get(number % 10, 'th')}"
