"""A mapping of a small log, a row of it, and what comes of reading one."""

from pathlib import Path

import msgspec

from detectors.config import CohortConfig
from detectors.event import AccessEvent
from streams.ingest.adapters.config import CellSource, EventMapping, MappingConfig
from streams.ingest.adapters.mapping import RowMapping
from streams.ingest.codec import DecodeConfig, decode_limits
from streams.ingest.rejects import Rejected, RejectReason

ROOT = Path(__file__).parents[3]


DATA = ROOT / "../shared/data"


HASHED = decode_limits(DecodeConfig(), CohortConfig(participant_ids="hashed"))


POSITIONS = decode_limits(DecodeConfig(event_bytes_max=1_024), CohortConfig(size=100))


COLUMNS = ("at", "who", "user", "what", "whom", "bytes", "status")


CONFIG = MappingConfig(
    name="log",
    format="csv",
    columns=COLUMNS,
    participant_separator=";",
    event=EventMapping(
        time="at",
        institution="who",
        user="user",
        dataset="what",
        participants="whom",
        bytes="bytes",
        outcome=CellSource(
            column="status", values={"2*": "success", "403": "denied"}, otherwise="error"
        ),
    ),
)


ROW = b"2026-04-01T12:00:00Z,northgate,u1,imaging,4;9,120,200"


def mapping(config: MappingConfig = CONFIG, **changes: object) -> RowMapping:
    """Return a mapping over positions."""
    return RowMapping(msgspec.structs.replace(config, **changes), limits=POSITIONS)


def accepted(result: AccessEvent | Rejected) -> AccessEvent:
    """Return an event that was expected to be one."""
    assert isinstance(result, AccessEvent), result
    return result


def reject_reason(result: AccessEvent | Rejected) -> RejectReason:
    """Return why what was expected to be rejected was rejected."""
    assert isinstance(result, Rejected), result
    return result.reason


def read(log: RowMapping, record: bytes | None) -> AccessEvent | Rejected:
    """Return what comes of the record that lies at 7 of a log."""
    return log.row(record, "log", 7)


def read_file(log: RowMapping, content: bytes) -> list[AccessEvent | Rejected]:
    """Return what comes of the rows of a file."""
    return [row.result for row in log.rows(content.splitlines(), source="log")]
