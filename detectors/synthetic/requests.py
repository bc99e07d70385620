"""Requests as columns: one row per request, turned into events only when somebody reads them.

A world of 350,000 requests is 30 MB in this form and is drawn in array operations; as event
objects with their participants it would be a gigabyte.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Table = NDArray[np.void]

IDENTITY_POOL: Final = -1
HONEST: Final = -1
DOWNLOAD, QUERY, EXPORT = 0, 1, 2
SUCCESS, DENIED, ERROR = 0, 1, 2

REQUEST: Final = np.dtype(
    [
        ("arrival_ms", np.int64),
        ("time_ms", np.int64),
        ("number", np.int64),
        ("institution", np.int32),
        ("user", np.int32),
        ("project", np.int32),
        ("dataset", np.int32),
        ("fields", np.int32),
        ("pool", np.int32),
        ("offset", np.int64),
        ("length", np.int64),
        ("bytes", np.int64),
        ("rows", np.int64),
        ("action", np.int8),
        ("outcome", np.int8),
        ("theft", np.int32),
    ]
)

# A request of one participant; larger ones grow with the square root, for much of it is shared.
REQUEST_BYTES: Final = 40_000.0
REQUEST_BYTES_MAX: Final = 10**13
COLUMN_DEFAULTS: Final = {"theft": HONEST, "fields": -1}


def table_of(time_ms: Ints, **columns: Any) -> Table:  # noqa: ANN401 - numpy broadcasts scalars
    """Return requests at `time_ms`; every other column is an array or one value for all."""
    table = np.zeros(len(time_ms), REQUEST)
    for name, value in {**COLUMN_DEFAULTS, **columns}.items():
        table[name] = value
    table["time_ms"] = time_ms
    table["arrival_ms"] = time_ms
    return table


def joined(tables: list[Table]) -> Table:
    """Return all requests of `tables` in order of arrival."""
    table = np.concatenate(tables) if tables else np.zeros(0, REQUEST)
    # Stable, so that the same config gives the same order even where times tie.
    return table[np.argsort(table["arrival_ms"], kind="stable")]


def drawn_bytes(
    rng: np.random.Generator, length: Ints, *, sigma: float, scale: float = REQUEST_BYTES
) -> Ints:
    """Return bytes for requests of `length` participants: grows with them, tail as in real logs."""
    size = scale * np.sqrt(length + 1.0)
    drawn = np.minimum(size * rng.lognormal(0.0, sigma, len(length)), REQUEST_BYTES_MAX)
    return np.asarray(drawn, np.int64)


def usual_scale(table: Table) -> float:
    """Return the scale of bytes that these requests have in the middle."""
    successful = table[table["outcome"] == SUCCESS]
    if not len(successful):
        return REQUEST_BYTES
    return float(np.median(successful["bytes"] / np.sqrt(successful["length"] + 1.0)))


def pages(total: int, *, page: int) -> tuple[Ints, Ints]:
    """Return offsets and lengths that walk through `total` participants page by page.

    >>> [column.tolist() for column in pages(25, page=10)]
    [[0, 10, 20], [10, 10, 5]]
    """
    offsets = np.arange(0, max(total, 1), max(page, 1), dtype=np.int64)
    return offsets, np.minimum(page, total - offsets)


def hour_sampler(
    rng: np.random.Generator, *, peak_trough_ratio: float, peak_hour: float
) -> Callable[[int], Floats]:
    """Return a function that draws times of day in hours, by a cosine with the given contrast."""
    grid = np.linspace(0.0, 24.0, 289)
    contrast = (peak_trough_ratio - 1.0) / (peak_trough_ratio + 1.0)
    density = 1.0 + contrast * np.cos((grid - peak_hour) / 24.0 * 2.0 * np.pi)
    cumulative = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2.0)])
    cumulative /= cumulative[-1]

    def draw(count: int) -> Floats:
        return np.interp(rng.random(count), cumulative, grid)

    return draw
