"""Step 1 of 7: the cells of one row -> AccessEvent | Rejected: as it should be, or else in part."""

from typing import Final

import msgspec

from detectors.errors import ConfigError
from detectors.event import AccessEvent, InstitutionId, time_ms
from streams.ingest.adapters.cells import (
    Cell,
    Getter,
    RejectedError,
    Row,
    cell_text,
    getter,
    values_getter,
)
from streams.ingest.adapters.config import DIGEST_ID, EventMapping, MappingConfig
from streams.ingest.adapters.partial_row import PartialRow
from streams.ingest.adapters.times import time_reader
from streams.ingest.adapters.values import (
    Convert,
    count,
    names_reader,
    participants_reader,
    text,
)
from streams.ingest.codec import TIME_REASONS, DecodeLimits, check, reason_of
from streams.ingest.identity import identity_of, with_seen_name
from streams.ingest.partial_event import event_of_values
from streams.ingest.rejects import Rejected, of_institution, rejected
from streams.ingest.repairs import RepairReason, Repairs
from streams.ingest.repeated import values_of

# Who answers for an event whose institution cannot be resolved: judged and counted, never dropped.
UNRESOLVED: Final = InstitutionId("unresolved")


class RowReader:
    """Reads rows of one format, whose cells have been told apart."""

    __slots__ = (
        "_cells_count",
        "_id",
        "_institution",
        "_limits",
        "_partial",
        "_plan",
        "_time",
        "_time_values",
    )

    def __init__(self, config: MappingConfig, *, limits: DecodeLimits) -> None:
        """Compile the mapping.

        Raises:
            ConfigError: it cannot work.
        """
        columns = list(config.columns) or None
        self._cells_count = len(config.columns)
        self._limits = limits
        self._time = time_reader(config)
        self._plan = _compiled(config, columns, read_time=self._time, hashed=limits.hashed)
        self._institution = getter(config.event.institution, key="institution", columns=columns)
        declared = config.event.id
        self._id = (
            None
            if declared is None or declared == DIGEST_ID
            else getter(declared, key="id", columns=columns)
        )
        self._time_values = values_getter(config.event.time, columns=columns)
        self._partial = PartialRow(config, hashed=limits.hashed)

    def event(self, row: Row, *, id_otherwise: str) -> AccessEvent | Rejected:
        """Return the event of a row in which all is as it should be, or the first thing amiss."""
        document: dict[str, object] = {"institution": UNRESOLVED, "id": id_otherwise}
        try:
            for key, read, convert in self._plan:
                value = convert(read(row))
                if value is not None:
                    document[key] = value
            if self._id is not None:
                document["id"] = text(self._id(row))
            event = msgspec.convert(document, AccessEvent)
        except RejectedError as error:
            return error.rejected
        except msgspec.ValidationError as error:
            return rejected(reason_of(str(error)), str(error))
        problem = check(event, time_ms(event), self._limits)
        return with_seen_name(event) if problem is None else problem

    def has_time(self, cells: list[str]) -> bool:
        """Tell whether the cells of a line could be a row: a text within a cell has no time."""
        return len(cells) == self._cells_count and self._is_timed(cells)

    def institution_of(self, cells: list[str]) -> str:
        """Return whose row it is that has too few or too many cells; empty where it is not known.

        Where its time stands in its place, so does a name beside it.
        """
        try:
            name = self._institution(cells) if self._is_timed(cells) else ""
        except IndexError:
            return ""
        return name if isinstance(name, str) else ""

    def _is_timed(self, cells: list[str]) -> bool:
        try:
            self._time(_time_cell(self._time_values(cells)[-1]))
        except (RejectedError, IndexError):
            return False
        return True

    def event_in_part(
        self, row: Row, *, id_otherwise: str, strict: AccessEvent | Rejected, repairs: Repairs
    ) -> AccessEvent | Rejected:
        """Return the event by what can be read of a row, as of a canonical event; else `strict`."""
        given = self._partial.given(row)
        institution = values_of(given["institution"])[-1]
        if not isinstance(institution, str) or not identity_of(institution):
            repairs[RepairReason.TEXT_UNREADABLE] += institution is not None
            given["institution"] = institution = UNRESOLVED
        try:
            given["time"] = self._time(_time_cell(self._time_values(row)[-1]))
        except RejectedError as error:
            return of_institution(error.rejected, institution)
        if self._id is None:
            given["id"] = id_otherwise
        event = event_of_values(given, self._limits, strict, repairs, id_otherwise=id_otherwise)
        if isinstance(event, Rejected):
            return event
        problem = check(event, time_ms(event), self._limits)
        if problem is not None and problem.reason in TIME_REASONS:
            return of_institution(problem, institution)
        return with_seen_name(event)


def _time_cell(value: object) -> Cell:
    return value if isinstance(value, int) else cell_text(value)


def _compiled(
    config: MappingConfig, columns: list[str] | None, *, read_time: Convert, hashed: bool
) -> list[tuple[str, Getter, Convert]]:
    """Return for each key of the event but the id where its value lies and how it is read."""
    if config.event.participants is not None and config.event.participants_count is not None:
        raise ConfigError(
            path="mapping.event.participants_count", problem="expected without participants"
        )
    names = names_reader(config.field_separator)
    converts: dict[str, Convert] = {
        "time": read_time,
        "participants": participants_reader(config.participant_separator, hashed=hashed),
        "participants_count": _counted,
        "fields": lambda cell: names(cell) or None,
        **dict.fromkeys(("bytes", "rows", "files"), count),
    }
    plan = []
    for key in EventMapping.__struct_fields__:
        choice = getattr(config.event, key)
        if choice is not None and key != "id":
            target = "participants" if key == "participants_count" else key
            read = getter(choice, key=key, columns=columns)
            plan.append((target, read, converts.get(key, text)))
    return plan


def _counted(cell: Cell) -> object:
    number = count(cell)
    return None if number is None else {"count": number}
