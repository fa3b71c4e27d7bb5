"""Hosts of a small network within this machine: network namespaces on one switch, with cables that can be cut.

Linux and root only. Nothing of it reaches beyond this machine: the addresses exist only between the namespaces.
"""

import ctypes
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

PREFIX = "appointments-test"
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


def why_not() -> str | None:
    """Why this machine cannot have such a network; None when it can."""
    if shutil.which("ip") is None or shutil.which("tc") is None:
        return "the programs ip and tc (package iproute2) are not on the PATH"
    if os.geteuid() != 0:
        return "network namespaces need root"
    probe = f"{PREFIX}-{os.getpid()}-probe"
    try:
        _ip("netns", "add", probe)
        _ip("-n", probe, "link", "add", "bridge0", "type", "bridge")
        _ip("-n", probe, "link", "add", "port0", "type", "veth", "peer", "name", "port1")
    except subprocess.CalledProcessError as refused:
        return f"network namespaces are not allowed here ({refused.stderr.decode().strip()})"
    finally:
        with suppress(subprocess.CalledProcessError):
            _ip("netns", "del", probe)
    return None


class Host:
    """One namespace. What `run` starts lives in it, processes included; `run` may be called from any thread."""

    def __init__(self, name: str, switch: str, number: int) -> None:
        """The host `number`, its cable plugged into the switch."""
        self.address = f"10.231.77.{number}"
        self._namespace, self._switch, self._port = name, switch, f"port{number}"
        _ip("netns", "add", name)
        _ip("-n", switch, "link", "add", self._port, "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("-n", switch, "link", "set", self._port, "master", "bridge0", "up")
        _ip("-n", name, "addr", "add", f"{self.address}/24", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        _ip("-n", name, "link", "set", "lo", "up")
        # Processes die with the thread that started them, so it has to live as long as the host.
        self.threads = ThreadPoolExecutor(8, initializer=self._enter)

    def run(self, work: Callable[..., T], *args: object, **more: object) -> T:
        """Do `work` on this host."""
        return self.threads.submit(work, *args, **more).result()

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        """Its cable is pulled out; what it sends, and what is sent to it, goes nowhere."""
        self._link("down")
        try:
            yield
        finally:
            self._link("up")

    @contextmanager
    def slow(self) -> Iterator[None]:
        """Little gets through to it, and late."""
        self._tc("add", "tbf", "rate", "120kbit", "burst", "4kb", "latency", "300ms")
        try:
            yield
        finally:
            self._tc("del")

    @contextmanager
    def dropping(self) -> Iterator[None]:
        """A good part of the packets is lost: by chance, or where the kernel has no such queue, in bursts."""
        try:
            self._tc("add", "netem", "loss", "30%")
        except subprocess.CalledProcessError:
            over = threading.Event()
            flapping = threading.Thread(target=self._flap, args=(over,))
            flapping.start()
            try:
                yield
            finally:
                over.set()
                flapping.join()
        else:
            try:
                yield
            finally:
                self._tc("del")

    def close(self) -> None:
        """Remove it. Its processes must have ended."""
        self.threads.shutdown(cancel_futures=True)
        _ip("netns", "del", self._namespace)

    def _flap(self, over: threading.Event) -> None:
        while not over.is_set():
            self._link("down")
            over.wait(0.08)
            self._link("up")
            over.wait(0.12)

    def _link(self, state: str) -> None:
        _ip("-n", self._switch, "link", "set", self._port, state)

    def _tc(self, action: str, *queue: str) -> None:
        command = ["tc", "-n", self._switch, "qdisc", action, "dev", self._port, "root", *queue]
        subprocess.run(command, check=True, capture_output=True)

    def _enter(self) -> None:
        with Path(f"/run/netns/{self._namespace}").open("rb") as namespace:
            if _LIBC.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")


@contextmanager
def network(*names: str) -> Iterator[dict[str, Host]]:
    """These hosts on one switch; removed at the end, whatever happens."""
    prefix = f"{PREFIX}-{os.getpid()}"
    switch = f"{prefix}-switch"
    with ExitStack() as removals:
        _ip("netns", "add", switch)
        removals.callback(_ip, "netns", "del", switch)
        _ip("-n", switch, "link", "add", "bridge0", "type", "bridge", "forward_delay", "0")
        _ip("-n", switch, "link", "set", "bridge0", "up")
        hosts = {}
        for number, name in enumerate(names, start=1):
            hosts[name] = Host(f"{prefix}-{name}", switch, number)
            removals.callback(hosts[name].close)
        yield hosts


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
