"""What the state topic says about one partition, however its records were interleaved.

Per key the record with the highest offset counts, not the last one written: a state is a
function of the log up to its offset, so a late write of a worker long replaced cannot win.
"""

from streams.state.keys import parse_key
from streams.state.packed_records import PackedRecords, SavedRecord

__all__ = ["RecoveredPartition", "SavedRecord"]


class RecoveredPartition:
    """The records of one partition that count, as far as read."""

    __slots__ = ("mains", "partition_record", "partition_record_shadowed", "parts", "shadowed")

    def __init__(self) -> None:
        """Start as an empty topic."""
        self.partition_record: SavedRecord | None = None
        self.partition_record_shadowed = False
        self.mains = PackedRecords()
        self.parts: dict[str, dict[str, SavedRecord]] = {}
        # Institutions whose best record is not the last one written: compaction would drop it.
        self.shadowed: set[str] = set()

    def apply(self, key: bytes, saved: SavedRecord | None) -> None:
        """Take in one record, in the order of the topic."""
        owner = parse_key(key)
        if owner.institution is None:
            self._apply_partition_record(saved)
        elif owner.part is not None:
            self._apply_part(owner.institution, owner.part, saved)
        elif saved is not None:
            self._apply_main(owner.institution, saved)

    def _apply_partition_record(self, saved: SavedRecord | None) -> None:
        if saved is None:
            return
        self.partition_record_shadowed = not self._supersedes(saved, self.partition_record)
        if not self.partition_record_shadowed:
            self.partition_record = saved

    def _apply_main(self, institution: str, saved: SavedRecord) -> None:
        known = self.mains.offset(institution)
        if known is None or saved.offset >= known:
            self.mains[institution] = saved
            self.shadowed.discard(institution)
        else:
            self.shadowed.add(institution)

    def _apply_part(self, institution: str, part: str, saved: SavedRecord | None) -> None:
        parts = self.parts.setdefault(institution, {})
        if saved is None:
            parts.pop(part, None)
        else:
            parts[part] = saved

    def _supersedes(self, new: SavedRecord, old: SavedRecord | None) -> bool:
        return old is None or new.offset >= old.offset
