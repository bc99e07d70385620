"""Step 7 of 7: the metrics -> an endpoint that Prometheus scrapes."""

from threading import Thread
from typing import Final
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, disable_created_metrics, start_http_server

from detectors.errors import ConfigError


class Server:
    """The endpoint, while it runs."""

    __slots__ = ("_server", "_thread", "address")

    def __init__(self, server: WSGIServer, thread: Thread) -> None:
        """Keep what `close` ends."""
        self._server = server
        self._thread = thread
        host, port = server.server_address[:2]
        self.address: Final = f"{host!s}:{port}"

    def close(self) -> None:
        """Stop serving and wait until it has stopped."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def serve(registry: CollectorRegistry, *, address: str, port: int) -> Server:
    """Serve `registry` at `/metrics`; port 0 is a free one, told by the server's address.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    # When each counter began is told by the process's start; a third of all series would be that.
    disable_created_metrics()  # type: ignore[no-untyped-call] # it has no types of its own
    try:
        return Server(*start_http_server(port, addr=address, registry=registry))
    except OSError as error:
        problem = f"expected a free port, but {address}:{port}: {error.strerror or error}"
        raise ConfigError(path="metrics.port", problem=problem) from error
