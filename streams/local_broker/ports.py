"""Free ports on loopback."""

import random
import socket
from contextlib import closing

ADDRESS = "127.0.0.1"
# Below the ports a system hands out by itself: a restart must find its old port free.
PORTS = range(20_000, 32_000)


def free_ports(count: int) -> tuple[int, ...]:
    """Return ports on loopback that nobody listens on now."""
    candidates = random.SystemRandom().sample(PORTS, k=len(PORTS))
    free: list[int] = []
    while len(free) < count and candidates:
        port = candidates.pop()
        if is_free(port):
            free.append(port)
    return tuple(free)


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` now."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return False
        return True
