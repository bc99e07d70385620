"""Step 2 of 7: an institution's name, at a time -> its judge, by what the register says.

Without a register every name has its own judge. Once there is one, an alias leads to the
institution that it is a name of, from its date on, and all names that the register does not know
share one judge, with one ledger and one budget: whoever may choose names had as many else.
"""

from collections.abc import Collection, Mapping
from typing import Final

from detectors.config_schedule import NEVER_MS
from detectors.feedback import Feedback
from detectors.register import (
    UNKNOWN,
    UNKNOWN_ENTRY,
    UNKNOWN_NAME,
    Institution,
    Register,
    Registered,
    bound_ms,
)
from streams.ingest.adapters.mapping import UNRESOLVED
from streams.ingest.identity import identity_of

# When an alias holds that has no date.
_ALWAYS_MS: Final = -NEVER_MS


def directory_of(register: Register) -> "Directory":
    """Return the directory of a whole register."""
    return Directory({identity_of(entry.id): entry for entry in register.institutions})


def shown_name(judge: str, *, name: str, entry: Institution | None) -> str:
    """Return what people are shown of a judge that meets this name first."""
    if judge == UNKNOWN:
        return UNKNOWN_NAME
    return name if entry is None else entry.id


class Directory:
    """The names that a register knows, by identity; it never changes.

    >>> entry = Institution(id="uni-bern", aliases=("Bern University",))
    >>> directory = Directory({"uni-bern": entry})
    >>> [directory.judge_of(name, 0) for name in ("BERN  university", "uni-bern", "uni-basel")]
    ['uni-bern', 'uni-bern', 'UNKNOWN']
    >>> Directory({}).judge_of("uni-basel", 0)
    'uni-basel'
    """

    __slots__ = ("_formers", "_given", "_owners", "entries")

    def __init__(self, entries: Mapping[str, Institution | None]) -> None:
        """Take the entries by the identities of their institutions; None for one taken out."""
        self.entries: dict[str, Institution] = {
            identity: entry for identity, entry in entries.items() if entry is not None
        }
        self._given = dict(entries)
        # By alias: from when on, and whose it is; the latest first.
        self._owners: dict[str, list[tuple[int, str]]] = {}
        # By institution: from when on, and which other name leads to it.
        self._formers: dict[str, list[tuple[int, str]]] = {}
        for identity, entry in self.entries.items():
            for alias in entry.dated_aliases:
                from_ms = _ALWAYS_MS if alias.valid_from is None else bound_ms(alias.valid_from)
                self._owners.setdefault(identity_of(alias.id), []).append((from_ms, identity))
                self._formers.setdefault(identity, []).append((from_ms, identity_of(alias.id)))
        for owners in self._owners.values():
            owners.sort(reverse=True)

    @property
    def aliases(self) -> Collection[str]:
        """Return the identities of all names that lead to an institution of another name."""
        return self._owners.keys()

    def judge_of(self, name: str, at_ms: int) -> str:
        """Return who judges what is taken under a name at a time: an identity, or `UNKNOWN`."""
        identity = identity_of(name)
        for from_ms, owner in self._owners.get(identity, ()):
            if at_ms >= from_ms:
                return owner
        if not self.entries or identity in self.entries or identity in self._owners:
            return identity
        return identity if identity == UNRESOLVED else UNKNOWN

    def home_of(self, name: str) -> str:
        """Return whose partition a name is at home in: an alias lives with its institution."""
        identity = identity_of(name)
        owners = self._owners.get(identity)
        return owners[0][1] if owners else identity

    def group_of(self, name: str) -> str:
        """Return what all names have in common that may have one judge."""
        home = self.home_of(name)
        return home if not self.entries or home in self.entries else UNKNOWN

    def entry(self, judge: str) -> Institution | None:
        """Return the entry by which a judge judges; None where the register has none."""
        return UNKNOWN_ENTRY if judge == UNKNOWN else self.entries.get(judge)

    def with_entry(self, registered: Registered) -> "Directory":
        """Return the directory in which one entry was replaced or taken out."""
        return self.with_entries({identity_of(registered.institution): registered.entry})

    def with_entries(self, entries: Mapping[str, Institution | None]) -> "Directory":
        """Return the directory in which these entries were replaced or taken out."""
        return Directory(self._given | dict(entries)) if entries else self

    def addressee_of(self, message: Registered | Feedback) -> str:
        """Return the judge whom a message to an institution is for."""
        if isinstance(message, Registered):
            return identity_of(message.institution)
        return self.judge_of(message.institution, NEVER_MS)

    def is_settled(self, name: str) -> bool:
        """Tell whether a name alone says who its judge is, at all times."""
        identity = identity_of(name)
        if identity in self._owners or identity in self._formers:
            return False
        return not self.entries or identity in self.entries

    def former_names(self, judge: str, at_ms: int) -> list[str]:
        """Return the identities of the other names that lead to this judge by now."""
        return [name for from_ms, name in self._formers.get(judge, ()) if at_ms >= from_ms]
