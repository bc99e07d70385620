"""A Kafka client for callers that wait: on an event loop of its own, which runs only meanwhile."""

import asyncio
from abc import ABC, abstractmethod
from typing import Self

from aiokafka.errors import KafkaError

from detectors.errors import SinkError
from streams.kafka.cluster import Cluster


class BlockingClient(ABC):
    """Connects on entering a block and disconnects at its end, however that comes.

    Raises:
        SinkError: nobody answers at the address.
    """

    __slots__ = ("_cluster", "_runner")

    def __init__(self, cluster: Cluster) -> None:
        """Connect to nothing yet."""
        self._cluster = cluster
        self._runner = asyncio.Runner()

    @abstractmethod
    async def _open(self) -> None:
        """Connect."""

    @abstractmethod
    async def _stop(self) -> None:
        """Disconnect what is connected, if anything is."""

    def __enter__(self) -> Self:
        """Connect.

        Raises:
            SinkError: the broker does not answer.
        """
        try:
            self._runner.run(self._open())
        except KafkaError as error:
            self._close()
            message = f"no Kafka at {self._cluster.bootstrap}: {error}"
            raise SinkError(message) from error
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        self._runner.run(self._stop())
        self._runner.close()
