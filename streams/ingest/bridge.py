"""Step 1 of 7: an operator's file of (space, id, position) -> the positions of a project's people.

Where each project has pseudonyms of its own, the operator alone can say who is the same. The file
may have half a billion rows, so it is sorted once, project by project, into a folder beside it:
two arrays a project, ids and positions, which are mapped into memory when the project's first event
comes. An event touches the few pages in which its ids lie.
"""

import csv
import json
import os
import shutil
from collections.abc import Iterator
from hashlib import blake2b
from importlib import import_module
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace
from pyroaring import BitMap

from detectors.errors import ConfigError
from detectors.event import AccessEvent, Participants
from streams.console.progress import steps
from streams.ingest.repairs import RepairReason

_KEY: Final = "cohort.bridge"
_SUFFIX: Final = ".bridge"
_SOURCE: Final = "source.json"
_COLUMNS: Final = ("space", "id", "position")
BATCH_ROWS: Final = 1_000_000
# Projects whose arrays stay mapped; a map costs no memory but its pages.
_MAPPED_MAX: Final = 4_096
_ROW: Final = np.dtype([("id", "<u8"), ("position", "<u4")])
_ID: Final = np.dtype("<u8")
_POSITION: Final = np.dtype("<u4")
# How a folder's files are written.
_LAYOUT: Final = "ids, then positions"

IdArray = npt.NDArray[np.uint64]
PositionArray = npt.NDArray[np.uint32]


class _Batch(NamedTuple):
    """Rows of the file, column by column, and how far it is read by then."""

    spaces: list[str]
    ids: IdArray
    positions: npt.NDArray[Any]
    read_bytes: int


class _Project(NamedTuple):
    """The rows of a project, in the order of its ids."""

    ids: IdArray
    positions: PositionArray


class Bridge:
    """Positions in the cohort by project and id; nothing is read before the first is asked for."""

    __slots__ = ("_cohort_size", "_folder", "_mapped", "_path")

    def __init__(self, path: Path, *, cohort_size: int) -> None:
        """Open nothing yet."""
        self._path = path
        self._cohort_size = cohort_size
        self._folder: Path | None = None
        self._mapped: dict[str, _Project | None] = {}

    def positions(self, space: str, ids: IdArray) -> tuple[PositionArray, int]:
        """Return the positions of those ids that the file names, and how many it does not.

        Raises:
            ConfigError: the file cannot be read, or is no bridge.
        """
        project = self._project(space)
        if project is None or not len(ids):
            return np.empty(0, np.uint32), len(ids)
        places = np.minimum(np.searchsorted(project.ids, ids), len(project.ids) - 1)
        known = project.ids[places] == ids
        return project.positions[places[known]], int(len(ids) - known.sum())

    def _project(self, space: str) -> _Project | None:
        if self._folder is None:
            self._folder = _sorted_folder(self._path, cohort_size=self._cohort_size)
        if space not in self._mapped:
            if len(self._mapped) >= _MAPPED_MAX:
                self._mapped.clear()
            path = self._folder / _file_name(space)
            self._mapped[space] = _mapped(path) if path.exists() else None
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
    source = {
        "bytes": status.st_size,
        "changed_ns": status.st_mtime_ns,
        "size": cohort_size,
        "layout": _LAYOUT,
    }
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
    rows_count = 0
    with steps("bridge", total=path.stat().st_size) as progress:
        for batch in batches:
            if not len(batch.positions):
                continue
            if batch.positions.max() >= cohort_size:
                problem = f"{path}: position {batch.positions.max()} of a cohort of {cohort_size}"
                raise ConfigError(_KEY, problem)
            _append(fresh, batch)
            rows_count += len(batch.ids)
            progress.reach(events_count=rows_count, done=batch.read_bytes)
        for file in fresh.iterdir():
            _sort(file)
            progress.reach(events_count=rows_count, done=path.stat().st_size)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def _append(folder: Path, batch: _Batch) -> None:
    """Append rows to the files of their projects."""
    codes: dict[str, int] = {}
    coded = np.fromiter(
        (codes.setdefault(space, len(codes)) for space in batch.spaces), np.int32, len(batch.ids)
    )
    order = np.argsort(coded, kind="stable")
    begins = np.searchsorted(coded[order], np.arange(1, len(codes)))
    for space, places in zip(codes, np.split(order, begins), strict=True):
        rows = np.empty(len(places), _ROW)
        rows["id"], rows["position"] = batch.ids[places], batch.positions[places]
        with (folder / _file_name(space)).open("ab") as file:
            rows.tofile(file)


