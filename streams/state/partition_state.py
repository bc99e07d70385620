"""The judges of one partition: profiles in use over what the state topic holds of them."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from detectors.errors import StateError
from streams.kafka.records import FetchSpan
from streams.state.keys import PARTITION_RECORD_KEY, main_key, part_key
from streams.state.phases import Checkpoint, OutputT, Phase, Write
from streams.state.positions import PositionTracker
from streams.state.store import RecoveredPartition, SavedRecord

ProfileT = TypeVar("ProfileT")

# Profiles of a worker in memory. Of a platform's institutions all are; beyond it somebody invents
# names.
RESIDENT_MAX: Final = 10_000


class Dump(NamedTuple):
    """A profile's bytes: the small main record, the parts it names, and those of them not known."""

    main: bytes
    names: frozenset[str]
    new_parts: Mapping[str, bytes]


class Core(Protocol[ProfileT]):
    """What the protocol asks of the core."""

    def open(self, institution: str) -> ProfileT:
        """Return the profile of an institution never seen before."""

    def dump(self, profile: ProfileT, *, known: frozenset[str]) -> Dump:
        """Return the profile as bytes; the parts in `known` are durable already."""

    def load(self, main: bytes, parts: Mapping[str, bytes], *, institution: str) -> ProfileT:
        """Return the profile that was dumped; `parts` may hold more than it names."""


class LoadedProfile(Generic[ProfileT]):
    """A profile in use, and the offset of the last event in it."""

    __slots__ = ("applied_offset", "profile")

    def __init__(self, profile: ProfileT, applied_offset: int) -> None:
        """Keep both."""
        self.profile = profile
        self.applied_offset = applied_offset


