"""The hours of one institution as the baselines see them: requests, bytes, participants, users."""

import numpy as np
from msgspec import Struct

from detectors.instants import HOUR_MS
from detectors.register import covers
from detectors.synthetic.config import START_MS
from detectors.synthetic.institutions import InstitutionPlan
from detectors.synthetic.materialise import dataset_name
from detectors.synthetic.requests import IDENTITY_POOL, SUCCESS, Floats, Table
from detectors.synthetic.world import World

HOURS_PER_DAY = 24


class Hours(Struct, frozen=True, kw_only=True):
    """One institution's hours, from the world's first to its last."""

    institution: str
    first_hour: int
    requests: Floats
    taken_bytes: Floats
    read: Floats
    new: Floats
    user_day_bytes: Floats


def hours_of(world: World, plan: InstitutionPlan) -> Hours:
    """Return the hours of one institution; repeats of an id are left out for everybody."""
    table = world.table[world.table["institution"] == plan.index]
    _, firsts = np.unique(table["number"], return_index=True)
    table = table[np.sort(firsts)]
    table = table[table["outcome"] == SUCCESS]
    count = world.config.days * HOURS_PER_DAY
    hour = np.clip((table["time_ms"] - START_MS) // HOUR_MS, 0, count - 1)
    return Hours(
        institution=plan.name,
        first_hour=int(hour.min()) if len(hour) else count,
        requests=np.bincount(hour, minlength=count).astype(np.float64),
        taken_bytes=_summed(hour, table["bytes"], count),
        read=_summed(hour, table["length"], count),
        new=_summed(hour, _new_participants(world, plan, table), count),
        user_day_bytes=_user_day_bytes(table, hour, count),
    )


def rolling(values: Floats, hours: int) -> Floats:
    """Return the sum of each hour and the `hours` - 1 before it.

    >>> rolling(np.array([1.0, 2.0, 3.0]), 2).tolist()
    [1.0, 3.0, 5.0]
    """
    total = np.concatenate([[0.0], np.cumsum(values)])
    last = np.arange(1, len(values) + 1)
    return np.asarray(total[last] - total[np.maximum(0, last - hours)])


def _new_participants(world: World, plan: InstitutionPlan, table: Table) -> Floats:
    """Return how many of each request's participants were never read before; approved ones 0.

    Where a producer says only how many, all of them count as new, as an upper bound.
    """
    if plan.reports != "participants":
        return table["length"].astype(np.float64)
    read_by_dataset: dict[int, np.ndarray] = {}
    exemptions = world.register.institutions[plan.index].exemptions
    new = np.zeros(len(table))
    columns = zip(
        table["dataset"].tolist(),
        table["pool"].tolist(),
        table["offset"].tolist(),
        table["length"].tolist(),
        table["time_ms"].tolist(),
        strict=True,
    )
    for row, (dataset, pool, offset, length, at_ms) in enumerate(columns):
        mine = read_by_dataset.setdefault(dataset, np.zeros(world.config.cohort_participants, bool))
        members = slice(offset, offset + length)
        chosen = members if pool == IDENTITY_POOL else world.draft.pools[pool][members]
        fresh = length - int(np.count_nonzero(mine[chosen]))
        mine[chosen] = True
        name = dataset_name(dataset)
        if fresh and not any(
            covers(each, at_ms=at_ms, dataset=name, project=None, user=None) for each in exemptions
        ):
            new[row] = fresh
    return new


def _summed(hour: np.ndarray, values: np.ndarray, count: int) -> Floats:
    return np.bincount(hour, values, count).astype(np.float64)


def _user_day_bytes(table: Table, hour: np.ndarray, count: int) -> Floats:
    """Return, per hour, the most bytes any one user took in the 24 hours up to it."""
    highest = np.zeros(count)
    for user in np.unique(table["user"]).tolist():
        mine = table["user"] == user
        own = rolling(_summed(hour[mine], table["bytes"][mine], count), HOURS_PER_DAY)
        highest = np.maximum(highest, own)
    return highest
