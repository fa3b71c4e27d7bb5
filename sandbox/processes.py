"""Processes of this machine: who is who, who is ours, and how they are ended.

A process id alone proves nothing, because the system uses it again. Wherever a process is remembered beyond
the life of the program that started it, it is remembered together with its start time (`identity`), and it
is signalled only while both still agree.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PROC = Path("/proc")


def identity(pid: int) -> str | None:
    """What tells this process from a later one with the same id, or None when there is no such process.

    On Linux the boot id and the start time in clock ticks (proc(5), field 22 of `stat`); elsewhere the start
    time that `ps` reports. A process that has ended and only waits for its parent counts as gone.
    """
    if _PROC.joinpath("self/stat").exists():
        try:
            # The second field is the name in parentheses and may itself hold spaces and parentheses.
            fields = _PROC.joinpath(str(pid), "stat").read_text(errors="replace").rpartition(")")[2].split()
            boot = _PROC.joinpath("sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return None
        return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"
    shown = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return None if not shown or shown.startswith("Z") else shown.partition(" ")[2].strip()


def is_alive(pid: int, known_identity: str) -> bool:
    """Whether the remembered process still runs, and the id has not passed to another."""
    return identity(pid) == known_identity


def members_of_session(session: int) -> list[int]:
    """The living processes of a session (setsid(2)); empty where there is no /proc to tell."""
    members = []
    for entry in _PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            fields = entry.read_text(errors="replace").rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] not in "ZX":
                members.append(int(entry.parent.name))
    return members


def members_of_group(group: int, *, session: int) -> list[int]:
    """The living processes of a process group that also belong to the session."""
    found = []
    for pid in members_of_session(session):
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(pid) == group:
                found.append(pid)
    return found


def was_started_with(pid: int, variable: str, value: str) -> bool:
    """Whether the process was given this environment variable; false where there is no /proc to tell."""
    try:
        return f"{variable}={value}".encode() in _PROC.joinpath(str(pid), "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def end(remembered: Iterable[tuple[int, str]], *, within_s: float, sign: int = signal.SIGTERM) -> None:
    """Ask every remembered process to end, then kill what is still there after `within_s` seconds.

    The kill goes to the whole process group when the process leads one, so that its children go with it.
    """
    living = [(pid, known) for pid, known in remembered if is_alive(pid, known)]
    for pid, _ in living:
        send(pid, sign)
    wait_until(lambda: not any(is_alive(pid, known) for pid, known in living), within_s=within_s)
    for pid, known in living:
        if is_alive(pid, known):
            if leads_a_group(pid):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
            else:
                send(pid, signal.SIGKILL)


def send(pid: int, sign: int) -> None:
    """Signal one process; one that has just ended is not an error."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sign)


def leads_a_group(pid: int) -> bool:
    """Whether the process is the leader of its process group."""
    try:
        return os.getpgid(pid) == pid
    except ProcessLookupError:
        return False


def wait_until(condition: Callable[[], bool], *, within_s: float, pause_s: float = 0.05) -> bool:
    """Look until the condition holds or the time is over; the answer is the condition's last one."""
    limit = time.monotonic() + within_s
    while not condition():
        if time.monotonic() >= limit:
            return False
        time.sleep(pause_s)
    return True


def dies_with_parent(sign: int = signal.SIGTERM) -> Callable[[], None] | None:
    """A `preexec_fn` that has the kernel send `sign` to the child when its parent dies, however it dies.

    Linux only (prctl(2), PR_SET_PDEATHSIG); None elsewhere. The parent is the *thread* that starts the
    child, so call this from the main thread.
    """
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def ask_the_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(sign), 0, 0, 0)
        if os.getppid() != parent:  # the parent died between fork and prctl
            os.kill(os.getpid(), sign)

    return ask_the_kernel
