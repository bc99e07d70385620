"""What was approved, for whom and until when: the register that judgements are held against.

Everything in it carries the event time from which and until which it holds, so that replay
and the running worker read the same approval for the same event.
"""

from datetime import datetime
from functools import lru_cache
from typing import Annotated, Final

from msgspec import Meta, Struct

from detectors.event import InstitutionId
from detectors.instants import Instant, instant_ms

# The judge of all names that a register does not know. Identities are folded in case, so that no
# institution can have this one.
UNKNOWN: Final = InstitutionId("UNKNOWN")
UNKNOWN_NAME: Final = "unknown"
# In an exemption, in place of a user: events that name none.
NOBODY_NAMED: Final = ""

EntryName = Annotated[str, Meta(min_length=1, max_length=128)]
# The bound lies inside the union: msgspec refuses one on `int | None`.
Bound = Annotated[int, Meta(ge=0)]
# Every event asks for the same few, of its project and of its institution's exemptions.
_BOUNDS_CACHED_MAX: Final = 65_536


class Project(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An approved project: what it may read, how much of the cohort, and until when."""

    id: Annotated[str, Meta(min_length=1, max_length=128)]
    datasets: Annotated[tuple[str, ...], Meta(description="approved datasets; empty: any")] = ()
    fields: Annotated[tuple[str, ...], Meta(description="approved fields; empty: any")] = ()
    participants_max: Annotated[
        Bound | None, Meta(description="how many distinct participants it may hold")
    ] = None
    bytes_max: Annotated[
        Bound | None, Meta(description="how much may leave for it, from when this is known")
    ] = None
    valid_from: Instant | None = None
    valid_to: Instant | None = None


class Exemption(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An approved exception, such as a bulk export. It never lifts a hard quota."""

    id: Annotated[str, Meta(min_length=1, max_length=128)]
    valid_from: Instant
    valid_to: Instant
    participants_max: Annotated[
        Bound | None, Meta(description="new participants it covers; absent: all of them")
    ] = None
    dataset: Annotated[str | None, Meta(description="only this dataset; absent: any")] = None
    project: Annotated[str | None, Meta(description="only this project; absent: any")] = None
    user: Annotated[
        str | None, Meta(description="only this user; empty: events that name none; absent: any")
    ] = None
    alert: Annotated[bool, Meta(description="true: what it covers may alert all the same")] = False
    learn: Annotated[bool, Meta(description="true: what it covers becomes part of the usual")] = (
        False
    )
    approver: str | None = None


class Alias(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another name of an institution, such as that of one that became part of it."""

    id: EntryName
    valid_from: Instant | None = None


class Institution(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One institution's entry."""

    id: Annotated[str, Meta(min_length=1, max_length=128)]
    group: Annotated[str, Meta(description="peers it is compared with")] = "default"
    jurisdiction: str | None = None
    contact: str | None = None
    participants_max: Annotated[
        Bound | None, Meta(description="how many distinct participants it may hold")
    ] = None
    bytes_max: Annotated[
        Bound | None, Meta(description="how much may leave for it, from when this is known")
    ] = None
    dataset_caps: Annotated[
        dict[str, Bound],
        Meta(description="how many it may hold of a class of datasets, or of one dataset, by name"),
    ] = {}
    projects: tuple[Project, ...] = ()
    exemptions: tuple[Exemption, ...] = ()
    aliases: Annotated[
        tuple[EntryName | Alias, ...],
        Meta(description="its other names, each from a date on; absent: always"),
    ] = ()

    @property
    def dated_aliases(self) -> tuple[Alias, ...]:
        """Return the other names, each with its date; one without a date always holds."""
        return tuple(
            alias if isinstance(alias, Alias) else Alias(id=alias) for alias in self.aliases
        )


# Whoever the register does not know: one entry, in a group of its own.
UNKNOWN_ENTRY: Final = Institution(id=UNKNOWN, group="(unknown)")


class Registered(Struct, frozen=True, kw_only=True, tag="register"):
    """An institution's entry was replaced; without one it was removed."""

    institution: str
    entry: Institution | None


class Register(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole register, as a file holds it."""

    institutions: tuple[Institution, ...] = ()

    def entry(self, institution: InstitutionId) -> Institution:
        """Return the entry of `institution`; an empty one for an unknown institution.

        >>> Register().entry(InstitutionId("oxford")).group
        'default'
        """
        for entry in self.institutions:
            if entry.id == institution:
                return entry
        return Institution(id=institution)


def is_of_the_unknown(entry: Institution) -> bool:
    """Tell whether an entry is that of all names that the register does not know."""
    return entry.id == UNKNOWN and entry.group == UNKNOWN_ENTRY.group


@lru_cache(_BOUNDS_CACHED_MAX)
def bound_ms(bound: datetime) -> int:
    """Return from or until when something holds, in ms since the epoch."""
    return instant_ms(bound)


def covers(
    exemption: Exemption, *, at_ms: int, dataset: str, project: str | None, user: str | None
) -> bool:
    """Tell whether an exemption applies to an event, its cap apart."""
    return (
        bound_ms(exemption.valid_from) <= at_ms < bound_ms(exemption.valid_to)
        and exemption.dataset in (None, dataset)
        and exemption.project in (None, project)
        and exemption.user in (None, user or NOBODY_NAMED)
    )
