"""TCP ports of the loopback interface."""

import errno
import random
import socket

LOOPBACK = "127.0.0.1"

# Below the range from which systems take the ports of outgoing connections (32768 and up on Linux, 49152 on
# macOS). A server's port inside that range can be lost while the server restarts: a client that keeps
# trying to connect is one day given the very port it calls, and is then connected to itself.
_OURS = range(20_000, 32_000)


def free_port(preferred: int | None = None) -> int:
    """A port nobody listens on: the preferred one if it is free, else one by chance from `_OURS`."""
    if preferred is not None and why_not(preferred) is None:
        return preferred
    # Not by the generator that programs seed: two processes with one seed would choose the same.
    for port in random.SystemRandom().sample(_OURS, 200):
        if why_not(port) is None:
            return port
    raise OSError(f"No port between {_OURS.start} and {_OURS.stop} is free on {LOOPBACK}.")


def why_not(port: int) -> str | None:
    """Why a server could not listen on the port, as the end of a sentence; None when it could."""
    if is_open(port):
        return "is in use by another program"
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Without this, a port whose last connection has just been closed would look taken for a minute.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as refused:
            if refused.errno == errno.EADDRINUSE:
                return "is in use by another program"
            if refused.errno == errno.EACCES:
                return "is reserved for the system on this machine"
            return f"cannot be opened ({refused.strerror})"
    return None


def is_open(port: int) -> bool:
    """Whether somebody accepts connections on the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((LOOPBACK, port)) == 0
