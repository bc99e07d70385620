"""The table of topics, and what is done to a broker by it."""

import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from streams.kafka import admin_client
from streams.kafka.admin import TopicsError, differences, ensure_topics, misfits, topic_states
from streams.kafka.admin_client import AdminClient
from streams.kafka.cluster import unprotected
from streams.kafka.topics import (
    ACCESS_EVENTS,
    DEAD_LETTERS,
    STATE,
    TOPICS,
    raw_topic,
    wanted_topics,
)

NOT_A_BROKER = "127.0.0.1:1"


def test_no_two_topics_share_a_name() -> None:
    """A name that stands twice in the table would mix two kinds of record."""
    names = [topic.name for topic in wanted_topics(["edgar", "nginx"])]
    assert sorted(set(names)) == sorted(names)


def test_a_record_that_may_come_in_fits_into_dead_letters() -> None:
    """What the input accepts can be kept when it is refused, with the reason beside it."""
    assert DEAD_LETTERS.record_bytes_max is not None
    assert ACCESS_EVENTS.record_bytes_max is not None
    assert DEAD_LETTERS.record_bytes_max > ACCESS_EVENTS.record_bytes_max
    assert raw_topic("edgar").record_bytes_max == ACCESS_EVENTS.record_bytes_max


def test_the_state_is_split_as_the_input_is() -> None:
    """The judge of a partition finds its saved state in the partition of the same number."""
    assert STATE.partitions(7) == ACCESS_EVENTS.partitions(7) == 7


def test_what_a_frozen_worker_shadows_stays_for_a_day() -> None:
    """Compaction leaves the better record alone long enough for a recovery to choose it."""
    assert STATE.settings()["min.compaction.lag.ms"] == "86400000"
    assert STATE.settings()["cleanup.policy"] == "compact"


def test_every_topic_says_what_it_carries() -> None:
    """An operator who lists topics can look up each."""
    assert [topic.name for topic in TOPICS if not topic.content or not topic.key] == []


def test_a_broker_that_is_not_there_is_a_named_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the address that was tried."""
    monkeypatch.setattr(admin_client, "CONNECT_TIMEOUT_MS", 300)
    with pytest.raises(TopicsError, match=NOT_A_BROKER):
        ensure_topics(unprotected(NOT_A_BROKER), prefix="headgate", partitions=1)


@pytest.mark.kafka
def test_missing_topics_are_created_as_the_table_says(kafka: str, topic_prefix: str) -> None:
    """A fresh broker ends with every topic, and nothing on it differs from the table."""
    created = ensure_topics(
        unprotected(kafka), prefix=topic_prefix, partitions=3, adapters=["edgar"]
    )
    topics = wanted_topics(["edgar"])
    assert created == tuple(topic.full_name(topic_prefix) for topic in topics)
    with AdminClient(unprotected(kafka)) as admin:
        states = topic_states(admin, topics, prefix=topic_prefix)
    problems = {
        topic.name: (
            *misfits(topic, states[topic.full_name(topic_prefix)], partitions=3),
            *differences(topic, states[topic.full_name(topic_prefix)]),
        )
        for topic in topics
    }
    assert problems == dict.fromkeys(problems, ())


@pytest.mark.kafka
def test_topics_that_are_there_are_left_alone(kafka: str, topic_prefix: str) -> None:
    """A second worker finds nothing to do; a new adapter adds its topic only."""
    ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=2)
    assert ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=2) == ()
    expected = (f"{topic_prefix}.raw.nginx",)
    assert (
        ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=2, adapters=["nginx"])
        == expected
    )


@pytest.mark.kafka
def test_another_partition_count_is_refused(kafka: str, topic_prefix: str) -> None:
    """Institutions would change their judge, so the count is never changed silently."""
    ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=2)
    expected = f"{topic_prefix}.access-events has 2 partitions, 3 are configured"
    with pytest.raises(TopicsError, match=expected) as refused:
        ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=3)
    assert "headgate migrate" in str(refused.value)


@pytest.mark.kafka
def test_a_wrong_cleanup_policy_is_refused(kafka: str, topic_prefix: str) -> None:
    """A state topic that deletes by age would forget quiet institutions."""
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    name = STATE.full_name(topic_prefix)
    configs = {"cleanup.policy": "delete"}
    admin.create_topics([NewTopic(name, 2, 1, topic_configs=configs)], wait_for_metadata=True)
    admin.close()
    with pytest.raises(TopicsError, match=f"{name} has cleanup.policy=delete, compact is needed"):
        ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=2)
