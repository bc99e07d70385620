"""Step 7 of 7: a token of the journal -> the person. Tokens are salted hashes; this can be erased.

A token is the hash of a random salt, the institution and the user's pseudonym. Without the salt,
which lies in the compacted topic beside the pseudonym, it tells nothing: a tombstone there erases
a person, and the journal's chain is as whole as before.
"""

import re
import secrets
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct

from detectors.response.decoding import decode_json

_SALT_BYTES: Final = 16
# A token, wherever it stands in a text.
TOKEN: Final = re.compile(r"person-[0-9a-f]{32}")
_encode: Final = msgspec.json.Encoder(order="sorted").encode


class Person(Struct, frozen=True, kw_only=True):
    """What a token stands for."""

    salt: str
    institution: str
    user: str

    @property
    def token(self) -> str:
        """Return the token.

        >>> Person(salt="00", institution="north", user="u-17").token
        'person-221082ba613000dd12be66f0883be6cb'
        """
        text = msgspec.json.encode((self.salt, self.institution, self.user))
        return f"person-{sha256(text).hexdigest()[:32]}"


class People:
    """The tokens that can still be told, both ways."""

    __slots__ = ("_by_name", "_by_token", "_changed")

    def __init__(self, records: Mapping[bytes, bytes]) -> None:
        """Begin with the topic's records."""
        people = people_of(records)
        self._by_token = {person.token: person for person in people}
        self._by_name = {(person.institution, person.user): person for person in people}
        self._changed: dict[str, bytes | None] = {}

    def token(self, institution: str, user: str) -> str:
        """Return the user's token; a new one for somebody never seen, or erased."""
        person = self._by_name.get((institution, user))
        if person is None:
            salt = secrets.token_hex(_SALT_BYTES)
            person = Person(salt=salt, institution=institution, user=user)
            self._by_name[institution, user] = self._by_token[person.token] = person
            self._changed[person.token] = _encode(person)
        return person.token

    def person(self, token: str) -> Person | None:
        """Return whom a token stands for, None once erased."""
        return self._by_token.get(token)

    def erase(self, token: str) -> Person | None:
        """Forget a token and return whom it stood for."""
        person = self._by_token.pop(token, None)
        if person is not None:
            del self._by_name[person.institution, person.user]
            self._changed[token] = None
        return person

    def taken_changes(self) -> dict[str, bytes | None]:
        """Return what is to be written since this was last asked: records and tombstones."""
        changed, self._changed = self._changed, {}
        return changed


def people_of(records: Mapping[bytes, bytes]) -> list[Person]:
    """Return the people in the topic's records; one that is not its token's is nobody."""
    people = []
    for key, raw in records.items():
        try:
            person = decode_json(raw, kind=Person)
        except msgspec.DecodeError:
            continue
        if person.token.encode() == key:
            people.append(person)
    return people
