"""The checkpoint protocol against everything that dies, sleeps, returns late or gets lost.

Whatever happened in the model world, at the end every state and the set of alerts must equal a
plain walk over the log. Each broken variant must be caught by the same walk of seeds; a test that
would pass a broken protocol proves nothing.
"""

import random
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.errors import StateError
from streams.kafka.records import FetchSpan
from streams.state.partition_state import PartitionState
from streams.state.phases import Checkpoint, OutputT, Phase
from streams.state.protocol import StateStore
from streams.state.store import RecoveredPartition, SavedRecord
from tests.streams.state.protocol_model import Alert, Toy, play


def seeds_that_fail(store_type: type[StateStore[Toy, Alert]], seeds: int) -> int:
    """Return the first seed whose history the protocol does not survive, or -1."""
    for seed in range(seeds):
        try:
            play(random.Random(seed).randrange, store_type, steps=150)
        except (AssertionError, StateError):
            return seed
    return -1


class LastWriteWins(RecoveredPartition):
    """Broken: a zombie's late write wins."""

    def _supersedes(self, new: SavedRecord, old: SavedRecord | None) -> bool:
        del new, old
        return True


class NoGuard(PartitionState[Toy]):
    """Broken: dropped deliveries pass unnoticed."""

    def new_from(self, span: FetchSpan) -> int:
        """Admit whatever comes, as if nothing were missing."""
        expected = super().new_from(FetchSpan(0, 0))
        if span.start > expected:
            self.advance(span.start)
        return expected


class NoSkip(PartitionState[Toy]):
    """Broken: a replayed event is judged again."""

    def profile(self, institution: str, offset: int) -> Toy | None:
        """Return the profile for every event."""
        del offset
        return super().profile(institution, 10**9)


class NoHealing(PartitionState[Toy]):
    """Broken: shadowed states are left to compaction."""

    def add_to(self, checkpoint: Checkpoint[OutputT], *, rewrite_count: int) -> None:
        """Rewrite nothing."""
        del rewrite_count
        self.store.partition_record_shadowed = False
        self.store.shadowed.clear()
        super().add_to(checkpoint, rewrite_count=0)


def store_with(
    *,
    partition: type[PartitionState[Toy]] = PartitionState,
    store: type[RecoveredPartition] = RecoveredPartition,
) -> type[StateStore[Toy, Alert]]:
    """Return a state_store built from other pieces."""

    class Built(StateStore[Toy, Alert]):
        def _new_partition(self, number: int) -> PartitionState[Toy]:
            state_store = partition(number, self._core)
            state_store.store = store()
            return state_store

    return Built


def in_order(*phases: Phase) -> type[StateStore[Toy, Alert]]:
    """Return a state_store whose checkpoints begin with `phases`."""

    class Reordered(StateStore[Toy, Alert]):
        order: ClassVar[tuple[Phase, ...]] = phases + tuple(p for p in Phase if p not in phases)

    return Reordered


P = Phase
MUTANTS: dict[str, type[StateStore[Toy, Alert]]] = {
    "the last write wins": store_with(store=LastWriteWins),
    "no guard of the chain": store_with(partition=NoGuard),
    "no skip of applied offsets": store_with(partition=NoSkip),
    "shadowed states are not rewritten": store_with(partition=NoHealing),
    "the commit comes first": in_order(P.COMMIT),
    "alerts come after the commit": in_order(P.PARTS, P.MAINS, P.PARTITION_RECORDS, P.COMMIT),
    "alerts come after the states": in_order(P.PARTS, P.MAINS),
    "parts come after the mains": in_order(P.OUTPUTS, P.MAINS),
    "the partition record comes before the states": in_order(P.OUTPUTS, P.PARTITION_RECORDS),
    "tombstones come before the mains": in_order(P.OUTPUTS, P.PARTS, P.TOMBSTONES),
}


def test_no_history_of_a_thousand_seeds_loses_or_doubles_anything() -> None:
    """The protocol survives every history of the fixed seeds."""
    assert seeds_that_fail(StateStore, 1000) == -1


@given(data=st.data())
def test_no_history_hypothesis_finds_loses_or_doubles_anything(data: st.DataObject) -> None:
    """The protocol survives the histories that a search proposes."""
    play(lambda below: data.draw(st.integers(0, below - 1)), StateStore, steps=40)


@pytest.mark.parametrize("name", MUTANTS)
def test_every_broken_variant_is_caught_by_the_same_seeds(name: str) -> None:
    """A protocol that is broken in one rule fails on one of the fixed seeds."""
    assert seeds_that_fail(MUTANTS[name], 1000) >= 0
