"""Step 1 of 7: an operator's file of (space, id, position) -> the positions of a project's people.

Where each project has pseudonyms of its own, the operator alone can say who is the same. The file
may have half a billion rows, so it is sorted once, project by project, into a folder beside it:
two arrays a project, which are mapped into memory when the project's first event comes.
"""

import csv
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace
from pyroaring import BitMap

from detectors.errors import ConfigError
from detectors.event import AccessEvent, Participants
from streams.ingest.repairs import RepairReason

_KEY: Final = "cohort.bridge"
_SUFFIX: Final = ".bridge"
_SOURCE: Final = "source.json"
_COLUMNS: Final = ("space", "id", "position")
BATCH_ROWS: Final = 1_000_000
# Projects whose arrays stay mapped; a map costs no memory but its pages.
_MAPPED_MAX: Final = 4_096
_ROW: Final = np.dtype([("id", "<u8"), ("position", "<u4")])

IdArray = npt.NDArray[np.uint64]
PositionArray = npt.NDArray[np.uint32]
# Spaces, ids, positions: one row each.
BridgeRows = tuple[list[str], IdArray, npt.NDArray[Any]]


class Bridge:
    """Positions in the cohort by project and id; nothing is read before the first is asked for."""

    __slots__ = ("_cohort_size", "_folder", "_mapped", "_path")

    def __init__(self, path: Path, *, cohort_size: int) -> None:
        """Open nothing yet."""
        self._path = path
        self._cohort_size = cohort_size
        self._folder: Path | None = None
        self._mapped: dict[str, npt.NDArray[Any] | None] = {}

    def positions(self, space: str, ids: IdArray) -> tuple[PositionArray, int]:
        """Return the positions of those ids that the file names, and how many it does not.

        Raises:
            ConfigError: the file cannot be read, or is no bridge.
        """
        rows = self._rows(space)
        if rows is None or not len(ids):
            return np.empty(0, np.uint32), len(ids)
        places = np.minimum(np.searchsorted(rows["id"], ids), len(rows) - 1)
        known = rows["id"][places] == ids
        return rows["position"][places[known]], int(len(ids) - known.sum())

    def _rows(self, space: str) -> npt.NDArray[Any] | None:
        if self._folder is None:
            self._folder = _sorted_folder(self._path, cohort_size=self._cohort_size)
        if space not in self._mapped:
            if len(self._mapped) >= _MAPPED_MAX:
                self._mapped.clear()
            path = self._folder / _file_name(space)
            self._mapped[space] = np.load(path, mmap_mode="r") if path.exists() else None
        return self._mapped[space]


def with_positions(event: AccessEvent, bridge: Bridge) -> AccessEvent:
    """Return an event whose people stand under their positions in the cohort.

    Those whom the file does not name are left out and counted; where they are most, all are only
    counted, so that few known ones hide nobody.
    """
    people = event.participants
    if people is None or (people.ids is None and people.bitmap is None):
        return event
    named = BitMap.deserialize(people.bitmap) if people.bitmap is not None else people.ids or ()
    ids = np.unique(np.fromiter(named, np.uint64, len(named)))
    positions, unknown_count = bridge.positions(event.project or "", ids)
    if unknown_count > len(positions):
        people = Participants(count=len(ids))
    else:
        people = Participants(ids=np.sort(positions).tolist())
    if not unknown_count:
        return replace(event, participants=people)
    repairs = dict(event.repairs or {})
    name = RepairReason.ID_UNBRIDGED.value
    repairs[name] = repairs.get(name, 0) + unknown_count
    return replace(event, participants=people, repairs=repairs)


def _sorted_folder(path: Path, *, cohort_size: int) -> Path:
    """Return the folder of a CSV or Parquet file; it is made first where the file has changed."""
    try:
        status = path.stat()
    except OSError as error:
        raise ConfigError(_KEY, f"{path}: {error.strerror}") from error
    source = {"bytes": status.st_size, "changed_ns": status.st_mtime_ns, "size": cohort_size}
    folder = path.with_name(path.name + _SUFFIX)
    if _source_of(folder) != source:
        try:
            _build(path, folder, cohort_size=cohort_size)
            (folder / _SOURCE).write_text(json.dumps(source))
        except OSError as error:
            raise ConfigError(_KEY, f"{folder}: {error.strerror}") from error
    return folder


