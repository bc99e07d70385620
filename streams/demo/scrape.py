"""The worker's own metrics, read as Prometheus would read them."""

import asyncio
import urllib.request
from typing import Final

from msgspec import Struct
from prometheus_client.parser import text_string_to_metric_families

from streams.metrics import table

_TIMEOUT_SECONDS: Final = 2.0


class Numbers(Struct, frozen=True, kw_only=True):
    """What the demo shows of the metrics."""

    judged_count: int
    rejected_count: int
    lag_records: int
    coverage: dict[str, float]


async def scrape(address: str) -> Numbers | None:
    """Return the numbers that the worker at `address` serves now; None while it serves nothing."""
    try:
        text = await asyncio.to_thread(_fetched, address)
    except OSError:
        return None
    return read_numbers(text)


def read_numbers(text: str) -> Numbers:
    r"""Return the numbers in Prometheus' text format.

    >>> read_numbers("# TYPE headgate_lag_records gauge\nheadgate_lag_records 3\n").lag_records
    3
    """
    sums: dict[str, float] = {}
    coverage: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
            if sample.name == table.COVERAGE.name:
                who = sample.labels["institution"]
                coverage[who] = max(sample.value, coverage.get(who, 0.0))
    return Numbers(
        judged_count=int(sums.get(table.EVENTS.name, 0)),
        rejected_count=int(sums.get(table.REJECTS.name, 0)),
        lag_records=int(sums.get(table.LAG.name, 0)),
        coverage=coverage,
    )


def _fetched(address: str) -> str:
    with urllib.request.urlopen(address, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - ours
        content: bytes = answer.read()
    return content.decode()
