"""A stop that takes for ever is ended and tells where it stood; a worker tells it as well when it is asked.

That a worker's children are let go is shown with real ones, in `tests/end_to_end/test_shutdown.py`.
"""

import subprocess
import sys
from pathlib import Path

from celery.concurrency.asynpool import ResultHandler
from celery.signals import worker_shutting_down

from workers import app, orderly_stop

ROOT = Path(__file__).resolve().parents[2]


def run(lines: str) -> subprocess.CompletedProcess[str]:
    """What becomes of a process that does this after it has loaded the module."""
    return subprocess.run(
        [sys.executable, "-c", f"import os, signal, time\nfrom workers import orderly_stop\n{lines}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_stop_that_stands_still_is_ended_and_its_stacks_are_in_the_log():
    ended = run("orderly_stop.STOP_WITHIN_S = 0.2\norderly_stop.bound_the_stop()\ntime.sleep(50)")
    assert ended.returncode == 1
    assert 'File "<string>", line 5 in <module>' in ended.stderr


def test_the_bound_lies_between_the_longest_task_and_the_end_of_a_supervisors_patience():
    assert app.app.conf.task_time_limit + 5 < orderly_stop.STOP_WITHIN_S < 60
    assert app.app.conf.worker_soft_shutdown_timeout < orderly_stop.STOP_WITHIN_S


def test_a_worker_that_is_asked_to_stop_has_the_bound(monkeypatch):
    bounded = []
    monkeypatch.setattr(app, "bound_the_stop", lambda: bounded.append(True))
    worker_shutting_down.send(sender="clocks@here", sig="SIGTERM", how="Warm", exitcode=0)
    assert bounded == [True]


def test_stacks_are_told_on_request_and_the_process_goes_on():
    asked = run(
        "orderly_stop.tell_stacks_on_request()\nos.kill(os.getpid(), signal.SIGUSR2)\nprint('goes on')"
    )
    assert (asked.returncode, asked.stdout) == (0, "goes on\n")
    assert "most recent call first" in asked.stderr


def test_results_are_read_to_the_end_by_one_guard_however_often_it_is_set():
    guarded = ResultHandler.on_stop_not_started
    orderly_stop.let_children_go()
    assert ResultHandler.on_stop_not_started is guarded