def _source_of(folder: Path) -> object:
    try:
        return json.loads((folder / _SOURCE).read_text())
    except (OSError, ValueError):
        return None


def _build(path: Path, folder: Path, *, cohort_size: int) -> None:
    """Write one sorted array for each project, beside the source."""
    fresh = folder.with_name(f"{folder.name}.{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    batches = _parquet_batches(path) if path.suffix == ".parquet" else _csv_batches(path)
    for spaces, ids, positions in batches:
        if not len(positions):
            continue
        if positions.max() >= cohort_size:
            problem = f"{path}: position {positions.max()} of a cohort of {cohort_size}"
            raise ConfigError(_KEY, problem)
        _append(fresh, spaces, ids, positions)
    for raw in fresh.iterdir():
        rows = np.fromfile(raw, _ROW)
        rows.sort(order="id")
        with raw.open("wb") as file:
            np.save(file, rows)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def _append(folder: Path, spaces: Iterable[str], ids: IdArray, positions: npt.NDArray[Any]) -> None:
    """Append rows to the files of their projects."""
    names = np.asarray(list(spaces), dtype=object)
    order = np.argsort(names, kind="stable")
    distinct, begins = np.unique(names[order].astype(str), return_index=True)
    for space, places in zip(distinct, np.split(order, begins[1:]), strict=True):
        rows = np.empty(len(places), _ROW)
        rows["id"], rows["position"] = ids[places], positions[places]
        with (folder / _file_name(str(space))).open("ab") as file:
            rows.tofile(file)


def _csv_batches(path: Path) -> Iterator[BridgeRows]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        yield from _parsed_batches(path, file)


def _parsed_batches(path: Path, file: IO[str]) -> Iterator[BridgeRows]:
    reader = csv.reader(file)
    header = [name.strip() for name in next(reader, [])]
    if any(name not in header for name in _COLUMNS):
        problem = f"{path}: expected the columns {', '.join(_COLUMNS)}; got {', '.join(header)}"
        raise ConfigError(_KEY, problem)
    places = [header.index(name) for name in _COLUMNS]
    spaces: list[str] = []
    ids: list[int] = []
    positions: list[int] = []
    for row in reader:
        try:
            space, number, position = (row[place] for place in places)
            ids.append(int(number))
            positions.append(int(position))
            spaces.append(space)
        except (ValueError, IndexError) as error:
            problem = f"{path}:{reader.line_num}: expected a space and two numbers"
            raise ConfigError(_KEY, problem) from error
        if len(spaces) == BATCH_ROWS:
            yield spaces, np.asarray(ids, np.uint64), np.asarray(positions, np.uint64)
            spaces, ids, positions = [], [], []
    yield spaces, np.asarray(ids, np.uint64), np.asarray(positions, np.uint64)


def _parquet_batches(path: Path) -> Iterator[BridgeRows]:
    try:
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError as error:
        problem = f"{path}: Parquet needs pyarrow: pip install pyarrow, or write it as CSV"
        raise ConfigError(_KEY, problem) from error
    batches = parquet.ParquetFile(path).iter_batches(BATCH_ROWS, columns=list(_COLUMNS))
    for batch in batches:
        spaces, ids, positions = (batch.column(name) for name in _COLUMNS)
        yield (
            [str(space) for space in spaces.to_pylist()],
            ids.to_numpy(zero_copy_only=False).astype(np.uint64),
            positions.to_numpy(zero_copy_only=False).astype(np.uint64),
        )


def _file_name(space: str) -> str:
    """Return the name of a project's file: any text may be a project, and not every one a name."""
    return blake2b(space.encode("utf-8", "replace"), digest_size=16).hexdigest()
