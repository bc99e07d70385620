"""Checks of the broker: whether it answers, its topics, its clock, and how far the workers are."""

import uuid
from collections.abc import Callable, Iterator

from aiokafka.errors import KafkaError
from msgspec import Struct

from detectors.errors import SinkError
from detectors.instants import MINUTE_MS
from streams.clock import wall_ms
from streams.control.records import control_kind
from streams.control.rekeyed import REKEYED_HEADER
from streams.doctor.finding import Finding, fail, ok, warn
from streams.ingest.headers import header_value
from streams.ingest.identity import identity_of
from streams.kafka.admin import differences, misfits, topic_states
from streams.kafka.admin_client import AdminClient, AdminError, NewTopic, UnknownTopicError
from streams.kafka.cluster import Cluster
from streams.kafka.config import KafkaConfig
from streams.kafka.log_reader import TopicReader
from streams.kafka.placement import partition_of
from streams.kafka.topics import ACCESS_EVENTS, wanted_topics

# A record's way to the broker is well within it on any network worth the name.
SKEW_MS_WARN = 2_000
SKEW_MS_FAIL = MINUTE_MS
LAG_RECORDS_WARN = 100_000
_KEYS_LOOKED_AT = 500


class Expected(Struct, frozen=True, kw_only=True):
    """What the configuration says there is on the broker."""

    kafka: KafkaConfig
    cluster: Cluster
    adapters: tuple[str, ...]
    group: str


def broker_findings(expected: Expected) -> Iterator[Finding]:
    """Yield what there is to say of the broker; only that it doesn't answer, if it doesn't."""
    address = expected.cluster.bootstrap
    try:
        admin = AdminClient(expected.cluster)
    except AdminError as error:
        advice = "Start it, or `headgate broker` for a local one, or correct kafka.bootstrap."
        yield fail("broker", f"{address} doesn't answer: {error}", advice=advice)
        return
    with admin:
        yield ok("broker", f"{address} answers, a cluster of {admin.brokers_count()}")
        for name, check in CHECKS.items():
            yield _guarded(name, check, admin, expected)


def topics_finding(admin: AdminClient, expected: Expected) -> Finding:
    """Whether every topic of the table is there, and as the table says."""
    prefix, partitions = expected.kafka.topic_prefix, expected.kafka.partitions
    topics = {topic.full_name(prefix): topic for topic in wanted_topics(expected.adapters)}
    states = topic_states(admin, topics.values(), prefix=prefix)
    there = {name: topic for name, topic in topics.items() if states[name].partitions_count}
    unusable = [
        f"{name} {misfit}"
        for name, topic in there.items()
        for misfit in misfits(topic, states[name], partitions=partitions)
    ]
    if unusable:
        advice = "Set kafka.partitions to what is there, or choose another kafka.topic_prefix."
        return fail("topics", "; ".join(unusable), advice=advice)
    missing = sorted(topics.keys() - there.keys())
    if missing:
        advice = "The first `headgate worker` creates them; nothing is lost."
        return warn("topics", f"missing: {', '.join(missing)}", advice=advice)
    odd = [
        f"{name} {difference}"
        for name in topics
        for difference in differences(topics[name], states[name])
    ]
    if odd:
        advice = "Nothing is lost by it; kafka-configs alters a topic if it isn't meant."
        return warn("topics", "; ".join(odd), advice=advice)
    return ok("topics", f"all {len(topics)} are there, {partitions} partitions by institution")


def lag_finding(admin: AdminClient, expected: Expected) -> Finding:
    """How many records the workers have before them."""
    topic = ACCESS_EVENTS.full_name(expected.kafka.topic_prefix)
    group = admin.group(expected.group)
    members_count = 0 if group is None else group.members_count
    committed = {} if group is None else group.committed
    partitions = [(topic, number) for number in range(expected.kafka.partitions)]
    try:
        starts, ends = admin.starts(partitions), admin.ends(partitions)
    except UnknownTopicError:
        return warn("lag", f"{topic} isn't there yet", advice="See topics, above.")
    lag_records = sum(ends[p] - committed.get(p, starts[p]) for p in partitions)
    sentence = (
        f"{lag_records} records wait for group {expected.group}, which has {members_count} workers"
    )
    if not members_count:
        return warn("lag", sentence, advice="Nobody watches: start `headgate worker`.")
    if lag_records > LAG_RECORDS_WARN:
        advice = f"Start more workers, up to {expected.kafka.partitions}; or wait for a replay."
        return warn("lag", sentence, advice=advice)
    return ok("lag", sentence)


