"""Step 4 of 7: what is remembered of one institution's result sets, as plain numbers.

Sets that nearly equal one another are a family: the first of them as it was, and of each how it
differs. Sets of scattered people are parts of the saved state, written once.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Final

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from detectors.errors import StateError

_PART: Final = "result_set/"
# Who took a set last: so many are remembered of each.
TAKERS_MAX: Final = 4

# Marks of a user and of a project; 0: none was named.
TakerMarks = tuple[int, int]


class Lonely(Struct, array_like=True, gc=False):
    """A result set that none nearly equalled so far, taken by one user for one project.

    Most sets stay so. It is one object, and is made without the names of its fields, for nearly
    each event makes one.
    """

    number: int
    group: Annotated[int, Meta(description="a mark of dataset, fields and id space")]
    count: Annotated[int, Meta(description="people of the set")]
    first: Annotated[int, Meta(description="of neighbours; 0 where they are scattered")]
    beyond: Annotated[int, Meta(description="the id after the last; 0 where they are scattered")]
    since_ms: int
    last_ms: int
    user: int
    project: int
    event_id: Annotated[str, Meta(description="that took it last")]


class Variant(Struct, kw_only=True, array_like=True):
    """One result set that was asked for, once or again and again."""

    away: Annotated[
        list[int], Meta(description="people by which it differs from its family's, in order")
    ]
    since_ms: int
    last_ms: int
    takers: list[TakerMarks]
    event_id: Annotated[str, Meta(description="that took it last")]
    is_base: Annotated[bool, Meta(description="another was compared with it already")] = False


class Family(Struct, kw_only=True, array_like=True):
    """Result sets that nearly equal one another."""

    number: int
    group: int
    count: int
    first: int
    beyond: int
    variants: list[Variant]


class DayCounts(Struct, kw_only=True, array_like=True):
    """One day: by user and by project how many sets were compared, and how many told apart few."""

    user_sets: dict[str, int] = field(default_factory=dict)
    project_sets: dict[str, int] = field(default_factory=dict)
    user_differences: dict[str, int] = field(default_factory=dict)
    project_differences: dict[str, int] = field(default_factory=dict)


class DifferencingState(Struct, kw_only=True):
    """Kept sets by their number, the one used last at the end: alone, or a family."""

    now_ms: int = 0
    kept_count: Annotated[int, Meta(description="so far: the number of the last")] = 0
    lonely: dict[int, Lonely] = field(default_factory=dict)
    families: dict[int, Family] = field(default_factory=dict)
    sets: Annotated[
        dict[int, bytes], Meta(description="portable 64-bit Roaring bitmaps of the scattered")
    ] = field(default_factory=dict)
    changed_ms: Annotated[
        dict[int, int], Meta(description="when a person was first told apart, by id")
    ] = field(default_factory=dict)
    released: Annotated[
        int, Meta(description="people whose change was taken for the cohort's on the last day")
    ] = 0
    days: dict[int, DayCounts] = field(default_factory=dict)

    def without_parts(self) -> "DifferencingState":
        """Return what changes with every event."""
        return replace(self, sets={})

    def parts(self) -> Iterator[tuple[str, bytes]]:
        """Yield each kept set with the name of its part."""
        for number, people in self.sets.items():
            yield f"{_PART}{number}", people

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Take the kept sets back.

        Raises:
            StateError: one is missing.
        """
        stored = self.lonely | self.families
        for number in sorted(stored):
            if not stored[number].beyond:
                name = f"{_PART}{number}"
                if name not in parts:
                    msg = f"the state needs part {name!r}, which is missing"
                    raise StateError(msg)
                self.sets[number] = parts[name]
