"""Every topic in one table: what it carries, how it is split, how long it is kept."""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from detectors.instants import DAY_MS

MIB = 1024 * 1024
CONTROL_PARTITIONS = 1
KEEP_FOR_EVER = -1

Cleanup = Literal["delete", "compact", "compact,delete"]


class Topic(Struct, frozen=True, kw_only=True):
    """One row: a topic's short name, what it carries and how the broker keeps it.

    `per_institution` topics have as many partitions as the input, so that one partition of each
    belongs to one judge; the others have a single one, because one reader must see all in order.
    """

    name: str
    key: str
    content: str
    per_institution: bool
    cleanup: Cleanup
    retention_days: int = KEEP_FOR_EVER
    record_bytes_max: int | None = None
    more: tuple[tuple[str, str], ...] = ()

    def full_name(self, prefix: str) -> str:
        """Return the name on the broker."""
        return f"{prefix}.{self.name}"

    def partitions(self, input_partitions: int) -> int:
        """Return how many partitions it has when the input has `input_partitions`."""
        return input_partitions if self.per_institution else CONTROL_PARTITIONS

    def settings(self) -> dict[str, str]:
        """Return the topic's settings by the names that Kafka gives them."""
        forever = self.retention_days == KEEP_FOR_EVER
        settings = {
            "cleanup.policy": self.cleanup,
            "retention.ms": str(KEEP_FOR_EVER if forever else self.retention_days * DAY_MS),
        }
        if self.record_bytes_max is not None:
            settings["max.message.bytes"] = str(self.record_bytes_max)
        return settings | dict(self.more)


# The broker stamps what comes in: retention then counts from the arrival, also of old events, and
# an event's claimed time can be compared with a clock that its producer doesn't hold.
_ARRIVAL_STAMPED = (("message.timestamp.type", "LogAppendTime"),)
# A frozen worker may wake and write an old state over a newer one. Recovery takes the one that
# has seen most, so a newer one must not be compacted away meanwhile: a day for us to notice.
_SHADOWED_STAY = (
    ("min.compaction.lag.ms", str(DAY_MS)),
    ("min.cleanable.dirty.ratio", "0.1"),
    ("segment.ms", str(DAY_MS)),
)

ACCESS_EVENTS = Topic(
    name="access-events",
    key="institution; of a control record to all of them: all",
    content="canonical events, and the control records that each judge must see among them",
    per_institution=True,
    cleanup="delete",
    retention_days=30,
    record_bytes_max=24 * MIB,  # 20 MB records must arrive, to be rejected by name and counted
    more=_ARRIVAL_STAMPED,
)
ALERTS = Topic(
    name="alerts",
    key="institution",
    content="CloudEvents with an OCSF Detection Finding: create, update, close under one id",
    per_institution=True,
    cleanup="delete",
    retention_days=400,
)
SUSPENSIONS = Topic(
    name="suspensions",
    key="scope: a user, a project or an institution",
    content="the current state of each measure: requested, approved, active, released",
    per_institution=False,
    cleanup="compact",
)
DECISIONS = Topic(
    name="decisions",
    key="name of the signer",
    content="what people said, signed: approve, release, register, what an alert was",
    per_institution=False,
    cleanup="delete",
)
REGISTER = Topic(
    name="register",
    key="institution",
    content="approved projects, caps and exemptions, as they hold now",
    per_institution=False,
    cleanup="compact",
)
HOLDINGS = Topic(
    name="holdings",
    key="day/institution",
    content="who was taken new on a day, as bitmaps, for the judge of collusion",
    per_institution=False,
    # Kept for ever, the last word on a day: who held whom before is what rings are judged by.
    cleanup="compact",
    record_bytes_max=8 * MIB,
)
SUMMARIES = Topic(
    name="summaries",
    key="institution",
    content="one record an institution and day, from which the peer reference is built",
    per_institution=False,
    cleanup="delete",
    retention_days=90,
)
REFERENCE = Topic(
    name="reference",
    key="day",
    content="peer quantiles of all groups, one record a day, and which partition went on without",
    per_institution=False,
    # Its order decides: compaction would keep what came last, where the first record counts.
    cleanup="delete",
)
AUDIT = Topic(
    name="audit",
    key="none",
    content="the chained record of every alert, decision and action",
    per_institution=False,
    cleanup="delete",
    record_bytes_max=8 * MIB,
)
PEOPLE = Topic(
    name="audit-people",
    key="token",
    content="whose pseudonym a token of the audit stands for; a tombstone erases it",
    per_institution=False,
    cleanup="compact,delete",
    # As long as the alerts that name them: what is left then are tokens of nobody.
    retention_days=400,
)
DEAD_LETTERS = Topic(
    name="dead-letters",
    key="the original key",
    content="rejected records: their bytes untouched, the reason in the headers",
    per_institution=True,
    cleanup="delete",
    retention_days=30,
    record_bytes_max=25 * MIB,  # the largest input and the headers that say why it was rejected
)
STATE = Topic(
    name="state",
    key="institution, with a part of its state; or of the partition's own record: NUL 3",
    content="each judge's saved state, signed and versioned",
    per_institution=True,
    cleanup="compact",
    record_bytes_max=8 * MIB,
    more=_SHADOWED_STAY,
)

TOPICS = (
    ACCESS_EVENTS,
    ALERTS,
    SUSPENSIONS,
    DECISIONS,
    REGISTER,
    HOLDINGS,
    SUMMARIES,
    REFERENCE,
    AUDIT,
    PEOPLE,
    DEAD_LETTERS,
    STATE,
)


def raw_topic(adapter: str) -> Topic:
    """Return the topic that one foreign format comes in by, before it is re-keyed."""
    return Topic(
        name=f"raw.{adapter}",
        key="any",
        content=f"records in the format of {adapter}",
        per_institution=True,
        cleanup="delete",
        retention_days=7,
        record_bytes_max=ACCESS_EVENTS.record_bytes_max,
        more=_ARRIVAL_STAMPED,
    )


def wanted_topics(adapters: Iterable[str] = ()) -> tuple[Topic, ...]:
    """Return the whole table, with one raw topic for each adapter."""
    return (*TOPICS, *map(raw_topic, adapters))
