"""Step 1 of 7: a key that an object gives more than once -> all its values, to choose from."""

from collections import deque
from collections.abc import Sequence


class Repeated:
    """The values of one key, in their order."""

    __slots__ = ("values",)

    def __init__(self, first: object) -> None:
        """Begin with the value that was given first."""
        self.values: deque[object] = deque([first])


def members_of(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    """Return an object's members; of a key given more than once, all values.

    >>> list(values_of(members_of([("rows", 3), ("rows", 1)])["rows"]))
    [3, 1]
    """
    members: dict[str, object] = {}
    for key, value in pairs:
        if key not in members:
            members[key] = value
            continue
        before = members[key]
        repeated = before if isinstance(before, Repeated) else Repeated(before)
        repeated.values.append(value)
        members[key] = repeated
    return members


def values_of(value: object) -> Sequence[object]:
    """Return every value that a key was given; the last is the one that decoders take."""
    return tuple(value.values) if isinstance(value, Repeated) else (value,)
