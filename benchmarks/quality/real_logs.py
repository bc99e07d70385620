"""A real log as a world, so that the same thefts can be planted among people nobody invented.

The logs at hand are one day long. The day is stretched to `LOG_DAYS` days, an hour to several
days: who reads how much, how unevenly, and whose records stay exactly as they were, and no
request is repeated or invented. What is lost is the rhythm of day and week. Everybody in the log
counts as honest, its robots too. Institutions are split in two halves by name: thresholds are
fixed on one, everything is measured on the other.
"""

from collections.abc import Iterator
from gzip import open as open_gzip
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from detectors.event import AccessEvent, time_ms
from detectors.features.participant_sets import bitmap_of
from detectors.instants import DAY_MS
from detectors.synthetic.config import START_MS, WorldConfig
from detectors.synthetic.institutions import Draft, InstitutionPlan, ProjectPlan
from detectors.synthetic.labels import Labels
from detectors.synthetic.requests import QUERY, Ints, Table, joined, table_of
from detectors.synthetic.world import World
from streams.ingest.rejects import Rejected
from streams.settings.settings import load_settings

LOG_DAYS: Final = 84
LOG_WARMUP_DAYS: Final = 42
# One who came less often has no behaviour to compare with, and would only dilute the rate.
ACTIVE_REQUESTS_MIN: Final = 20
# Thefts that need fields, hubs or a register cannot be planted in a log that has none.
LOG_SCENARIOS: Final = (
    "smash_and_grab_v1",
    "participant_sweep_v1",
    "split_users_v1",
    "young_institution_v1",
    "off_hours_v1",
    "collusion_v1",
    "low_and_slow_30d_v1",
    "ramp_up_v1",
)


class Row(NamedTuple):
    """One request of the log."""

    at_ms: int
    institution: str
    user: str
    participant: int
    taken_bytes: int


def log_world(seed: int, *, log: Path, mapping: Path, calibration_below: int) -> World:
    """Return one half of a log's institutions: which one depends on the seed's range."""
    rows = list(_rows(log, mapping))
    names = sorted({row.institution for row in rows})
    half = set(names[::2] if seed < calibration_below else names[1::2])
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.institution] = counts.get(row.institution, 0) + 1
    rows = [
        row
        for row in rows
        if row.institution in half and counts[row.institution] >= ACTIVE_REQUESTS_MIN
    ]
    positions = _positions(rows)
    return _world(rows, positions, config=_config(seed, rows, cohort=len(positions)))


def _rows(log: Path, mapping: Path) -> Iterator[Row]:
    reader = load_settings(mapping).row_mapping()
    if reader is None:
        problem = f"{mapping} maps no rows"
        raise ValueError(problem)
    with open_gzip(log, "rb") as file:
        lines = (line.rstrip(b"\r\n") for line in file)
        for row in reader.rows(lines, source=log.name):
            event = row.result
            if isinstance(event, Rejected) or event.outcome != "success":
                continue
            yield from _taken(event)


def _taken(event: AccessEvent) -> Iterator[Row]:
    ids = bitmap_of(event.participants) if event.participants is not None else None
    for participant in ids or ():
        user = event.user or ""
        yield Row(time_ms(event), event.institution, user, participant, event.bytes)


def _positions(rows: list[Row]) -> dict[int, int]:
    """Return each participant's number: their hashed ids ascend in no order that means anything."""
    return {each: place for place, each in enumerate(sorted({row.participant for row in rows}))}


def _config(seed: int, rows: list[Row], *, cohort: int) -> WorldConfig:
    return WorldConfig(
        seed=seed,
        institutions=max(2, len({row.institution for row in rows})),
        days=LOG_DAYS,
        warmup_days=LOG_WARMUP_DAYS,
        cohort_participants=max(1_000, cohort),
        datasets=1,
    )


def _world(rows: list[Row], positions: dict[int, int], *, config: WorldConfig) -> World:
    stretched = _stretched(np.array([row.at_ms for row in rows], np.int64))
    indices = {name: place for place, name in enumerate(sorted({row.institution for row in rows}))}
    institution = np.array([indices[row.institution] for row in rows])
    table = table_of(
        stretched,
        institution=institution,
        user=_users(rows),
        number=np.arange(len(rows)),
        offset=np.arange(len(rows)),
        length=1,
        rows=1,
        bytes=np.array([row.taken_bytes for row in rows]),
        action=QUERY,
    )
    pool = np.array([positions[row.participant] for row in rows], np.uint32)
    draft = Draft(config=config, pools=[pool], field_sets=[["document"]])
    plans = tuple(_plan(index, table) for index in range(len(indices)))
    kinds = {plan.name: "visitor" for plan in plans}
    labels = Labels(thefts=(), spans=(), kinds=kinds)
    return World(draft=draft, plans=plans, table=joined([table]), labels=labels, exports={})


def _stretched(at_ms: Ints) -> Ints:
    """Return the moments, spread over the days of the world."""
    begin, length = int(at_ms.min()), max(1, int(at_ms.max() - at_ms.min()))
    share = (at_ms - begin) / length
    return np.asarray(START_MS + share * (LOG_DAYS * DAY_MS - 1), np.int64)


def _users(rows: list[Row]) -> Ints:
    """Return each row's user as a number, in order of appearance in its institution."""
    known: dict[str, dict[str, int]] = {}
    numbers = []
    for row in rows:
        mine = known.setdefault(row.institution, {})
        numbers.append(mine.setdefault(row.user, len(mine)))
    return np.array(numbers, np.int64)


def _plan(index: int, table: Table) -> InstitutionPlan:
    mine = table[table["institution"] == index]
    project = ProjectPlan(
        name=f"p-{index:03d}-0",
        index=0,
        dataset=0,
        fields=0,
        pool=0,
        start_day=0,
        initial_participants=len(mine),
        recorded=True,
        budget_declared=False,
    )
    return InstitutionPlan(
        index=index,
        name=f"inst-{index:03d}",
        kind="steady",
        events_per_day=len(mine) / LOG_DAYS,
        request_participants=1.0,
        users=int(mine["user"].max()) + 1,
        first_day=int((mine["time_ms"].min() - START_MS) // DAY_MS),
        peak_hour=14.0,
        reports="participants",
        cold=False,
        projects=(project,),
    )
