"""Step 7 of 7: entries of the journal -> records: suspensions, people, control records."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from detectors.config_schedule import Scheduled
from detectors.register import Registered
from detectors.response.suspension import Suspension, scope_id
from streams.control.config_record import CONFIG, encode_scheduled
from streams.control.records import INSTRUCTION, Instruction, control_record, encode_instruction
from streams.kafka.records import OutgoingRecord
from streams.kafka.topics import ACCESS_EVENTS, AUDIT, PEOPLE, REGISTER, SUSPENSIONS
from streams.response.control_messages import control_message_of
from streams.response.journal import Followed
from streams.response.people import TOKEN, People, Person
from streams.sinks import suspensions
from streams.state.envelope import StateKeys

_EVERYBODY: Final = b"all"
_encode: Final = msgspec.json.Encoder(order="sorted").encode


class Outputs:
    """Makes the records under one prefix; tokens become pseudonyms again where they can."""

    __slots__ = ("_keys", "_partitions", "_people", "_prefix")

    def __init__(self, prefix: str, people: People, *, partitions: int, keys: StateKeys) -> None:
        """Keep how topics are named and split, who is who, and what signs control records."""
        self._prefix = prefix
        self._people = people
        self._partitions = list(range(partitions))
        self._keys = keys

    def lines(self, lines: Iterable[bytes]) -> list[OutgoingRecord]:
        """Return lines of the audit, in their order; they have no key."""
        topic = AUDIT.full_name(self._prefix)
        return [OutgoingRecord(topic=topic, key=None, value=line, partition=0) for line in lines]

    def suspensions(self, followed: Iterable[Followed]) -> list[OutgoingRecord]:
        """Return the new state of each suspension that has changed."""
        changed = [step.action for step in followed if isinstance(step.action, Suspension)]
        return [self._suspension(suspension) for suspension in changed]

    def _suspension(self, suspension: Suspension) -> OutgoingRecord:
        return suspensions.record(named(suspension, self._people), topic_prefix=self._prefix)

    def register(self, followed: Iterable[Followed]) -> list[OutgoingRecord]:
        """Return the register's entries that have changed, for whoever reads what holds."""
        topic = REGISTER.full_name(self._prefix)
        changed = [step.action for step in followed if isinstance(step.action, Registered)]
        return [
            OutgoingRecord(
                topic=topic,
                key=registered.institution.encode(),
                value=None if registered.entry is None else _encode(registered.entry),
                partition=0,
            )
            for registered in changed
        ]

    def people(self, changes: Mapping[str, bytes | None]) -> list[OutgoingRecord]:
        """Return what is written of people: who is new, and tombstones."""
        topic = PEOPLE.full_name(self._prefix)
        return [
            OutgoingRecord(topic=topic, key=token.encode(), value=value, partition=0)
            for token, value in changes.items()
        ]

    def forgotten(self, person: Person | None) -> list[OutgoingRecord]:
        """Return the tombstone of a person's last suspension."""
        if person is None:
            return []
        name = scope_id("user", institution=person.institution, subject=person.user)
        topic = SUSPENSIONS.full_name(self._prefix)
        return [OutgoingRecord(topic=topic, key=name.encode(), value=None, partition=0)]

    def controls(self, followed: Iterable[Followed]) -> list[OutgoingRecord]:
        """Return what the judges must know, in every partition."""
        return [record for step in followed for record in self._controls(control_message_of(step))]

    def _controls(self, message: Instruction | Scheduled | None) -> Iterator[OutgoingRecord]:
        if isinstance(message, Scheduled):
            value = encode_scheduled(message)
            for partition in self._partitions:
                yield self._control(CONFIG, value, key=_EVERYBODY, partition=partition)
        elif message is not None:
            value, key = encode_instruction(message), message.body.institution.encode()
            # All: whom the register knows, and who is another by another name, all must know.
            for partition in self._partitions:
                yield self._control(INSTRUCTION, value, key=key, partition=partition)

    def _control(self, kind: str, value: bytes, *, key: bytes, partition: int) -> OutgoingRecord:
        return control_record(
            kind,
            value,
            topic=ACCESS_EVENTS.full_name(self._prefix),
            partition=partition,
            key=key,
            keys=self._keys,
        )


def named(suspension: Suspension, people: People) -> Suspension:
    """Return a suspension with pseudonyms in place of tokens, in its sentence too.

    One against an institution may tell of a user: of the second who took on.
    """

    def pseudonym(token: str) -> str:
        person = people.person(token)
        return token if person is None else person.user

    subject = suspension.subject
    return replace(
        suspension,
        subject=pseudonym(subject) if suspension.scope == "user" else subject,
        reason=TOKEN.sub(lambda token: pseudonym(token[0]), suspension.reason),
    )
