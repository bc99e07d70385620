"""Step 2 of 7: an event in a partition -> its judge here, or where it must go.

Producers place keys by hashes of their own, spell names as they like, and some send no key at all.
Each institution is judged in one partition, that of its identity, by events that bear its key; what
lies elsewhere is a stray, and is sent home, once: of what was keyed anew and signed, nothing is
asked again. Only what nobody knows goes on from there, to the one judge of all unknown names.
"""

from collections.abc import Callable
from typing import NamedTuple

from msgspec import Struct

from detectors.event import AccessEvent, time_ms
from detectors.register import UNKNOWN
from streams.control.rekeyed import StrayOrigin, origin_of, rekeyed_record
from streams.ingest.directory import Directory
from streams.ingest.identity import identity_of
from streams.ingest.partial_event import placed
from streams.kafka.placement import partition_of
from streams.kafka.records import OutgoingRecord, RecordContent
from streams.state.envelope import StateKeys


class Destination(NamedTuple):
    """Where a stray goes: the key that it gets, and the partition."""

    key: str
    partition: int


class Addressing(Struct, frozen=True, kw_only=True):
    """Where the institutions of a topic of so many partitions are at home."""

    topic: str
    partitions: int
    keys: StateKeys

    def home_of(self, name: str, directory: Directory) -> Destination:
        """Return the key and the partition that belong to a name."""
        key = directory.home_of(name)
        return Destination(key, partition_of(key, partitions=self.partitions))

    def apart(
        self, directory: Directory, *, partition: int, knows: Callable[[str], bool]
    ) -> list[str]:
        """Return the aliases that have a judge of their own here, away from their institution's.

        They were judged before the register named them: what they held is not joined.
        """
        return sorted(
            alias
            for alias in directory.aliases
            if knows(alias) and self.home_of(alias, directory).partition != partition
        )

    def is_at_home(
        self, name: str, key: bytes | None, *, partition: int, directory: Directory
    ) -> bool:
        """Tell whether what bears this name and this key belongs into this partition."""
        home = self.home_of(name, directory)
        return home.partition == partition and _home_of_key(key, directory) == home.key

    def lasting(
        self, event: AccessEvent, record: RecordContent, *, partition: int, directory: Directory
    ) -> tuple[str, bytes | None]:
        """Return the name and the key of an event if they alone say who judges it here.

        Otherwise a name that nobody has.
        """
        name, key = event.institution, record.key
        is_lasting = directory.is_settled(name) and self.is_at_home(
            name, key, partition=partition, directory=directory
        )
        return (name, key) if is_lasting else ("", None)

    def judge_of(
        self,
        event: AccessEvent,
        record: RecordContent,
        *,
        partition: int,
        directory: Directory,
        knows: Callable[[str], bool],
    ) -> str | Destination:
        """Return the judge of an event in this partition, or where it must go.

        `knows` tells whether an institution has a judge in this partition already.
        """
        name, key = event.institution, record.key
        judge = directory.judge_of(name, time_ms(event))
        if not self.is_at_home(name, key, partition=partition, directory=directory):
            origin = origin_of(record, topic=self.topic, partition=partition, keys=self.keys)
            if origin is None:
                return self.home_of(name, directory)
            judge = _text(key)
        if judge != UNKNOWN or _text(key) == UNKNOWN:
            return judge
        if knows(identity_of(name)):
            # Judged before there was a register: what it holds goes on to count.
            return identity_of(name)
        shared = Destination(UNKNOWN, partition_of(UNKNOWN, partitions=self.partitions))
        return UNKNOWN if shared.partition == partition else shared

    def placed(
        self, event: AccessEvent, record: RecordContent, *, partition: int, offset: int
    ) -> AccessEvent:
        """Return an event without an id of its own under the name of where it lay first."""
        if event.repairs is None:
            return event
        origin = origin_of(record, topic=self.topic, partition=partition, keys=self.keys)
        return event if origin else placed(event, f"{self.topic}/{partition}", offset)

    def forwarded(
        self, event: AccessEvent, destination: Destination, *, origin: StrayOrigin
    ) -> OutgoingRecord:
        """Return the record that takes the stray at `origin` to where it belongs."""
        return rekeyed_record(
            event,
            judge=destination.key,
            topic=self.topic,
            partition=destination.partition,
            origin=origin,
            keys=self.keys,
        )


class LogPlace(NamedTuple):
    """A partition, and where the institutions of its topic are at home."""

    addressing: Addressing
    partition: int

    def is_home(self, name: str, directory: Directory) -> bool:
        """Tell whether an institution is at home here."""
        return self.addressing.home_of(name, directory).partition == self.partition


def _home_of_key(key: bytes | None, directory: Directory) -> str:
    """Return whose key this is; the one of all unknown names is at home nowhere else."""
    text = _text(key)
    return UNKNOWN if text == UNKNOWN else directory.home_of(text)


def _text(key: bytes | None) -> str:
    return (key or b"").decode(errors="replace")
