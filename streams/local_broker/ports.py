"""Free ports on loopback."""

import random
import socket
from contextlib import closing

ADDRESS = "127.0.0.1"
# Below the ports a system hands out by itself: a restart must find its old port free.
PORTS = range(20_000, 32_000)
# In random order, so that processes side by side seldom try the same. A port leaves the list for
# good: who asked for it may not listen yet when the next one asks.
_untried = random.SystemRandom().sample(PORTS, k=len(PORTS))


def free_ports(count: int) -> tuple[int, ...]:
    """Return `count` ports on loopback that nobody listens on now, none of them returned before.

    Raises:
        OSError: no port is left.
    """
    free: list[int] = []
    while len(free) < count:
        if not _untried:
            problem = f"no free port is left on {ADDRESS} between {PORTS[0]} and {PORTS[-1]}"
            raise OSError(problem)
        port = _untried.pop()
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
