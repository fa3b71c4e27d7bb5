"""`make run`: the whole product on one machine, from nothing to a curl line, until Ctrl-C.

    python -m sandbox.run [--procfile Procfile]

A machine is brought up in the order of `STEPS`. Then its processes are watched (`sandbox.supervised`): this
program only starts, watches, tells, and at the end stops what it started and nothing else. What it listens
to is `settings.py`; what it leaves in VAR_DIR is described in `sandbox.run_directory`.

Exit status: 0 after a stop that was asked for, 1 after a start that failed (the reason is printed).
"""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from sandbox import bring_up
from sandbox.environment import RunnerSettings
from sandbox.machine import Machine, Plan
from sandbox.procfile import ProcfileError
from sandbox.run_directory import DirectoryTakenError, RunDirectory
from sandbox.steps import StartFailedError, Steps, StopRequested
from sandbox.supervision import SupervisorFailedError

STEPS: tuple[tuple[str, Callable[[Machine], str]], ...] = (
    ("Ports", bring_up.check_ports),
    ("PostgreSQL", bring_up.start_postgres),
    ("Redis", bring_up.start_redis),
    ("Schema", bring_up.migrate),
    ("Demo data", bring_up.load_demo_data),
    ("Processes", bring_up.name_processes),
    ("Ready", bring_up.wait_for_processes),
    ("Run file", bring_up.write_run_files),
)


def run(plan: Plan) -> int:
    """Run the plan until a stop is asked for; returns the exit status."""
    try:
        settings = RunnerSettings()
        directory = RunDirectory(settings.run_directory)
        machine = Machine(plan, settings, directory, Steps(len(STEPS)))
    except ValidationError as invalid:
        return _fail(_sentences(invalid))
    except (DirectoryTakenError, ProcfileError, OSError) as unusable:
        return _fail(str(unusable))
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, machine.stop_sign.ask)
    status = 0
    try:
        for title, step in STEPS:
            machine.steps.take(title, partial(step, machine))
        bring_up.announce(machine)
        machine.processes.watch()
    except (StartFailedError, SupervisorFailedError) as failed:
        status = _fail(str(failed))
    except StopRequested:
        pass
    finally:
        machine.stop()
    return status


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.run", description="Run the product on one machine."
    )
    parser.add_argument("--procfile", type=Path, default=Plan.procfile, help="the processes to run")
    return run(Plan(procfile=parser.parse_args(arguments).procfile))


def _fail(sentence: str) -> int:
    sys.stdout.flush()
    sys.stderr.write(f"\n{sentence}\n\n")
    return 1


def _sentences(invalid: ValidationError) -> str:
    """What pydantic found, without the values, which may be secrets."""
    faults = invalid.errors(include_input=False, include_url=False)
    return "\n".join(
        ": ".join(filter(None, ("_".join(map(str, fault["loc"])).upper(), fault["msg"]))) for fault in faults
    )


if __name__ == "__main__":
    sys.exit(main())
