"""Step 7 of 7: the journal in memory: end of its chain, position in each source, fold."""

import logging
from collections.abc import Iterable
from importlib.metadata import version

import msgspec
from msgspec import Struct

from detectors.config import CoreConfig, config_hash
from detectors.errors import StateError
from detectors.response.config import ResponseConfig
from detectors.response.entries import (
    GENESIS,
    Acted,
    AuditEntry,
    Body,
    Configured,
    Declined,
    SourceRecord,
    digest,
    entry_bytes,
    parse_entry,
)
from detectors.response.fold import ResponseAction, apply
from detectors.response.push import sendable
from detectors.response.state import ResponseState
from detectors.response.suspension import Suspension
from detectors.response.withheld import Withheld
from streams.kafka.cluster import Cluster
from streams.kafka.log_reader import committed_records
from streams.kafka.records import Partition

logger = logging.getLogger("headgate.recorder")


class Followed(Struct, frozen=True, kw_only=True):
    """What followed from the entry of that sequence."""

    sequence: int
    action: ResponseAction


class Written(Struct, frozen=True, kw_only=True):
    """Lines to append, and what follows from them."""

    lines: tuple[bytes, ...]
    actions: tuple[Followed, ...]


class Journal:
    """Grows by entries that are applied as they are appended."""

    __slots__ = (
        "_batch",
        "_batch_actions",
        "configured",
        "head",
        "positions",
        "sequence",
        "state",
    )

    def __init__(self) -> None:
        """Begin before the first entry."""
        self.state = ResponseState()
        self.head = GENESIS
        self.sequence = 0
        self.positions: dict[Partition, int] = {}
        self.configured: Configured | None = None
        self._batch = 0
        self._batch_actions: list[Followed] = []

    def read(self, raw: bytes) -> tuple[Followed, ...]:
        """Take in a line that the topic holds already, and return what followed from it.

        Raises:
            StateError: it does not follow from the line before; nobody may act on such a journal.
        """
        try:
            entry = parse_entry(raw)
        except msgspec.DecodeError:
            # Somebody else's; the chain goes on beside it, and `audit verify` tells of it.
            logger.error("A record of the audit is not ours.", extra={"line": self.sequence})  # noqa: TRY400
            return ()
        if (entry.sequence, entry.previous) != (self.sequence, self.head):
            message = (
                f"line {self.sequence} of the audit does not follow from the one before; "
                "`headgate audit verify` says more"
            )
            raise StateError(message)
        return self._take(entry, raw)

    def to_say_again(self) -> tuple[Followed, ...]:
        """Return what judges may not know: what the last batch led to, and what was pushed.

        The last batch may not have been carried out. A partition that is judged anew has its
        events, but what was pushed long before the first of them is gone from its log.
        """
        pushed = (
            Followed(sequence=scheduled.sequence, action=scheduled)
            for scheduled in self.state.pushed
        )
        return (*pushed, *self._batch_actions)

    def next_offset(self, topic: str, partition: int) -> int:
        """Return the first offset of a source that is not recorded yet."""
        return self.positions.get((topic, partition), 0)

    def append(self, causes: Iterable[tuple[SourceRecord | None, Body]], *, now_ms: int) -> Written:
        """Append one entry a cause as one batch, each followed by what it led to."""
        batch = self.sequence
        # The wall clock may be set back; the journal's time is not.
        at_ms = max(now_ms, self.state.now_ms)
        lines: list[bytes] = []
        actions: list[Followed] = []
        for source, body in causes:
            followed = self._appended(lines, source, body, batch=batch, at_ms=at_ms)
            for step in followed:
                outcome = _outcome_of(step.action)
                if outcome is not None:
                    self._appended(lines, None, outcome, batch=batch, at_ms=at_ms)
            actions += followed
        return Written(lines=tuple(lines), actions=tuple(actions))

    def _appended(
        self, lines: list[bytes], source: SourceRecord | None, body: Body, *, batch: int, at_ms: int
    ) -> tuple[Followed, ...]:
        entry = AuditEntry(
            sequence=self.sequence,
            previous=self.head,
            batch=batch,
            recorded_ms=at_ms,
            source=source,
            body=body,
        )
        raw = entry_bytes(entry)
        lines.append(raw)
        return self._take(entry, raw)

    def _take(self, entry: AuditEntry, raw: bytes) -> tuple[Followed, ...]:
        self.head = digest(raw)
        self.sequence = entry.sequence + 1
        if entry.batch != self._batch:
            self._batch, self._batch_actions = entry.batch, []
        if entry.source is not None:
            place = (entry.source.topic, entry.source.partition)
            self.positions[place] = entry.source.offset + 1
        if isinstance(entry.body, Configured):
            self.configured = entry.body
        actions = apply(self.state, entry)
        followed = tuple(Followed(sequence=entry.sequence, action=action) for action in actions)
        self._batch_actions += followed
        return followed


def _outcome_of(action: ResponseAction) -> Acted | Declined | None:
    """Return the entry by which an action is on record; what judges are told has another place."""
    if isinstance(action, Suspension):
        return Acted(suspension=action)
    return Declined(withheld=action) if isinstance(action, Withheld) else None


def configured_by(core: CoreConfig, response: ResponseConfig) -> Configured:
    """Return the entry by which a journal goes on under a configuration."""
    return Configured(
        response=response,
        cohort_size=core.cohort.size,
        config_hash=config_hash(core),
        version=version("headgate"),
        core=sendable(core),
    )


async def read_journal(topic: str, *, cluster: Cluster) -> Journal:
    """Return the journal that a topic holds now.

    Raises:
        StateError: its lines do not chain.
    """
    journal = Journal()
    async for record in committed_records(topic, cluster=cluster):
        journal.read(record.value or b"")
    return journal
