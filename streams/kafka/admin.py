"""Topics on a broker: create what is missing, refuse what can't be used as it is."""

from collections.abc import Iterable, Mapping
from contextlib import closing

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, TopicAlreadyExistsError
from msgspec import Struct

from detectors.errors import HeadgateError
from streams.kafka.cluster import Cluster
from streams.kafka.topics import Topic, wanted_topics

ADMIN_TIMEOUT_MS = 20_000
CONNECT_TIMEOUT_MS = 5_000
# What decides whether a record stays; a difference here loses data.
BINDING_SETTINGS = ("cleanup.policy",)
_MIGRATE = ". Configure what there is, or copy the events to another prefix: headgate migrate"


class TopicsError(HeadgateError):
    """A topic can't be used as it is; the sentence says which, and what differs."""


class TopicState(Struct, frozen=True, kw_only=True):
    """What the broker has: nothing (`partitions_count` is 0), or a topic and its settings."""

    partitions_count: int
    settings: dict[str, str]


def ensure_topics(
    cluster: Cluster,
    *,
    prefix: str,
    partitions: int,
    adapters: Iterable[str] = (),
    replication_factor: int = -1,
) -> tuple[str, ...]:
    """Create what is missing and return its names; raise `TopicsError` on what can't be used.

    A replication factor of -1 is the broker's own default.
    """
    topics = wanted_topics(adapters)
    try:
        with closing(open_admin(cluster)) as admin:
            found = found_topics(admin, topics, prefix=prefix)
            refuse_misfits(found, topics, prefix=prefix, partitions=partitions)
            missing = {
                topic.full_name(prefix): {
                    "num_partitions": topic.partitions(partitions),
                    "replication_factor": replication_factor,
                    "configs": topic.settings(),
                }
                for topic in topics
                if found[topic.full_name(prefix)].partitions_count == 0
            }
            if not _create(admin, missing):
                found = found_topics(admin, topics, prefix=prefix)
                refuse_misfits(found, topics, prefix=prefix, partitions=partitions)
    except KafkaError as error:
        problem = f"can't make the topics on {cluster.bootstrap}: {error}"
        raise TopicsError(problem) from error
    return tuple(missing)


def check_topics(
    cluster: Cluster, *, prefix: str, partitions: int, adapters: Iterable[str] = ()
) -> None:
    """Raise `TopicsError` on what is missing or can't be used; create nothing."""
    topics = wanted_topics(adapters)
    try:
        with closing(open_admin(cluster)) as admin:
            found = found_topics(admin, topics, prefix=prefix)
    except KafkaError as error:
        problem = f"can't look at the topics on {cluster.bootstrap}: {error}"
        raise TopicsError(problem) from error
    missing = [name for name, state in found.items() if state.partitions_count == 0]
    if missing:
        problem = f"missing, and not to be created: {', '.join(sorted(missing))}"
        raise TopicsError(problem)
    refuse_misfits(found, topics, prefix=prefix, partitions=partitions)


def found_topics(
    admin: KafkaAdminClient, topics: Iterable[Topic], *, prefix: str
) -> dict[str, TopicState]:
    """Return what the broker has of `topics`, by full name."""
    names = [topic.full_name(prefix) for topic in topics]
    counts = {row["name"]: len(row["partitions"]) for row in admin.describe_topics(names)}
    present = [name for name in names if counts.get(name)]
    settings = _settings(admin, present) if present else {}
    return {
        name: TopicState(partitions_count=counts.get(name, 0), settings=settings.get(name, {}))
        for name in names
    }


def misfits(topic: Topic, found: TopicState, *, partitions: int) -> tuple[str, ...]:
    """Say in which ways an existing topic can't be used."""
    wanted_count = topic.partitions(partitions)
    said = []
    if found.partitions_count != wanted_count:
        said.append(f"has {found.partitions_count} partitions, {wanted_count} are configured")
    wanted = topic.settings()
    said += [
        f"has {name}={found.settings.get(name)}, {wanted[name]} is needed"
        for name in BINDING_SETTINGS
        if found.settings.get(name) != wanted[name]
    ]
    return tuple(said)


def differences(topic: Topic, found: TopicState) -> tuple[str, ...]:
    """Say which settings differ from the table but lose nothing by it."""
    return tuple(
        f"has {name}={found.settings.get(name)}, the table says {value}"
        for name, value in topic.settings().items()
        if name not in BINDING_SETTINGS and found.settings.get(name) != value
    )


def refuse_misfits(
    found: Mapping[str, TopicState], topics: Iterable[Topic], *, prefix: str, partitions: int
) -> None:
    """Raise `TopicsError` naming every existing topic that can't be used."""
    problems = [
        f"{topic.full_name(prefix)} {said}"
        for topic in topics
        if found[topic.full_name(prefix)].partitions_count
        for said in misfits(topic, found[topic.full_name(prefix)], partitions=partitions)
    ]
    if problems:
        # Keys would move between partitions under a judge's feet: never repaired by itself.
        moved = any(
            found[topic.full_name(prefix)].partitions_count not in {0, topic.partitions(partitions)}
            for topic in topics
        )
        hint = _MIGRATE if moved else ""
        raise TopicsError("; ".join(problems) + hint)


def open_admin(cluster: Cluster) -> KafkaAdminClient:
    """Return an admin client, or fail within seconds when nobody answers."""
    return KafkaAdminClient(
        **cluster.client_options(),
        bootstrap_timeout_ms=CONNECT_TIMEOUT_MS,
        request_timeout_ms=ADMIN_TIMEOUT_MS,
    )


def _create(admin: KafkaAdminClient, missing: dict[str, dict[str, object]]) -> bool:
    """Create topics; False when another process was quicker, and may have other settings."""
    try:
        if missing:
            admin.create_topics(missing, wait_for_metadata=True)
    except TopicAlreadyExistsError:
        admin.wait_for_topics(list(missing))
        return False
    return True


def _settings(admin: KafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    rows = admin.describe_configs(resources, config_filter="all")["topic"]
    return {
        name: {key: str(entry["value"]) for key, entry in entries.items()}
        for name, entries in rows.items()
    }
