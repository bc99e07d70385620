"""Topics on a broker: create what is missing, refuse what can't be used as it is."""

from collections.abc import Iterable, Mapping

from detectors.errors import HeadgateError
from streams.kafka.admin_client import AdminClient, AdminError, NewTopic, TopicState
from streams.kafka.cluster import Cluster
from streams.kafka.topics import Topic, wanted_topics

# What decides whether a record stays; a difference here loses data.
BINDING_SETTINGS = ("cleanup.policy",)
_MIGRATE = ". Configure what there is, or copy the events to another prefix: headgate migrate"


class TopicsError(HeadgateError):
    """A topic can't be used as it is; the sentence says which, and what differs."""


def ensure_topics(
    cluster: Cluster,
    *,
    prefix: str,
    partitions: int,
    adapters: Iterable[str] = (),
    replication_factor: int = -1,
) -> tuple[str, ...]:
    """Create what is missing and return its names.

    A replication factor of -1 is the broker's own default.

    Raises:
        TopicsError: a topic can't be used as it is, or nobody answers.
    """
    topics = wanted_topics(adapters)
    try:
        with AdminClient(cluster) as admin:
            states = topic_states(admin, topics, prefix=prefix)
            refuse_misfits(states, topics, prefix=prefix, partitions=partitions)
            missing = {
                topic.full_name(prefix): NewTopic(
                    partitions=topic.partitions(partitions),
                    settings=topic.settings(),
                    replication_factor=replication_factor,
                )
                for topic in topics
                if states[topic.full_name(prefix)].partitions_count == 0
            }
            if not admin.create_topics(missing):
                states = topic_states(admin, topics, prefix=prefix)
                refuse_misfits(states, topics, prefix=prefix, partitions=partitions)
    except AdminError as error:
        problem = f"can't make the topics on {cluster.bootstrap}: {error}"
        raise TopicsError(problem) from error
    return tuple(missing)


def check_topics(
    cluster: Cluster, *, prefix: str, partitions: int, adapters: Iterable[str] = ()
) -> None:
    """Look whether all topics can be used; create nothing.

    Raises:
        TopicsError: a topic is missing or can't be used as it is, or nobody answers.
    """
    topics = wanted_topics(adapters)
    try:
        with AdminClient(cluster) as admin:
            states = topic_states(admin, topics, prefix=prefix)
    except AdminError as error:
        problem = f"can't look at the topics on {cluster.bootstrap}: {error}"
        raise TopicsError(problem) from error
    missing = [name for name, state in states.items() if state.partitions_count == 0]
    if missing:
        problem = f"missing, and not to be created: {', '.join(sorted(missing))}"
        raise TopicsError(problem)
    refuse_misfits(states, topics, prefix=prefix, partitions=partitions)


def topic_states(
    admin: AdminClient, topics: Iterable[Topic], *, prefix: str
) -> dict[str, TopicState]:
    """Return what the broker has of `topics`, by full name."""
    return admin.topic_states([topic.full_name(prefix) for topic in topics])


def misfits(topic: Topic, state: TopicState, *, partitions: int) -> tuple[str, ...]:
    """Say in which ways an existing topic can't be used."""
    partitions_needed, needed = topic.partitions(partitions), topic.settings()
    problems = []
    if state.partitions_count != partitions_needed:
        problems.append(
            f"has {state.partitions_count} partitions, {partitions_needed} are configured"
        )
    problems += [
        f"has {name}={state.settings.get(name)}, {needed[name]} is needed"
        for name in BINDING_SETTINGS
        if state.settings.get(name) != needed[name]
    ]
    return tuple(problems)


def differences(topic: Topic, state: TopicState) -> tuple[str, ...]:
    """Say which settings differ from the table but lose nothing by it."""
    return tuple(
        f"has {name}={state.settings.get(name)}, the table says {value}"
        for name, value in topic.settings().items()
        if name not in BINDING_SETTINGS and state.settings.get(name) != value
    )


def refuse_misfits(
    states: Mapping[str, TopicState], topics: Iterable[Topic], *, prefix: str, partitions: int
) -> None:
    """Refuse what exists and can't be used.

    Raises:
        TopicsError: it names every such topic.
    """
    present = [
        (topic, state)
        for topic in topics
        if (state := states[topic.full_name(prefix)]).partitions_count
    ]
    problems = [
        f"{topic.full_name(prefix)} {problem}"
        for topic, state in present
        for problem in misfits(topic, state, partitions=partitions)
    ]
    if problems:
        # Keys would move between partitions under a judge's feet: never repaired by itself.
        moved = any(
            state.partitions_count != topic.partitions(partitions) for topic, state in present
        )
        raise TopicsError("; ".join(problems) + (_MIGRATE if moved else ""))
