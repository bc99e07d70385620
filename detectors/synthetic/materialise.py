"""Columns -> access events, one at a time."""

from array import array
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct
from pyroaring import BitMap

from detectors.event import AccessEvent, Participants
from detectors.synthetic.institutions import InstitutionPlan, Pool, Reports
from detectors.synthetic.requests import IDENTITY_POOL, Table

IDS_MAX: Final = 256
PAGES_CACHED: Final = 4_096
CHUNK_ROWS: Final = 8_192
DATASETS: Final = ("phenotypes", "imaging", "genomics", "proteomics", "linked-records")
ACTIONS: Final = ("download", "query", "export")
OUTCOMES: Final = ("success", "denied", "error")
NO_FIELDS: Final = -1

_MASK_64: Final = 2**64 - 1


class Names(Struct, frozen=True, kw_only=True):
    """What the numbers in the columns stand for."""

    plans: tuple[InstitutionPlan, ...]
    pools: list[Pool]
    field_sets: list[list[str]]
    hashed_ids: bool


def dataset_name(number: int) -> str:
    """Return the name of dataset `number`; those beyond the usual ones are numbered.

    >>> dataset_name(1), dataset_name(7)
    ('imaging', 'dataset-7')
    """
    return DATASETS[number] if number < len(DATASETS) else f"dataset-{number}"


def hashed(position: int) -> int:
    """Return a 63-bit id for a position; no two positions share one (a bijective mix, halved).

    >>> hashed(1) != hashed(2), hashed(1) < 2**63
    (True, True)
    """
    mixed = (position + 1) * 0x9E3779B97F4A7C15 & _MASK_64
    mixed ^= mixed >> 30
    mixed = mixed * 0xBF58476D1CE4E5B9 & _MASK_64
    return (mixed ^ mixed >> 27) >> 1


def user_name(plan: InstitutionPlan, user: int) -> str:
    """Return a user's pseudonym."""
    return f"u-{plan.index:03d}-{user}"


def materialise(table: Table, names: Names) -> Iterator[AccessEvent]:
    """Yield one event per row, in the table's order."""
    builder = _Builder(names)
    for begin in range(0, len(table), CHUNK_ROWS):
        for row in table[begin : begin + CHUNK_ROWS].tolist():
            yield builder.event(row)


class _Builder:
    """Turns rows into events, remembering the pages it has already packed."""

    __slots__ = ("names", "packed")

    def __init__(self, names: Names) -> None:
        self.names = names
        # Pipelines read the same pages again and again.
        self.packed = lru_cache(maxsize=PAGES_CACHED)(self._pack)

    def event(self, row: tuple[Any, ...]) -> AccessEvent:
        """Return the event of one row."""
        (_, at_ms, number, institution, user, project, dataset, fields) = row[:8]
        (pool, offset, length, taken_bytes, rows, action, outcome, _) = row[8:]
        plan = self.names.plans[institution]
        return AccessEvent(
            id=f"{plan.name}-{number}",
            time=at_ms,
            institution=plan.name,
            project=plan.projects[project].name,
            user=user_name(plan, user),
            action=ACTIONS[action],
            dataset=dataset_name(dataset),
            bytes=taken_bytes,
            rows=rows,
            files=1 if action else 0,
            participants=self._participants(plan.reports, pool, offset, length),
            fields=self.names.field_sets[fields] if fields != NO_FIELDS else None,
            outcome=OUTCOMES[outcome],
        )

    def _participants(
        self, reports: Reports, pool: int, offset: int, length: int
    ) -> Participants | None:
        if reports == "rows" or length == 0:
            return None
        if reports == "count":
            return Participants(count=length)
        if pool == IDENTITY_POOL and not self.names.hashed_ids:
            return Participants(ranges=[(offset, offset + length - 1)])
        return self.packed(pool, offset, length)

    def _pack(self, pool: int, offset: int, length: int) -> Participants:
        if pool == IDENTITY_POOL:
            return Participants(ids=[hashed(at) for at in range(offset, offset + length)])
        members = self.names.pools[pool][offset : offset + length]
        if self.names.hashed_ids:
            return Participants(ids=[hashed(at) for at in members.tolist()])
        if length <= IDS_MAX:
            return Participants(ids=members.tolist())
        members = members.copy()
        members.sort()
        return Participants(bitmap=BitMap(array("I", members.tobytes())).serialize())
