"""A Kafka cluster as clients need it said: where it is, and how connections are protected.

Everything that connects takes one of these, so that nobody can connect without the protection.
"""

from msgspec import Struct

from streams.kafka.security import Security, SecurityConfig


class Cluster(Struct, frozen=True, kw_only=True):
    """One cluster, in the name of one client."""

    bootstrap: str
    security: Security

    def client_options(self) -> dict[str, object]:
        """Return the arguments by which aiokafka and kafka-python connect, which are the same."""
        return {"bootstrap_servers": self.bootstrap, **self.security.options()}


def unprotected(bootstrap: str) -> Cluster:
    """Return a cluster that is reached without TLS or password, as one on this machine."""
    return Cluster(bootstrap=bootstrap, security=Security(SecurityConfig(), {}))
