"""Messages and rows, spoilt at random, and what becomes of each before any judge sees it."""

import csv
import io
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from benchmarks.speed.workload import typical_events
from detectors.config import CohortConfig
from detectors.event import AccessEvent
from streams.ingest.adapters.config import EventMapping, MappingConfig
from streams.ingest.adapters.mapping import RowMapping
from streams.ingest.codec import DecodeConfig, decode, decode_limits, encode
from streams.ingest.rejects import Rejected

# What is spoilt: canonical events, and rows of a mapped log in either format.
FORMS: Final = ("event", "csv", "json")
LIMITS: Final = decode_limits(DecodeConfig(), CohortConfig())
COLUMNS: Final = (
    "id", "time", "institution", "user", "action", "dataset", "bytes", "rows", "participants",
    "outcome", "client",
)  # fmt: skip
_EVENT: Final = EventMapping(**{name: name for name in COLUMNS})


def mapping(row_format: str) -> RowMapping:
    """Return the mapping of rows whose columns are named as the event's keys are."""
    config = MappingConfig(
        name="spoilt",
        format="csv" if row_format == "csv" else "json",
        columns=COLUMNS if row_format == "csv" else (),
        time_format=("milliseconds", "iso"),
        participant_separator=";",
        event=_EVENT,
    )
    return RowMapping(config, limits=LIMITS)


def spoilt(raw: bytes, source: random.Random) -> bytes:
    """Return bytes that differ in one position or two."""
    changed = bytearray(raw)
    for _ in range(source.randint(1, 2)):
        at = source.randrange(len(changed))
        change = source.randrange(4)
        if change == 0:
            changed[at] = source.randrange(256)
        elif change == 1:
            del changed[at : at + source.randrange(1, 20)]
        elif change == 2:
            changed[at:at] = changed[source.randrange(len(changed)) :][:20]
        else:
            changed[at:at] = str(source.randrange(10**20)).encode()
    return bytes(changed)


def mutated(count: int, *, seed: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and values of typical events, each value spoilt in one position or two."""
    source = random.Random(seed)
    for event in typical_events(count, seed=seed):
        yield event.institution.encode(), spoilt(encode(event), source)


def _cells(event: AccessEvent) -> dict[str, object]:
    document: dict[str, object] = msgspec.to_builtins(event)
    document.pop("participants", None)
    named = event.participants
    if named is None:
        return document
    ends = [end for ends in named.ranges or () for end in ends]
    return document | {"participants": [*(named.ids or ()), *ends]}


def _row(event: AccessEvent, row_format: str) -> bytes:
    cells = _cells(event)
    if row_format == "json":
        return msgspec.json.encode(cells)
    people = cells.get("participants", ())
    cells["participants"] = ";".join(map(str, people if isinstance(people, list) else ()))
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([cells.get(name, "") for name in COLUMNS])
    return text.getvalue().encode()


def outcomes(count: int, *, seed: int, form: str) -> Iterator[AccessEvent | Rejected]:
    """Yield what comes of spoilt events, or of spoilt rows of `csv` or `json`."""
    if form == "event":
        for _, value in mutated(count, seed=seed):
            yield decode(value, LIMITS)
        return
    source, rows = random.Random(seed), mapping(form)
    for number, event in enumerate(typical_events(count, seed=seed)):
        yield rows.row(spoilt(_row(event, form), source), "spoilt", number)


def tally(results: Iterable[AccessEvent | Rejected]) -> Counter[str]:
    """Return how many were accepted, judged in part and rejected, by whether one knows of whom."""
    return Counter(map(_outcome, results))


def _outcome(result: AccessEvent | Rejected) -> str:
    if isinstance(result, AccessEvent):
        return "in part" if result.repairs else "accepted"
    return "rejected of somebody" if result.institution else "rejected of nobody"