class PartitionState(Generic[ProfileT]):
    """One partition's judges: loaded profiles over what the state topic holds."""

    __slots__ = (
        "_core",
        "_dirty",
        "_loaded",
        "_positions",
        "_quiet",
        "_used",
        "awake",
        "context",
        "partition",
        "store",
    )

    def __init__(self, partition: int, core: Core[ProfileT]) -> None:
        """Start with nothing recovered."""
        self.partition = partition
        self.store = RecoveredPartition()
        # What control records of the partition's log say for all its judges, encoded.
        self.context = b""
        self._core = core
        self._positions: PositionTracker | None = None
        self._loaded: dict[str, LoadedProfile[ProfileT]] = {}
        self._dirty: set[str] = set()
        # Those that the last checkpoint found changed.
        self._used: set[str] = set()
        self._quiet: list[str] = []
        # Who may have something to do by time alone; of whom nothing is known yet, all may.
        self.awake: set[str] = set()

    @property
    def position(self) -> int | None:
        """The next offset to deal with, or None before the first batch."""
        return None if self._positions is None else self._positions.position

    @property
    def next_offset(self) -> int:
        """The next offset to deal with; before the first batch, what is saved."""
        if self._positions is not None:
            return self._positions.position
        partition_record = self.store.partition_record
        return 0 if partition_record is None else partition_record.offset

    @property
    def saved_context(self) -> bytes:
        """What control records say by now; before the first batch, as it is saved."""
        partition_record = self.store.partition_record
        if self._positions is not None or partition_record is None:
            return self.context
        return partition_record.payload

    @property
    def institutions_count(self) -> int:
        """How many institutions are judged here."""
        mains = self.store.mains
        return len(mains) + sum(institution not in mains for institution in self._loaded)

    @property
    def resident_count(self) -> int:
        """How many of them are in use."""
        return len(self._loaded)

    def profiles(self) -> Iterator[tuple[str, ProfileT]]:
        """Iterate over the profiles in use, each with its institution."""
        return ((institution, loaded.profile) for institution, loaded in self._loaded.items())

    def idle(self) -> Iterator[str]:
        """Iterate over the institutions that are judged here, but are not in memory."""
        return (name for name in self.store.mains if name not in self._loaded)

    def load_idle(self, count: int) -> None:
        """Bring at most `count` saved profiles into use that no event has asked for."""
        for institution in list(islice(self.idle(), count)):
            self._loaded[institution] = self._recovered(institution)

    def evict_idle(self, *, resident_max: int, needed: Callable[[ProfileT], bool]) -> None:
        """Of more profiles than so many in use, forget half: those that are saved as they are.

        Those that took no event since the checkpoint before the last go first; who is `needed`
        stays. An event brings them back from what the state topic holds.
        """
        if len(self._loaded) <= resident_max:
            return
        mains = self.store.mains
        saved = [
            institution
            for institution, loaded in self._loaded.items()
            if institution not in self._dirty
            and mains.offset(institution) == loaded.applied_offset
            and not needed(loaded.profile)
        ]
        saved.sort(key=self._used.__contains__)
        for institution in saved[: len(self._loaded) - resident_max // 2]:
            del self._loaded[institution]

    def new_from(self, span: FetchSpan) -> int:
        """Return the offset from which the batch's records are new.

        Raises:
            OffsetGapError: records were passed over.
            StateError: nothing is saved of the partition, not even where it begins.
        """
        if self._positions is None:
            partition_record = self.store.partition_record
            if partition_record is None:
                message = f"partition {self.partition} has no partition record on the state topic"
                raise StateError(message)
            self._positions = PositionTracker(
                f"partition {self.partition}", partition_record.offset
            )
            # The commit may have been lost after this record: repeats alone would never move us.
            self._positions.moved = True
            self.context = partition_record.payload
            self.awake |= self.store.mains.keys()
        return self._positions.new_from(span)

    def advance(self, end: int) -> None:
        """Note that everything before `end` has been dealt with."""
        if self._positions is not None:
            self._positions.advance(end)

    def commit_again(self) -> None:
        """Note that our position is not committed after all; the next checkpoint tries again."""
        if self._positions is not None:
            self._positions.moved = True

    def loaded(self, institution: str) -> LoadedProfile[ProfileT]:
        """Return an institution's profile, and the offset of the last event in it."""
        loaded = self._loaded.get(institution)
        if loaded is None:
            loaded = self._loaded[institution] = self._recovered(institution)
        return loaded

    def knows(self, institution: str) -> bool:
        """Tell whether an institution has a judge here."""
        return institution in self._loaded or institution in self.store.mains

    def profile(self, institution: str, offset: int) -> ProfileT | None:
        """Return the profile that the event at `offset` is new to, or None if it is in it."""
        loaded = self.loaded(institution)
        return None if offset <= loaded.applied_offset else loaded.profile

    def applied(self, institution: str, offset: int) -> None:
        """Note that the event at `offset` is now in the profile."""
        self._loaded[institution].applied_offset = offset
        self._dirty.add(institution)

    def drop(self) -> None:
        """Forget what is not saved; what the state topic holds stays known."""
        self._positions = None
        self.context = b""
        self.awake.clear()
        self._loaded.clear()
        self._dirty.clear()
        self._used.clear()

    def add_to(self, checkpoint: Checkpoint[OutputT], *, rewrite_count: int) -> None:
        """Add all that changed since the last checkpoint, and a few that have not for long."""
        for institution in sorted(self._dirty):
            self._add_state(checkpoint, self._loaded[institution], institution)
        partition_record_again = self._is_partition_record_due(rewrite_count)
        for institution in self._to_rewrite(rewrite_count):
            self._add_again(checkpoint, institution)
        self._used = set(self._dirty)
        self._dirty.clear()
        partition_record = self.store.partition_record if partition_record_again else None
        if self._positions is not None and self._positions.moved:
            self._positions.moved = False
            partition_record = SavedRecord(self._positions.position, self.context)
            checkpoint.commits[self.partition] = self._positions.position
        if partition_record is not None:
            write = Write(self.partition, PARTITION_RECORD_KEY, partition_record)
            checkpoint.writes[Phase.PARTITION_RECORDS].append(write)

    def _add_state(
        self, checkpoint: Checkpoint[OutputT], loaded: LoadedProfile[ProfileT], institution: str
    ) -> None:
        held = self.store.parts.get(institution, {})
        dump = self._core.dump(loaded.profile, known=frozenset(held))
        for part, payload in sorted(dump.new_parts.items()):
            saved = SavedRecord(loaded.applied_offset, payload)
            write = Write(self.partition, part_key(institution, part), saved)
            checkpoint.writes[Phase.PARTS].append(write)
        for part in sorted(held.keys() - dump.names):
            # One of a later offset is from a worker that went further: it will be named soon.
            if held[part].offset <= loaded.applied_offset:
                write = Write(self.partition, part_key(institution, part), None)
                checkpoint.writes[Phase.TOMBSTONES].append(write)
        main = Write(
            self.partition, main_key(institution), SavedRecord(loaded.applied_offset, dump.main)
        )
        checkpoint.writes[Phase.MAINS].append(main)

    def _add_again(self, checkpoint: Checkpoint[OutputT], institution: str) -> None:
        # Compaction keeps the last record of a key, recovery wants the highest. A quiet state
        # shadowed by a zombie's late write is made last again before compaction may look.
        for part, saved in sorted(self.store.parts.get(institution, {}).items()):
            write = Write(self.partition, part_key(institution, part), saved)
            checkpoint.writes[Phase.PARTS].append(write)
        if institution not in self._dirty:
            write = Write(self.partition, main_key(institution), self.store.mains[institution])
            checkpoint.writes[Phase.MAINS].append(write)

    def _is_partition_record_due(self, rewrite_count: int) -> bool:
        # Once a round, as each state; at once if it is known to be shadowed.
        return self.store.partition_record_shadowed or (rewrite_count > 0 and not self._quiet)

    def _to_rewrite(self, count: int) -> list[str]:
        if count and not self._quiet:
            self._quiet = sorted(self.store.mains, reverse=True)
        picked = [self._quiet.pop() for _ in range(min(count, len(self._quiet)))]
        return sorted({*picked, *self.store.shadowed} & self.store.mains.keys())

    def _recovered(self, institution: str) -> LoadedProfile[ProfileT]:
        saved = self.store.mains.get(institution)
        if saved is None:
            return LoadedProfile(self._core.open(institution), -1)
        held = self.store.parts.get(institution, {})
        parts = {name: part.payload for name, part in held.items()}
        profile = self._core.load(saved.payload, parts, institution=institution)
        return LoadedProfile(profile, saved.offset)
