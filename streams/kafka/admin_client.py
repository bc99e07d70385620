"""A client of Kafka's administration, for tools: the only module that imports kafka-python.

It serves nobody who judges: workers, the recorder and the webhook read and write by aiokafka.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Self

from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.errors import (
    CoordinatorNotAvailableError,
    KafkaError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)
from msgspec import Struct

from detectors.errors import HeadgateError
from streams.kafka.cluster import Cluster
from streams.kafka.records import Partition

ADMIN_TIMEOUT_MS = 20_000
CONNECT_TIMEOUT_MS = 5_000
_SEND_SECONDS_MAX: Final = 10.0


class AdminError(HeadgateError):
    """The cluster does not answer, or refuses what was asked for."""


class UnknownTopicError(AdminError):
    """The cluster has no such topic."""


class TopicState(Struct, frozen=True, kw_only=True):
    """What the cluster has: nothing (`partitions_count` is 0), or a topic and its settings."""

    partitions_count: int
    settings: dict[str, str]


class NewTopic(Struct, frozen=True, kw_only=True):
    """A topic to be created; a replication factor of -1 is the broker's own default."""

    partitions: int
    settings: dict[str, str]
    replication_factor: int = -1


class ConsumerGroup(Struct, frozen=True, kw_only=True):
    """Who reads in a group now, and what it has committed."""

    members_count: int
    committed: dict[Partition, int]


class AdminClient(AbstractContextManager["AdminClient"]):
    """Connected from the start to the end of its block; everything it does may raise `AdminError`.

    Raises:
        AdminError: nobody answers within seconds.
    """

    __slots__ = ("_client", "_cluster")

    def __init__(self, cluster: Cluster) -> None:
        """Connect.

        Raises:
            AdminError: the cluster does not answer.
        """
        self._cluster = cluster
        with _as_admin_errors():
            self._client = KafkaAdminClient(
                **cluster.client_options(),
                bootstrap_timeout_ms=CONNECT_TIMEOUT_MS,
                request_timeout_ms=ADMIN_TIMEOUT_MS,
            )

    def __enter__(self) -> Self:
        """Return the connected client."""
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect."""
        self._client.close()

    def brokers_count(self) -> int:
        """Return how many brokers the cluster has.

        Raises:
            AdminError: the cluster refuses to say, or does not answer.
        """
        with _as_admin_errors():
            return len(self._client.describe_cluster()["brokers"])

    def topic_states(self, names: Collection[str]) -> dict[str, TopicState]:
        """Return what the cluster has of each of these topics.

        Raises:
            AdminError: the cluster refuses to say, or does not answer.
        """
        with _as_admin_errors():
            rows = self._client.describe_topics(list(names))
            counts = {row["name"]: len(row["partitions"]) for row in rows}
            settings = self._settings([name for name in names if counts.get(name)])
        return {
            name: TopicState(partitions_count=counts.get(name, 0), settings=settings.get(name, {}))
            for name in names
        }

    def create_topics(self, topics: Mapping[str, NewTopic]) -> bool:
        """Create topics; False where another process was quicker, and may have other settings."""
        wanted = {
            name: {
                "num_partitions": topic.partitions,
                "replication_factor": topic.replication_factor,
                "configs": topic.settings,
            }
            for name, topic in topics.items()
        }
        with _as_admin_errors():
            try:
                if wanted:
                    self._client.create_topics(wanted, wait_for_metadata=True)
            except TopicAlreadyExistsError:
                self._client.wait_for_topics(list(wanted))
                return False
        return True

    def delete_topic(self, name: str) -> None:
        """Delete a topic.

        Raises:
            AdminError: the cluster refuses, or does not answer; `UnknownTopicError` for none such.
        """
        with _as_admin_errors():
            self._client.delete_topics([name])

    def alter_topic(self, name: str, settings: Mapping[str, str]) -> None:
        """Give a topic these settings; others stay.

        Raises:
            AdminError: the cluster refuses, or does not answer.
        """
        resource = ConfigResource(ConfigResourceType.TOPIC, name, dict(settings))
        with _as_admin_errors():
            self._client.alter_configs([resource])

    def group(self, name: str) -> ConsumerGroup | None:
        """Return a consumer group; None where the cluster has no groups yet."""
        with _as_admin_errors():
            try:
                members = self._client.describe_groups([name])[name]["members"]
                offsets = self._client.list_group_offsets([name])[name]
            except CoordinatorNotAvailableError:
                return None
        committed = {(tp.topic, tp.partition): row.offset for tp, row in offsets.items()}
        return ConsumerGroup(members_count=len(members), committed=committed)

    def starts(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """Return the first offset of each partition.

        Raises:
            UnknownTopicError: there is no such topic.
        """
        return self._offsets(partitions, OffsetSpec.EARLIEST)

    def ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """Return the offset at which each partition ends.

        Raises:
            UnknownTopicError: there is no such topic.
        """
        return self._offsets(partitions, OffsetSpec.LATEST)

    def arrival_ms(self, topic: str) -> int:
        """Send one record to a topic, and return when the broker says that it arrived."""
        with _as_admin_errors():
            producer = KafkaProducer(**self._cluster.client_options(), acks="all")
            try:
                stamped: int = producer.send(topic, b"arrival").get(_SEND_SECONDS_MAX).timestamp
            finally:
                producer.close()
        return stamped

    def _offsets(self, partitions: Collection[Partition], spec: OffsetSpec) -> dict[Partition, int]:
        wanted = {TopicPartition(topic, number): spec for topic, number in partitions}
        with _as_admin_errors():
            offsets = self._client.list_partition_offsets(wanted)
        return {(tp.topic, tp.partition): row.offset for tp, row in offsets.items()}

    def _settings(self, names: list[str]) -> dict[str, dict[str, str]]:
        if not names:
            return {}
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        rows = self._client.describe_configs(resources, config_filter="all")["topic"]
        return {
            name: {key: str(entry["value"]) for key, entry in entries.items()}
            for name, entries in rows.items()
        }


@contextmanager
def _as_admin_errors() -> Iterator[None]:
    """Turn what kafka-python raises into errors of ours."""
    try:
        yield
    except UnknownTopicOrPartitionError as error:
        raise UnknownTopicError(str(error)) from error
    except (KafkaError, OSError, ValueError) as error:
        raise AdminError(str(error)) from error