def _sort(path: Path) -> None:
    """Write the rows of a project as two columns, in the order of its ids."""
    rows = np.fromfile(path, _ROW)
    rows = rows[np.argsort(rows["id"], kind="stable")]
    with path.open("wb") as file:
        rows["id"].tofile(file)
        rows["position"].tofile(file)


def _mapped(path: Path) -> _Project:
    count = path.stat().st_size // _ROW.itemsize
    ids = np.memmap(path, _ID, "r", shape=(count,))
    positions = np.memmap(path, _POSITION, "r", offset=count * _ID.itemsize, shape=(count,))
    # As plain arrays: what is taken out of a map would be maps again.
    return _Project(np.asarray(ids), np.asarray(positions))


def _csv_batches(path: Path) -> Iterator[_Batch]:
    with (
        path.open("rb") as file,
        TextIOWrapper(file, encoding="utf-8-sig", newline="") as text,
    ):
        yield from _parsed_batches(path, text, file)


def _parsed_batches(path: Path, text: TextIOWrapper, file: BufferedReader) -> Iterator[_Batch]:
    reader = csv.reader(text)
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
            yield _batch(spaces, ids, positions, read_bytes=file.tell())
            spaces, ids, positions = [], [], []
    yield _batch(spaces, ids, positions, read_bytes=file.tell())


def _batch(spaces: list[str], ids: list[int], positions: list[int], *, read_bytes: int) -> _Batch:
    return _Batch(spaces, np.asarray(ids, np.uint64), np.asarray(positions, np.uint64), read_bytes)


def _parquet_batches(path: Path) -> Iterator[_Batch]:
    try:
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError as error:
        install = "pip install headgate[parquet], or write it as CSV"
        problem = f"{path}: Parquet needs pyarrow: {install}"
        raise ConfigError(_KEY, problem) from error
    try:
        file = parquet.ParquetFile(path)
        names = file.schema_arrow.names
        if any(name not in names for name in _COLUMNS):
            problem = f"{path}: expected the columns {', '.join(_COLUMNS)}; got {', '.join(names)}"
            raise ConfigError(_KEY, problem)
        yield from _arrow_batches(path, file)
    except (ValueError, TypeError, OverflowError) as error:
        # Its own errors are of these kinds, where a file is none; a cell may be no number.
        problem = f"{path}: expected Parquet with a space and two numbers: {error}"
        raise ConfigError(_KEY, problem) from error


def _arrow_batches(path: Path, file: Any) -> Iterator[_Batch]:  # noqa: ANN401 - it is optional.
    rows_count, size_bytes = max(1, file.metadata.num_rows), path.stat().st_size
    read_count = 0
    for batch in file.iter_batches(BATCH_ROWS, columns=list(_COLUMNS)):
        read_count += batch.num_rows
        spaces, ids, positions = (batch.column(name) for name in _COLUMNS)
        yield _batch(
            [str(space) for space in spaces.to_pylist()],
            ids.to_pylist(),
            positions.to_pylist(),
            read_bytes=size_bytes * read_count // rows_count,
        )


def _file_name(space: str) -> str:
    """Return the name of a project's file: any text may be a project, and not every one a name."""
    return blake2b(space.encode("utf-8", "replace"), digest_size=16).hexdigest()
