"""What spoilt messages cost: the same backlog clean, and with every tenth message spoilt.

What one of a hundred costs is a tenth of it. Measured as such, it drowns in what else happens on a
machine: a few hundredths of the time, as much as two runs of the same differ by.
"""

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from benchmarks.speed.filling import Record, fill, many
from benchmarks.speed.measure import Stopwatch
from benchmarks.speed.running import PARTITIONS, through_count, worker
from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import unprotected

SPOILT_RATIO: Final = 0.1
ROUNDS: Final = 3
# Of all messages; what it costs is reported.
TOLD_RATIO: Final = 0.01
_EVERY: Final = round(1 / SPOILT_RATIO)
# Not oftener: the worker answers, and that is counted as well.
_LOOK_SECONDS: Final = 0.25

# By reason; each leaves the rest of the message as it was.
KINDS: Final[dict[str, Callable[[bytes, bytes], Record]]] = {
    "not_json": lambda key, value: (key, value[:-1]),
    "missing_key": lambda key, value: (key, value.replace(b'"institution":', b'"institutes":')),
    "wrong_type": lambda key, value: (key, b"[" + value + b"]"),
    "time_unparsable": lambda key, value: (key, value.replace(b'"time":', b'"time":"noon","was":')),
    "time_far_future": lambda key, value: (key, value.replace(b'"time":17', b'"time":37')),
}


class Refusing(Struct, frozen=True, kw_only=True):
    """Processor time of a worker for an event and for a dead_letter, and what a hundredth costs.

    `cost_ratio` is what `spoilt_ratio` of all messages add to the time of a clean backlog.
    """

    spoilt_ratio: float
    event_cpu_microseconds: float
    refusal_cpu_microseconds: float
    cost_ratio: float


def spoilt(count: int) -> Iterator[Record]:
    """Yield typical messages, every tenth of which is refused, for each reason in turn."""
    kinds = list(KINDS.values())
    for number, (key, value) in enumerate(many(count)):
        turn, rest = divmod(number, _EVERY)
        yield kinds[turn % len(kinds)](key, value) if rest == _EVERY - 1 else (key, value)


def refusing(bootstrap: str, home: Path, *, events: int) -> Refusing:
    """Quantity clean and spoilt in turn, and take the best of each.

    Whoever else is at work on the machine can only add to the processor time of the same work.
    """
    least = {"clean": math.inf, "spoilt": math.inf}
    for number in range(ROUNDS):
        for name, records in (("clean", many(events)), ("spoilt", spoilt(events))):
            prefix = f"refusing-{name}-{number}"
            seconds = _cpu_seconds(bootstrap, prefix, home, records, count=events)
            least[name] = min(least[name], seconds)
    clean, dirty = (least[name] / events * 1e6 for name in ("clean", "spoilt"))
    dead_letter = clean + (dirty - clean) / SPOILT_RATIO
    return Refusing(
        spoilt_ratio=TOLD_RATIO,
        event_cpu_microseconds=clean,
        refusal_cpu_microseconds=dead_letter,
        cost_ratio=TOLD_RATIO * (dead_letter / clean - 1),
    )


def _cpu_seconds(
    bootstrap: str, prefix: str, home: Path, records: Iterator[Record], *, count: int
) -> float:
    """Return the processor time that a worker needs for all of them."""
    ensure_topics(unprotected(bootstrap), prefix=prefix, partitions=PARTITIONS)
    asyncio.run(fill(bootstrap, f"{prefix}.access-events", records))
    with worker(bootstrap, prefix, home) as running:
        watch, before = Stopwatch(running.process_id), through_count(running.metrics)
        while (through := through_count(running.metrics)) < count:
            time.sleep(_LOOK_SECONDS)
        rate = watch.rate(through - before)
    return count / rate.per_cpu_second
