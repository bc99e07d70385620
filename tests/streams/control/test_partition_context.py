"""What a partition was told, as its own record keeps it: old ones read, damaged ones refused."""

import logging

import pytest
from msgspec.structs import replace

from detectors.calibration.budget import BudgetConfig
from detectors.config import CoreConfig
from detectors.config_schedule import Scheduled
from detectors.errors import StateError
from detectors.reference import Reference, prior_reference
from streams.control.partition_context import PartitionContexts
from streams.control.records import encode_reference

FILE = CoreConfig()
PUSHED = Scheduled(
    sequence=3,
    from_ms=50,
    config=CoreConfig(budget=BudgetConfig(false_alert_days_per_week_per_100_institutions=1.0)),
)


def reference(day: int) -> Reference:
    """Return the reference of a day."""
    return replace(prior_reference(FILE.reference), version=f"day-{day}", day=day)


def test_a_partition_that_was_told_nothing_has_the_prior_and_the_file() -> None:
    """As a topic's first partition record says it: with no bytes at all."""
    context = PartitionContexts(FILE).read(b"")
    assert context.reference == prior_reference(FILE.reference)
    assert [entry.config for entry in context.schedule.entries] == [FILE]


def test_a_barrier_of_an_earlier_version_holds_a_plain_reference() -> None:
    """It is read; and as long as nothing was pushed, it is written so that they can read it."""
    raw = encode_reference(reference(7))
    assert PartitionContexts(FILE).read(raw).reference == reference(7)
    contexts = PartitionContexts(FILE)
    assert contexts.with_reference(contexts.read(b""), reference(7)).raw == raw


@pytest.mark.parametrize("day", [None, 7])
def test_what_was_pushed_is_read_back(day: int | None) -> None:
    """Beside the reference, or before the first of them."""
    contexts = PartitionContexts(FILE)
    context = contexts.with_config(contexts.read(b""), PUSHED)
    if day is not None:
        context = contexts.with_reference(context, reference(day))
    restored = PartitionContexts(FILE).read(context.raw)
    assert restored.schedule.pushed == (PUSHED,)
    assert restored.reference == context.reference
    assert contexts.read(context.raw) is context


def test_equal_contexts_are_one() -> None:
    """A judge sees by identity whether it is told news; two partitions are told the same."""
    contexts = PartitionContexts(FILE)
    first, second = (contexts.with_config(contexts.read(b""), PUSHED) for _ in range(2))
    assert first is second
    assert contexts.with_reference(first, reference(1)).schedule is first.schedule


def test_an_older_reference_or_a_repeated_push_is_the_same_context() -> None:
    """Nothing that was told is taken back."""
    contexts = PartitionContexts(FILE)
    context = contexts.with_reference(contexts.read(b""), reference(7))
    context = contexts.with_config(context, PUSHED)
    assert contexts.with_reference(context, reference(6)) is context
    assert contexts.with_config(context, replace(PUSHED, from_ms=90)) is context


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"\x01{", "the partition record's context is damaged"),
        (b"\x01{}", "the partition record's context is damaged"),
        (b"\x02{}", "the partition record's context has version 2; this reads 1"),
        (b"{}", "the partition record's reference is damaged"),
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
    """A reference a day, for years."""
    contexts = PartitionContexts(FILE)
    context = contexts.read(b"")
    for day in range(1, 200):
        context = contexts.with_reference(context, reference(day))
    assert len(contexts._known) <= 64
