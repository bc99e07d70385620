"""Records of the state topic: what the protocol wants saved <-> signed bytes on Kafka."""

from streams.kafka.records import OutgoingRecord
from streams.state.envelope import Address, StateKeys, open_sealed, seal
from streams.state.phases import Write
from streams.state.store import SavedRecord


class StateTopic:
    """Seals and opens the records of one app's state topic."""

    __slots__ = ("_app", "_keys", "topic")

    def __init__(self, topic: str, *, app: str, keys: StateKeys) -> None:
        """Keep what every record is signed with."""
        self.topic = topic
        self._app = app
        self._keys = keys

    def record(self, write: Write) -> OutgoingRecord:
        """Return what to send; a tombstone needs no signature, since it names nothing to trust."""
        saved = write.saved
        value = None
        if saved is not None:
            address = self._address(write.partition, write.key)
            value = seal(
                saved.payload, address=address, applied_offset=saved.offset, keys=self._keys
            )
        return OutgoingRecord(
            topic=self.topic, key=write.key, value=value, partition=write.partition
        )

    def saved(self, partition: int, key: bytes, value: bytes | None) -> SavedRecord | None:
        """Return what a record holds, None for a tombstone.

        Raises:
            StateError: it is not ours.
        """
        if value is None:
            return None
        opened = open_sealed(value, address=self._address(partition, key), keys=self._keys)
        return SavedRecord(opened.applied_offset, opened.payload)

    def _address(self, partition: int, key: bytes) -> Address:
        return Address(app=self._app, topic=self.topic, partition=partition, key=key)
