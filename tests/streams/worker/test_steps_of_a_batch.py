"""A batch is judged, and days end, in steps, and nobody can tell by what comes out."""

import asyncio
import itertools
from collections.abc import Iterable
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.instants import DAY_MS, HOUR_MS
from detectors.pipeline import Profile
from detectors.snapshot import dump
from streams.control.partition_time import TIME, TimeMarker, encode_marker
from streams.control.records import control_record
from streams.ingest.codec import encode
from streams.kafka.producer import Outbox
from streams.kafka.records import OutgoingRecord, Record
from streams.state.checkpoint import Checkpointer
from streams.worker import judge_agent, partition_days
from streams.worker.batch_judging import BatchJudging, JudgingDependencies
from streams.worker.lifecycle import stop_for
from streams.worker.reference_follower import ReferenceFollower
from tests.builders import KafkaRecord, taking
from tests.desks import KEYS, JudgeDesk, OpenOutbox, batch_of
from tests.waiting import others_run

START_MS = 20_000 * DAY_MS
NAMES = [f"institution {number}" for number in range(7)]


def event(offset: int, name: str, *, at_ms: int) -> KafkaRecord:
    """Return the record of an event that takes enough to be told of."""
    access = taking(9_000, first=offset * 9_000, id=f"e{offset}", time=at_ms, institution=name)
    return KafkaRecord(offset, encode(access), name.encode())


def marker(offset: int, *, at_ms: int) -> KafkaRecord:
    """Return a marker of time."""
    value = encode_marker(TimeMarker(at_ms=at_ms))
    signed = control_record(TIME, value, topic="events", partition=0, key=b"all", keys=KEYS)
    return KafkaRecord(offset, signed.value, signed.key, headers=signed.headers)


LOG: list[Record] = [
    *(event(number, name, at_ms=START_MS + HOUR_MS) for number, name in enumerate(NAMES)),
    # Its event ends the day of all others, and then its own is judged.
    event(7, NAMES[0], at_ms=START_MS + 3 * DAY_MS),
    *(event(8 + n, name, at_ms=START_MS + 3 * DAY_MS) for n, name in enumerate(NAMES[1:4])),
    marker(11, at_ms=START_MS + 6 * DAY_MS),
    *(event(12 + n, name, at_ms=START_MS + 6 * DAY_MS) for n, name in enumerate(NAMES[2:])),
]


def messages(posted: Iterable[OutgoingRecord]) -> set[tuple[str, bytes | None, bytes | None]]:
    """Return what was posted, however often."""
    return {(record.topic, record.key, record.value) for record in posted}


def states(desk: JudgeDesk) -> list[bytes]:
    """Return the state of each institution."""
    return [dump(desk.profile(name)).main for name in NAMES]


@pytest.fixture(scope="module")
def straight() -> JudgeDesk:
    """Return judges whom nobody has interrupted."""
    desk = JudgeDesk()
    desk.take(LOG)
    return desk


@given(saves=st.sets(st.integers(0, 40)), deaths=st.sets(st.integers(0, 40), max_size=4))
@settings(max_examples=60)
def test_a_death_between_any_two_steps_changes_nothing(
    saves: set[int], deaths: set[int], straight: JudgeDesk
) -> None:
    """Whatever was saved by then, the same alerts and summaries come out, and the same states."""
    steps = itertools.count()
    desk = JudgeDesk()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(partition_days, "CLOSED_IN_ONE_GO", 2)
        patched.setattr(judge_agent, "READ_IN_ONE_GO", 3)
        patched.setattr(judge_agent, "READ_SECONDS", 0.0)
        while (position := desk.state_store.partition(0).next_offset) < len(LOG):
            batch_run = desk.agent.begin(0, batch_of(LOG[position:]))
            desk.agent.proceed(batch_run)
            while not batch_run.is_over:
                step = next(steps)
                if step in saves:
                    desk.save()
                if step in deaths:
                    desk.start()
                    break
                desk.agent.proceed(batch_run)
    assert messages(desk.posted) == messages(straight.posted)
    assert states(desk) == states(straight)


class Waiting:
    """A follower whom nobody asks, and a checkpointer whom nobody tells."""

    def note(self, judged_count: int) -> None:
        """Note nothing."""


def judging_of(desk: JudgeDesk) -> BatchJudging:
    """Return who judges the batches of a desk."""
    return BatchJudging(
        JudgingDependencies(
            agent=desk.agent,
            follower=cast("ReferenceFollower", Waiting()),
            checkpointer=cast("Checkpointer[Profile]", Waiting()),
            outbox=cast("Outbox", OpenOutbox()),
            hold=lambda _: None,
            release=lambda _: None,
            stop=stop_for,
        )
    )


def test_others_have_their_turn_between_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lease is stamped, and heartbeats are sent, however many institutions there are."""
    monkeypatch.setattr(partition_days, "CLOSED_IN_ONE_GO", 1)
    desk = JudgeDesk()
    judging = judging_of(desk)
    seen: list[int] = []

    async def others() -> None:
        while desk.state_store.partition(0).position != len(LOG):
            seen.append(len(desk.posted))
            await others_run()

    async def scenario() -> None:
        await asyncio.gather(judging.handle(0, batch_of(LOG)), others())

    asyncio.run(scenario())
    assert len(set(seen)) > len(NAMES)


def test_nothing_of_a_batch_goes_on_after_a_rebalance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its days may be another's to close by now, and its states are dropped."""
    monkeypatch.setattr(partition_days, "CLOSED_IN_ONE_GO", 1)
    desk = JudgeDesk()
    judging = judging_of(desk)

    async def rebalance() -> None:
        await others_run()
        judging.revoked()
        desk.state_store.drop()

    async def scenario() -> None:
        await asyncio.gather(judging.handle(0, batch_of(LOG)), rebalance())

    asyncio.run(scenario())
    assert desk.state_store.partition(0).position is None
