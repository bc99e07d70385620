"""The checkpoint protocol, pure: nothing lost, nothing doubled, whatever dies when.

No Kafka, no Faust, no clock: the worker and the model test drive the same object. Its rules:

- each state carries the offset of the last event it contains; an event at or below is skipped;
- the fetch positions of a partition chain (`streams.state.positions`); a hole ends the
  process, for an event once passed over could never be noticed again;
- a checkpoint is carried out phase by phase, in the order of `Phase`, each durable before the
  next. Dying between any two leaves something that recovery reads correctly;
- recovery keeps, per key, the record with the highest offset (`streams.state.store`);
- a part's bytes are a function of its name, so writing one twice changes nothing. It may go as
  soon as a main record that no longer names it is durable.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from itertools import islice
from typing import ClassVar, Generic, NamedTuple, Protocol, TypeVar

from detectors.errors import StateError
from streams.kafka.records import Span
from streams.state.keys import BARRIER_KEY, main_key, part_key
from streams.state.positions import Chain
from streams.state.store import PartitionStore, Saved

ProfileT = TypeVar("ProfileT")


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


class Phase(StrEnum):
    """The steps of a checkpoint, in order."""

    OUTPUTS = "outputs"
    PARTS = "parts"
    MAINS = "mains"
    BARRIERS = "barriers"
    COMMIT = "commit"
    TOMBSTONES = "tombstones"


class Write(NamedTuple):
    """One record for the state topic; a tombstone where nothing is saved."""

    partition: int
    key: bytes
    saved: Saved | None


class Checkpoint:
    """What must become durable, phase by phase, to make everything so far count."""

    __slots__ = ("commits", "epoch", "outputs", "writes")

    def __init__(self, epoch: int) -> None:
        """Start empty."""
        self.epoch = epoch
        self.outputs: list[object] = []
        self.writes: dict[Phase, list[Write]] = {phase: [] for phase in Phase}
        self.commits: dict[int, int] = {}

    def __bool__(self) -> bool:
        """Return whether there is anything to do."""
        return bool(self.outputs or self.commits or any(self.writes.values()))


class Live(Generic[ProfileT]):
    """A profile in use, and the offset of the last event in it."""

    __slots__ = ("applied_offset", "profile")

    def __init__(self, profile: ProfileT, applied_offset: int) -> None:
        """Keep both."""
        self.profile = profile
        self.applied_offset = applied_offset


class PartitionKeeper(Generic[ProfileT]):
    """One partition's judges: live profiles over what the state topic holds."""

    __slots__ = ("_chain", "_core", "_dirty", "_live", "_quiet", "context", "partition", "store")

    def __init__(self, partition: int, core: Core[ProfileT]) -> None:
        """Start with nothing recovered."""
        self.partition = partition
        self.store = PartitionStore()
        # What the partition's log told all its judges (the peer reference) so far.
        self.context = b""
        self._core = core
        self._chain: Chain | None = None
        self._live: dict[str, Live[ProfileT]] = {}
        self._dirty: set[str] = set()
        self._quiet: list[str] = []

    @property
    def position(self) -> int | None:
        """The next offset to deal with, or None before the first batch."""
        return None if self._chain is None else self._chain.position

    @property
    def institutions_count(self) -> int:
        """How many institutions are judged here."""
        return len(self.store.mains.keys() | self._live.keys())

    def profiles(self) -> Iterator[tuple[str, ProfileT]]:
        """Iterate over the profiles in use, each with its institution."""
        return ((institution, live.profile) for institution, live in self._live.items())

    def wake(self, count: int) -> None:
        """Bring at most `count` saved profiles into use that no event has asked for yet."""
        asleep = (one for one in self.store.mains if one not in self._live)
        for institution in list(islice(asleep, count)):
            self._live[institution] = self._recovered(institution)

    def admit(self, span: Span) -> int:
        """Return the offset from which the batch's records are new, or raise `HoleError`."""
        if self._chain is None:
            barrier = self.store.barrier
            if barrier is None:
                message = f"partition {self.partition} has no barrier on the state topic"
                raise StateError(message)
            self._chain = Chain(f"partition {self.partition}", barrier.offset)
            # The commit may have been lost after the barrier: repeats alone would never move us.
            self._chain.moved = True
            self.context = barrier.payload
        return self._chain.admit(span)

    def advance(self, end: int) -> None:
        """Note that everything before `end` has been dealt with."""
        if self._chain is not None:
            self._chain.advance(end)

    def commit_again(self) -> None:
        """Note that our position is not committed after all; the next checkpoint tries again."""
        if self._chain is not None:
            self._chain.moved = True

    def live(self, institution: str) -> Live[ProfileT]:
        """Return an institution's profile, and the offset of the last event in it."""
        live = self._live.get(institution)
        if live is None:
            live = self._live[institution] = self._recovered(institution)
        return live

    def profile(self, institution: str, offset: int) -> ProfileT | None:
        """Return the profile that the event at `offset` is new to, or None if it is in it."""
        live = self.live(institution)
        return None if offset <= live.applied_offset else live.profile

    def applied(self, institution: str, offset: int) -> None:
        """Note that the event at `offset` is now in the profile."""
        self._live[institution].applied_offset = offset
        self._dirty.add(institution)

    def drop(self) -> None:
        """Forget what is not saved; what the state topic holds stays known."""
        self._chain = None
        self.context = b""
        self._live.clear()
        self._dirty.clear()

    def add_to(self, checkpoint: Checkpoint, *, rewrite_count: int) -> None:
        """Add all that changed since the last checkpoint, and a few of the quiet ones."""
        for institution in sorted(self._dirty):
            self._add_state(checkpoint, self._live[institution], institution)
        barrier_again = self._is_barrier_due(rewrite_count)
        for institution in self._to_rewrite(rewrite_count):
            self._add_again(checkpoint, institution)
        self._dirty.clear()
        barrier = self.store.barrier if barrier_again else None
        if self._chain is not None and self._chain.moved:
            self._chain.moved = False
            barrier = Saved(self._chain.position, self.context)
            checkpoint.commits[self.partition] = self._chain.position
        if barrier is not None:
            write = Write(self.partition, BARRIER_KEY, barrier)
            checkpoint.writes[Phase.BARRIERS].append(write)

    def _add_state(self, checkpoint: Checkpoint, live: Live[ProfileT], institution: str) -> None:
        held = self.store.parts.get(institution, {})
        dump = self._core.dump(live.profile, known=frozenset(held))
        for part, payload in sorted(dump.new_parts.items()):
            saved = Saved(live.applied_offset, payload)
            write = Write(self.partition, part_key(institution, part), saved)
            checkpoint.writes[Phase.PARTS].append(write)
        for part in sorted(held.keys() - dump.names):
            # One of a later offset is from a worker that went further: it will be named soon.
            if held[part].offset <= live.applied_offset:
                write = Write(self.partition, part_key(institution, part), None)
                checkpoint.writes[Phase.TOMBSTONES].append(write)
        main = Write(self.partition, main_key(institution), Saved(live.applied_offset, dump.main))
        checkpoint.writes[Phase.MAINS].append(main)

    def _add_again(self, checkpoint: Checkpoint, institution: str) -> None:
        # Compaction keeps the last record of a key, recovery wants the highest. A quiet state
        # shadowed by a zombie's late write is made last again before compaction may look.
        for part, saved in sorted(self.store.parts.get(institution, {}).items()):
            write = Write(self.partition, part_key(institution, part), saved)
            checkpoint.writes[Phase.PARTS].append(write)
        if institution not in self._dirty:
            write = Write(self.partition, main_key(institution), self.store.mains[institution])
            checkpoint.writes[Phase.MAINS].append(write)

    def _is_barrier_due(self, rewrite_count: int) -> bool:
        # Once a round, as each state; at once if it is known to be shadowed.
        return self.store.barrier_shadowed or (rewrite_count > 0 and not self._quiet)

    def _to_rewrite(self, count: int) -> list[str]:
        if count and not self._quiet:
            self._quiet = sorted(self.store.mains, reverse=True)
        picked = [self._quiet.pop() for _ in range(min(count, len(self._quiet)))]
        return sorted({*picked, *self.store.shadowed} & self.store.mains.keys())

    def _recovered(self, institution: str) -> Live[ProfileT]:
        saved = self.store.mains.get(institution)
        if saved is None:
            return Live(self._core.open(institution), -1)
        held = self.store.parts.get(institution, {})
        parts = {name: part.payload for name, part in held.items()}
        profile = self._core.load(saved.payload, parts, institution=institution)
        return Live(profile, saved.offset)


