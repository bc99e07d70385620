"""What became of mutants: which lived, which of these may, and the figures as a table."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

COLUMNS: Final = ("killed", "explained", "survived", "not run")
# By the words of mutmut: a test noticed, or an endless loop or a crash did.
_KILLED: Final = frozenset({"killed", "timeout", "segfault", "suspicious", "caught by type check"})
EVERY_FUNCTION: Final = "*"
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
    """A mutant that may live, and why; found by its lines, since numbers move.

    Of the function `*` it is a change to any function, and its lines are the part that changes.
    """

    function: str
    removed: str
    added: str
    why: str

    def explains(self, mutant: Mutant) -> bool:
        """Tell whether it is this mutant."""
        if self.function == EVERY_FUNCTION:
            parts = mutant.removed.split(self.removed)
            # A line that has the part twice is changed in one of the places.
            return any(
                self.removed.join(parts[:at]) + self.added + self.removed.join(parts[at:])
                == mutant.added
                for at in range(1, len(parts))
            )
        own = (self.function, self.removed, self.added)
        return own == (mutant.function, mutant.removed, mutant.added)


def stale_explanations(
    mutants: Sequence[Mutant], explained: Sequence[Explained]
) -> list[Explained]:
    """Return what explains no survivor, of the modules whose mutants these are."""
    modules = tuple({f"{mutant.name.rpartition('.')[0]}." for mutant in mutants})
    survivors = [mutant for mutant in mutants if mutant.survived]
    return [
        each
        for each in explained
        if each.function.startswith(modules)
        and not any(each.explains(mutant) for mutant in survivors)
    ]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the code, and the tests that must hold it.

    Of these some may be left out that take too long. A test that takes longer than
    `test_seconds_max` hangs, and so has noticed.
    """

    tests: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    test_seconds_max: int | None = None

    @property
    def arguments(self) -> list[str]:
        """Return what pytest is to be told, beside the tests.

        >>> Part(tests=(), left_out=("tests/a.py::test_b",), test_seconds_max=20).arguments[2:]
        ['--deselect=tests/a.py::test_b', '--timeout=20']
        """
        left_out = [f"--deselect={test}" for test in self.left_out]
        hangs = [f"--timeout={self.test_seconds_max}"] if self.test_seconds_max else []
        return ["-m", "not kafka and not slow", *left_out, *hangs]


class Mutants(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of `mutants.toml`."""

    parts: dict[str, Part]
    explained: tuple[Explained, ...] = ()


def read_mutants(raw: bytes) -> Mutants:
    """Return what a file says."""
    return msgspec.toml.decode(raw, type=Mutants)


def changes_in(text: str) -> dict[str, dict[str, str]]:
    r"""Return by mutant what is removed and added, without indentation, as one line each.

    >>> changes_in("# a.x_f__mutmut_1: survived\n--- a\n+++ a\n-    return 1\n+    return 2\n")
    {'a.x_f__mutmut_1': {'removed': 'return 1', 'added': 'return 2'}}
    """
    changes: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        if line.startswith("# ") and "__mutmut_" in line:
            change = changes[line[2:].partition(": ")[0]] = {"removed": "", "added": ""}
        elif line[:3] not in {"---", "+++"} and line[:1] in {"-", "+"}:
            side = "removed" if line[0] == "-" else "added"
            change[side] = f"{change[side]} {line[1:].strip()}".strip()
    return changes


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
