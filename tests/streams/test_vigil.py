import asyncio
from collections.abc import Mapping

import pytest

from streams.chain import Span
from streams.protocol import Dump, Keeper
from streams.recovered import Saved
from streams.vigil import StallError, Vigil


class Nothing:
    """A core that remembers nothing."""

    def open(self, institution: str) -> str:
        """Return the name."""
        return institution

    def dump(self, profile: str, *, known: frozenset[str]) -> Dump:
        """Return the name."""
        del known
        return Dump(main=profile.encode(), names=frozenset(), new_parts={})

    def load(self, main: bytes, parts: Mapping[str, bytes], *, institution: str) -> str:
        """Return the name."""
        del main, parts
        return institution


class Watched:
    """A keeper that stands at offset 10 of partition 0, and a watch over it."""

    def __init__(self) -> None:
        """Begin with nothing to judge."""
        self.now = 0.0
        self.end = 10
        self.broken = False
        self.stopped: list[Exception] = []
        self.keeper: Keeper[str] = Keeper(Nothing())
        self.keeper.partition(0).store.barrier = Saved(10, b"")
        self.vigil = Vigil(
            self.keeper,
            ends=self._ends,
            stall_seconds=60.0,
            stop=self.stopped.append,
            now=lambda: self.now,
        )

    async def _ends(self) -> Mapping[int, int]:
        if self.broken:
            raise OSError
        return {0: self.end, 1: 500}

    def look(self, *at_seconds: float) -> list[Exception]:
        """Look at these times, and return what ended the worker."""
        for seconds in at_seconds:
            self.now = seconds
            asyncio.run(self.vigil.look())
        return self.stopped


def test_who_is_behind_and_stands_still_ends() -> None:
    """After the whole of its time, and with a sentence that says where."""
    watched = Watched()
    watched.end = 12
    assert watched.look(10.0, 40.0, 70.0) == []
    (error,) = watched.look(71.0)
    assert isinstance(error, StallError)
    assert str(error) == "partitions [0] have records to judge, and stand for 61 s"


def test_who_has_nothing_to_judge_may_stand_for_ever() -> None:
    """Partitions of others are others' business."""
    assert Watched().look(10.0, 10_000.0, 20_000.0) == []


def test_who_moves_however_slowly_goes_on() -> None:
    """A single record is progress."""
    watched = Watched()
    watched.end = 12
    watched.look(10.0, 60.0)
    partition = watched.keeper.partition(0)
    partition.admit(Span(10, 11))
    partition.advance(11)
    assert watched.look(75.0, 130.0) == []
    assert len(watched.look(136.0)) == 1


def test_a_rebalance_is_a_move() -> None:
    """Whoever has just got its partitions has not had its time yet."""
    watched = Watched()
    watched.end = 12
    watched.look(10.0, 69.0)
    watched.keeper.drop()
    assert watched.look(80.0) == []


@pytest.mark.parametrize("broken", [True, False])
def test_a_broker_that_does_not_answer_accuses_nobody(broken: bool) -> None:  # noqa: FBT001 - a case
    """A restart would not bring it back; the time counts from when it does answer."""
    watched = Watched()
    watched.end = 12
    watched.look(10.0)
    watched.broken = broken
    watched.look(60.0)
    watched.broken = False
    assert bool(watched.look(100.0)) is not broken