class Keeper(Generic[ProfileT]):
    """All partitions of one worker, the outputs on their way, and the checkpoint over them."""

    order: ClassVar[tuple[Phase, ...]] = tuple(Phase)

    __slots__ = ("_core", "_outputs", "epoch", "partitions", "settled")

    def __init__(self, core: Core[ProfileT]) -> None:
        """Start with no partition."""
        self.epoch = 0
        # Whether everything of our partitions has been read back: only then may states be opened.
        self.settled = False
        self.partitions: dict[int, PartitionKeeper[ProfileT]] = {}
        self._core = core
        self._outputs: list[object] = []

    def partition(self, partition: int) -> PartitionKeeper[ProfileT]:
        """Return the keeper of a partition."""
        keeper = self.partitions.get(partition)
        if keeper is None:
            keeper = self.partitions[partition] = self._new_partition(partition)
        return keeper

    def _new_partition(self, partition: int) -> PartitionKeeper[ProfileT]:
        return PartitionKeeper(partition, self._core)

    def sent(self, output: object) -> None:
        """Note an alert or dead letter on its way; the next checkpoint awaits it first."""
        self._outputs.append(output)

    def begin_checkpoint(self, *, rewrite_count: int = 0) -> Checkpoint:
        """Return what must become durable now, taken in one go; `rewrite_count` per partition."""
        checkpoint = Checkpoint(self.epoch)
        for keeper in self.partitions.values():
            keeper.add_to(checkpoint, rewrite_count=rewrite_count)
        checkpoint.outputs, self._outputs = self._outputs, []
        return checkpoint

    def holds(self, checkpoint: Checkpoint) -> bool:
        """Return whether no rebalance came between; only then may the rest be carried out."""
        return checkpoint.epoch == self.epoch

    def saved(self, writes: Iterable[Write]) -> None:
        """Note that these records are durable."""
        for write in writes:
            self.partition(write.partition).store.apply(write.key, write.saved)

    def drop(self) -> None:
        """Forget all that is not saved: a rebalance is a restart."""
        self.epoch += 1
        self.settled = False
        self._outputs.clear()
        for keeper in self.partitions.values():
            keeper.drop()

    def retain(self, partitions: Iterable[int]) -> None:
        """Forget the partitions that now belong to others."""
        kept = set(partitions)
        self.partitions = {p: keeper for p, keeper in self.partitions.items() if p in kept}
