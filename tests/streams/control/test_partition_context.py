"""What a partition was told, as its own record keeps it: old ones read, damaged ones refused."""

import logging

import pytest
from msgspec.structs import replace

from detectors.calibration.budget import BudgetConfig
from detectors.config import CoreConfig
from detectors.config_schedule import Scheduled
from detectors.errors import StateError
from detectors.features.event_clock import EventTime
from detectors.instants import DAY_MS
from streams.control.partition_context import PartitionContext, PartitionContexts

FILE = CoreConfig()
PUSHED = Scheduled(
    sequence=3,
    from_ms=50,
    config=CoreConfig(budget=BudgetConfig(false_alert_days_per_week_per_100_institutions=1.0)),
)


def later(contexts: PartitionContexts, context: PartitionContext, day: int) -> PartitionContext:
    """Return the context on a later day."""
    return contexts.with_time(context, EventTime(reached_ms=day * DAY_MS), is_live=True)


def test_a_partition_that_was_told_nothing_has_no_time_and_the_file() -> None:
    """As a topic's first partition record says it: with no bytes at all."""
    context = PartitionContexts(FILE).read(b"")
    assert context.time == EventTime()
    assert [entry.config for entry in context.schedule.entries] == [FILE]


@pytest.mark.parametrize("day", [None, 7])
def test_what_was_pushed_is_read_back(day: int | None) -> None:
    """Beside the time, or before there is any."""
    contexts = PartitionContexts(FILE)
    context = contexts.with_config(contexts.read(b""), PUSHED)
    if day is not None:
        context = later(contexts, context, day)
    restored = PartitionContexts(FILE).read(context.raw)
    assert restored.schedule.pushed == (PUSHED,)
    assert (restored.time, restored.is_live) == (context.time, context.is_live)
    assert contexts.read(context.raw) is context


def test_equal_contexts_are_one() -> None:
    """A judge sees by identity whether it is told news; two partitions are told the same."""
    contexts = PartitionContexts(FILE)
    first, second = (contexts.with_config(contexts.read(b""), PUSHED) for _ in range(2))
    assert first is second
    assert later(contexts, first, 1).schedule is first.schedule


def test_a_repeated_push_is_the_same_context() -> None:
    """Nothing that was told is taken back."""
    contexts = PartitionContexts(FILE)
    context = contexts.with_config(later(contexts, contexts.read(b""), 7), PUSHED)
    assert contexts.with_config(context, replace(PUSHED, from_ms=90)) is context


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"\x02{", "the partition record's context is damaged"),
        (b"\x02{}", "the partition record's context is damaged"),
        (b"\x03{}", "the partition record's context has version 3; this reads 2"),
    ],
)
def test_a_damaged_context_is_refused(raw: bytes, problem: str) -> None:
    """Never taken for one in which nothing was told."""
    with pytest.raises(StateError, match=problem):
        PartitionContexts(FILE).read(raw)


def test_a_pushed_configuration_that_this_version_cannot_read_is_left_out_aloud(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An upgrade that removes a key must not keep every worker from starting."""
    contexts = PartitionContexts(FILE)
    raw = contexts.with_config(contexts.read(b""), PUSHED).raw
    restored = PartitionContexts(FILE).read(raw.replace(b'"budget"', b'"bugdet"'))
    assert restored.schedule.pushed == ()
    (line,) = [vars(line) for line in caplog.records if line.levelno == logging.ERROR]
    assert line["message"] == "A pushed configuration does not hold any more."
    assert line["detail"].startswith("configuration: Object ")


def test_what_is_remembered_is_bounded() -> None:
    """Two moments a day, for years."""
    contexts = PartitionContexts(FILE)
    context = contexts.read(b"")
    for day in range(1, 200):
        context = later(contexts, context, day)
    assert len(contexts._known) <= 64
