"""What became of mutants: which lived, which of these may, and the figures as a table."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

import msgspec

COLUMNS: Final = ("killed", "explained", "survived", "not run")
# By the words of mutmut: a test noticed, or an endless loop or a crash did.
_KILLED: Final = frozenset({"killed", "timeout", "segfault", "suspicious", "caught by type check"})
_SURVIVED: Final = frozenset({"survived", "no tests"})


class Mutant(msgspec.Struct, frozen=True, kw_only=True):
    """One change to one function, and what became of it."""

    name: str
    status: str
    removed: str = ""
    added: str = ""

    @property
    def survived(self) -> bool:
        """Tell whether no test noticed, or none even came by."""
        return self.status in _SURVIVED

    @property
    def outcome(self) -> str:
        """Return the column in which it counts, unless it is explained."""
        if self.survived:
            return "survived"
        return "killed" if self.status in _KILLED else "not run"

    @property
    def function(self) -> str:
        """Return the function by its module, class and name.

        >>> Mutant(name="detectors.a.xǁSweepǁscore__mutmut_3", status="killed").function
        'detectors.a.Sweep.score'
        >>> Mutant(name="detectors.a.x_fit__mutmut_12", status="killed").function
        'detectors.a.fit'
        """
        module, _, name = self.name.partition("__mutmut_")[0].rpartition(".")
        return f"{module}.{name.removeprefix('xǁ').removeprefix('x_').replace('ǁ', '.')}"


class Explained(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mutant that may live, and why; found by its lines, since numbers move."""

    function: str
    removed: str
    added: str
    why: str

    def explains(self, mutant: Mutant) -> bool:
        """Tell whether it is this mutant."""
        own = (self.function, self.removed, self.added)
        return own == (mutant.function, mutant.removed, mutant.added)


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the code, and the tests that must hold it."""

    tests: tuple[str, ...]


class Mutants(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of `mutants.toml`."""

    parts: dict[str, Part]
    explained: tuple[Explained, ...] = ()


def read_mutants(raw: bytes) -> Mutants:
    """Return what a file says."""
    return msgspec.toml.decode(raw, type=Mutants)


def change_of(diff: str) -> tuple[str, str]:
    r"""Return the lines that a diff removes and adds, each without indentation, as one line.

    >>> change_of("--- a.py\n+++ a.py\n def f():\n-    return 1\n+    return 2\n")
    ('return 1', 'return 2')
    """
    lines = diff.splitlines()
    removed = [line[1:].strip() for line in lines if line[:1] == "-" and line[:3] != "---"]
    added = [line[1:].strip() for line in lines if line[:1] == "+" and line[:3] != "+++"]
    return " ".join(removed), " ".join(added)


def table(rows: Mapping[str, Counter[str]]) -> str:
    """Return the figures of each part, and of all."""
    total: Counter[str] = Counter()
    for counts in rows.values():
        total += counts
    lines = [f"\n{'':24}{'mutants':>9}" + "".join(f"{column:>11}" for column in COLUMNS)]
    for name, counts in [*rows.items(), ("all", total)]:
        figures = "".join(f"{counts[column]:>11}" for column in COLUMNS)
        lines.append(f"{name:24}{counts.total():>9}{figures}")
    return "\n".join(lines) + "\n"
