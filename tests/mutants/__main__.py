"""Break the core line by line, and see whether its nearest tests notice. See `make mutants`.

Each part of the code is copied below `mutants/` and tried there by mutmut, so that one may go on
editing meanwhile. A run that was ended goes on where it was: only functions that have changed are
tried again, and what had survived. To try everything, remove `mutants/`.

Ends with 1 if a mutant lives that `mutants.toml` does not explain, if that explains one which no
longer lives, or if some have not been tried.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from tests.mutants.report import (
    Explained,
    Mutant,
    Part,
    changes_in,
    read_mutants,
    stale_explanations,
    table,
)

ROOT: Final = Path(__file__).parents[2]
COPIED: Final = ("detectors", "streams", "tests", "benchmarks")
IGNORED: Final = shutil.ignore_patterns("__pycache__", "cache", "mutants.toml")
CONFIG: Final = """

[tool.mutmut]
source_paths = ["detectors", "streams"]
only_mutate = ["{part}/*.py"]
do_not_mutate = {inner}
also_copy = ["benchmarks"]
pytest_add_cli_args = {arguments}
pytest_add_cli_args_test_selection = {tests}
use_git_change_detection = false
timeout_multiplier = 5.0
timeout_constant = 5.0
"""
TRIAL: Final = Path(__file__).with_name("trial.py")
# A mutant that fills a list for ever must end by itself: the machine has other work to do.
MEMORY_BYTES_MAX: Final = 3 * 2**30
# One process for all survivors: mutmut takes seconds to begin.
SHOW: Final = "import sys, mutmut.__main__ as m; [m.show.callback(n) for n in sys.argv[1:]]"


def workshop_of(part_name: str, parts: Mapping[str, Part]) -> Path:
    """Return a directory with a copy of the code as it is now, and of what earlier runs found."""
    workshop = ROOT / "mutants" / part_name.replace("/", "-")
    for copy in list(workshop.rglob("*.py")):
        original = copy.relative_to(workshop).as_posix().removeprefix("mutants/")
        if not (ROOT / original).exists():
            copy.unlink()
            copy.with_name(f"{copy.name}.meta").unlink(missing_ok=True)
    for name in COPIED:
        shutil.copytree(
            ROOT / name,
            workshop / name,
            ignore=IGNORED,
            copy_function=copy_changed,
            dirs_exist_ok=True,
        )
    part = parts[part_name]
    inner = [f"{other}/*.py" for other in parts if other.startswith(f"{part_name}/")]
    config = CONFIG.format(
        part=part_name, inner=inner, tests=list(part.tests), arguments=part.arguments
    )
    (workshop / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text() + config)
    return workshop


def copy_changed(original: str, copy: str) -> None:
    """Write a file anew where it differs, as of now: mutmut looks for whatever is the newer.

    By the time of the original, what was edited between copying and mutating would pass for tried.
    """
    if not Path(copy).exists() or Path(copy).read_bytes() != Path(original).read_bytes():
        shutil.copyfile(original, copy)


def run(workshop: Path, *arguments: str, live: bool = False) -> str:
    """Run Python in a workshop; return what it printed, unless that is shown as it comes."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=workshop,
        env=os.environ | {"HYPOTHESIS_PROFILE": "mutants"},
        stdout=None if live else subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.stdout or ""


def mutants_of(workshop: Path) -> list[Mutant]:
    """Return every mutant of a part, and the change that each survivor makes."""
    lines = run(workshop, "-m", "mutmut", "results", "--all", "true").splitlines()
    pairs = [line.strip().partition(": ") for line in lines]
    mutants = [Mutant(name=name, status=status) for name, _, status in pairs]
    survivors = [mutant.name for mutant in mutants if mutant.survived]
    changes = changes_in(run(workshop, "-c", SHOW, *survivors))
    return [
        replace(mutant, **changes[mutant.name]) if mutant.name in changes else mutant
        for mutant in mutants
    ]


def counted(
    mutants: Sequence[Mutant], explained: Sequence[Explained]
) -> tuple[Counter[str], list[Mutant]]:
    """Return how many mutants of a part ended in which way, and the survivors left over."""
    counts: Counter[str] = Counter()
    unexplained = []
    for mutant in mutants:
        may_live = mutant.survived and any(each.explains(mutant) for each in explained)
        counts["explained" if may_live else mutant.outcome] += 1
        if mutant.survived and not may_live:
            unexplained.append(mutant)
    return counts, unexplained


def try_part(workshop: Path, explained: Sequence[Explained], *, processes: int) -> None:
    """Try what is new or has changed, and once more what had survived: tests may have come."""
    arguments = (str(TRIAL), str(processes))
    run(workshop, *arguments, live=True)
    if left := counted(mutants_of(workshop), explained)[1]:
        # Which tests come by a function is looked up once for each test: what old tests come by
        # since the code has changed is not known.
        (workshop / "mutants/mutmut-stats.json").unlink()
        run(workshop, *arguments, *(mutant.name for mutant in left), live=True)


def main() -> int:
    """Try the parts that are named, by default all, and print the figures."""
    config = read_mutants(Path(__file__).with_name("mutants.toml").read_bytes())
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("parts", nargs="*", default=sorted(config.parts))
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--figures-only", action="store_true", help="try nothing more")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    rows = {}
    mutants = []
    survivors = []
    for number, name in enumerate(options.parts, start=1):
        workshop = workshop_of(name, config.parts)
        if not options.figures_only:
            sys.stdout.write(f"{name}, {number} of {len(options.parts)}\n")
            sys.stdout.flush()
            try_part(workshop, config.explained, processes=options.processes)
        of_part = mutants_of(workshop)
        rows[name], unexplained = counted(of_part, config.explained)
        mutants += of_part
        survivors += unexplained
    for mutant in survivors:
        sys.stdout.write(f"\n{mutant.name}\n  - {mutant.removed}\n  + {mutant.added}\n")
    is_complete = not any(counts["not run"] for counts in rows.values())
    stale = stale_explanations(mutants, config.explained) if is_complete else []
    for each in stale:
        change = f"  - {each.removed}\n  + {each.added}\n"
        sys.stdout.write(f"\n{each.function}: explained, but does not live\n{change}")
    sys.stdout.write(table(rows))
    return int(bool(survivors or stale) or not is_complete)


if __name__ == "__main__":
    sys.exit(main())
