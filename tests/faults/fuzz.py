"""`python -m tests.faults.fuzz --messages N --seed S`: N spoilt messages through a running worker.

Each must end as what the plain oracle over them says: judged, or a dead letter with that reason.
What was judged is counted in the states that the worker has saved, not in what it claims.
"""

import asyncio
import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from msgspec import Struct

from streams.console.progress import Progress, steps
from streams.control.records import control_kind
from streams.control.rekeyed import REKEYED_HEADER
from streams.sinks.dead_letters import (
    OFFSET_HEADER,
    PARTITION_HEADER,
    REASON_HEADER,
    TOPIC_HEADER,
)
from tests.faults.fault_harness import (
    PARTITIONS,
    SHOWN_MAX,
    FaultHarness,
    Ground,
    battle,
    ground,
    lag,
)
from tests.faults.oracle import oracle_over, received, saved_profiles
from tests.faults.spoilt import FORMS, mutated, outcomes, tally
from tests.faults.worker_under_test import PATIENT

# Of the slowest machine that this is run on, with room to spare.
_PER_SECOND_MIN: Final = 100
_START_SECONDS_MAX: Final = 120.0

RecordPosition = tuple[int, int]


class Account(Struct, frozen=True, kw_only=True):
    """What became of all messages."""

    messages_count: int
    judged_count: int
    rejected: dict[str, int]
    unaccounted_count: int
    differences: list[str]

    @property
    def rejected_count(self) -> int:
        """How many are dead letters."""
        return sum(self.rejected.values())

    def __str__(self) -> str:
        """Return it as one reads it."""
        reasons = ", ".join(f"{reason} {count}" for reason, count in self.rejected.items())
        return (
            f"messages {self.messages_count}, judged {self.judged_count}, rejected "
            f"{self.rejected_count} ({reasons}), unaccounted {self.unaccounted_count}"
        )


def fuzz(field: Ground, home: Path, *, messages: int, seed: int, progress: Progress) -> Account:
    """Send spoilt messages to a worker, wait until it is done, and say what became of each."""
    with battle(field, home, name="spoilt", workers_count=0) as harness:
        # A busy machine is not what is tried here.
        harness.workers[0].start(point=PATIENT)
        topic = f"{harness.prefix}.access-events"
        asyncio.run(_send(harness.bootstrap, topic, mutated(messages, seed=seed)))

        def is_through() -> bool:
            done = messages - lag(harness.bootstrap, harness.prefix)
            progress.reach(events_count=done, done=done)
            return done >= messages

        harness.wait_until(is_through, seconds_max=_START_SECONDS_MAX + messages / _PER_SECOND_MIN)
        outcome = harness.compared()
        restarts = [f"{outcome.restarts_count} restarts"] if outcome.restarts_count else []
        return _account(harness, messages=messages, problems=[*outcome.differences, *restarts])


async def _send(bootstrap: str, topic: str, records: Iterator[tuple[bytes, bytes]]) -> None:
    """Send records, each to the partition of its key."""
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap, partitioner=DefaultPartitioner(), linger_ms=20
    ) as producer:
        for key, value in records:
            await producer.send(topic, value, key=key)


def _account(harness: FaultHarness, *, messages: int, problems: list[str]) -> Account:
    bootstrap, prefix = harness.bootstrap, harness.prefix
    letters = _letters(harness)
    profiles = saved_profiles(bootstrap, prefix, partitions=PARTITIONS).values()
    judged = sum(profile.state.events_count + profile.state.repeats_count for profile in profiles)
    wanted = oracle_over(bootstrap, prefix).rejected
    records = received(bootstrap, f"{prefix}.access-events")
    events_count = sum(control_kind(record.headers) is None for record in records)
    # A worker that was ended sends its strays home again; their judges count them as repeats.
    origins = [dict(record.headers).get(REKEYED_HEADER) for record in records]
    sent_home = [origin for origin in origins if origin is not None]
    judged -= len(sent_home) - len(set(sent_home))
    unlike = [
        f"{position}: the dead letter says {letters.get(position)}, "
        f"the oracle {wanted.get(position)}"
        for position in sorted(letters.keys() | wanted.keys())
        if letters.get(position) != wanted.get(position)
    ]
    # Strays, and notices of rejects, lie on the topic a second time, sent home by the worker.
    lost = [f"{events_count} of {messages} messages arrived"] if events_count < messages else []
    return Account(
        messages_count=messages,
        judged_count=judged,
        rejected=dict(Counter(letters.values()).most_common()),
        unaccounted_count=messages - judged - len(letters),
        differences=[*problems, *lost, *unlike],
    )


def _letters(harness: FaultHarness) -> dict[RecordPosition, str]:
    """Return the reason of each dead letter by where its message lies; repeats say the same."""
    reasons = {}
    for record in received(harness.bootstrap, f"{harness.prefix}.dead-letters"):
        headers = {name: value or b"" for name, value in record.headers}
        if headers[TOPIC_HEADER].decode() == f"{harness.prefix}.access-events":
            position = (int(headers[PARTITION_HEADER]), int(headers[OFFSET_HEADER]))
            reasons[position] = headers[REASON_HEADER].decode()
    return reasons


@click.command()
@click.option("--messages", type=click.IntRange(1), default=200_000, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
def main(*, messages: int, seed: int) -> None:
    """Send spoilt messages to a worker and account for every one of them; exit 1 if one is not."""
    # A topic that was just made has no leader yet; the producer says so, and tries again.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with (
        tempfile.TemporaryDirectory() as name,
        ground(Path(name)) as field,
        steps("fuzz", total=messages) as progress,
    ):
        account = fuzz(field, Path(name), messages=messages, seed=seed, progress=progress)
    for difference in account.differences[:SHOWN_MAX]:
        click.echo(f"DIFFERS: {difference}")
    click.echo(account)
    unaccounted_count = account.unaccounted_count
    for form in FORMS:
        counts = tally(outcomes(messages, seed=seed, form=form))
        named = ", ".join(f"{outcome} {counts[outcome]}" for outcome in sorted(counts))
        unaccounted_count += messages - counts.total()
        click.echo(f"{form}: {named}, unaccounted {messages - counts.total()}")
    sys.exit(1 if account.differences or unaccounted_count else 0)


if __name__ == "__main__":
    main()