def strays_finding(admin: AdminClient, expected: Expected) -> Finding:
    """Whether the last keys of each partition belong into it."""
    topic = ACCESS_EVENTS.full_name(expected.kafka.topic_prefix)
    numbers = range(expected.kafka.partitions)
    try:
        admin.ends([(topic, number) for number in numbers])
    except UnknownTopicError:
        return warn("keys", f"{topic} isn't there yet", advice="See topics, above.")
    try:
        with TopicReader(topic, cluster=expected.cluster) as reader:
            strays = {number: _strays_count(reader, number) for number in reader.partitions}
    except (SinkError, KafkaError) as error:
        advice = "Look whether this client may read the topic."
        return warn("keys", f"can't be looked at: {error}", advice=advice)
    if any(strays.values()):
        where = ", ".join(f"{count} in {number}" for number, count in strays.items() if count)
        advice = (
            "They are judged at home, but written twice. Let the producer use the institution's "
            "name as key, and murmur2 (librdkafka: partitioner=murmur2_random)."
        )
        sentence = f"of the last {_KEYS_LOOKED_AT} records of each partition, strays: {where}"
        return warn("keys", sentence, advice=advice)
    return ok("keys", f"the last {_KEYS_LOOKED_AT} of each partition are where they belong")


def _strays_count(reader: TopicReader, partition: int) -> int:
    keys = [
        (record.key or b"").decode(errors="replace")
        for records in reader.records(partition, last=_KEYS_LOOKED_AT)
        for record in records
        if control_kind(record.headers) is None
        and header_value(record.headers, REKEYED_HEADER) is None
    ]
    partitions = len(reader.partitions)
    return sum(partition_of(identity_of(key), partitions=partitions) != partition for key in keys)


def clock_finding(admin: AdminClient, expected: Expected) -> Finding:
    """How far this machine's clock is from the broker's, by one record in a topic of its own."""
    topic = f"{expected.kafka.topic_prefix}.doctor-{uuid.uuid4().hex[:8]}"
    stamped = {"message.timestamp.type": "LogAppendTime"}
    admin.create_topics({topic: NewTopic(partitions=1, settings=stamped)})
    try:
        skew_ms = _skew_ms(admin, topic)
    finally:
        admin.delete_topic(topic)
    sentence = f"this clock and the broker's are at most {skew_ms} ms apart"
    advice = "Let a time service keep both: events far ahead of the broker's clock are refused."
    if skew_ms > SKEW_MS_FAIL:
        return fail("clock", sentence, advice=advice)
    return (
        warn("clock", sentence, advice=advice) if skew_ms > SKEW_MS_WARN else ok("clock", sentence)
    )


Check = Callable[[AdminClient, Expected], Finding]
CHECKS: dict[str, Check] = {
    "topics": topics_finding,
    "lag": lag_finding,
    "keys": strays_finding,
    "clock": clock_finding,
}


def _guarded(name: str, check: Check, admin: AdminClient, expected: Expected) -> Finding:
    """Run one check; a refusal by the broker is a finding too, and the others still run."""
    try:
        return check(admin, expected)
    except AdminError as error:
        advice = "Look whether this client may do it, and whether the topics are there."
        return warn(name, f"can't be checked: {error}", advice=advice)


def _skew_ms(admin: AdminClient, topic: str) -> int:
    """Return the greatest difference that is possible, whichever way the record took long."""
    before_ms = wall_ms()
    stamped_ms = admin.arrival_ms(topic)
    after_ms = wall_ms()
    return max(abs(stamped_ms - before_ms), abs(after_ms - stamped_ms))
