"""`python -m tests.cases DIR`: small worlds that once were judged wrongly, and what is seen now.

DIR holds `world.py`, which writes one file of events a case into the folder it is given. Each case
is replayed as a user would, and compared with what is right. The last line counts the cases and
those that differ; the exit code is 1 if any does.
"""

import ast
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import click
from msgspec import Struct

from tests.cases.expected import Case, cases_of, own_case
from tests.cases.own_worlds import CONFIG, Files, Worlds


class Seen(Struct, frozen=True, kw_only=True):
    """What a replay of one case came to."""

    exit_code: int
    flagged: frozenset[str] = frozenset()
    events_count: int = 0
    notes: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()
    severities: frozenset[str] = frozenset()
    samples: tuple[str, ...] = ()
    closed: frozenset[str] = frozenset()


def replayed(files: Iterable[Path], folder: Path, config: Path | None = None) -> Seen:
    """Return what `headgate replay` makes of files of events."""
    alerts = folder / "alerts.ndjson"
    alerts.unlink(missing_ok=True)
    command = "from streams.cli import main; main()"
    options = [] if config is None else ["--config", str(config)]
    run = subprocess.run(
        [
            *(sys.executable, "-c", command, "replay", *map(str, files)),
            *("--alerts", str(alerts), "--json", *options),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if not run.stdout:
        return Seen(exit_code=run.returncode, notes=tuple(run.stderr.splitlines()[-1:]))
    totals = json.loads(run.stdout)
    findings = [json.loads(line) for line in alerts.read_text().splitlines()]
    reasoned = [finding for finding in findings if finding["activity_name"] != "Close"]
    return Seen(
        exit_code=run.returncode,
        flagged=frozenset(each["institution"] for each in totals["flagged"]),
        events_count=totals["events_count"],
        notes=tuple(totals["notes"]),
        sentences=tuple(finding["message"] for finding in reasoned),
        severities=frozenset(finding["severity"] for finding in reasoned),
        samples=tuple(
            event["uid"]
            for finding in reasoned
            for event in finding["finding_info"]["related_events"]
        ),
        closed=frozenset(
            finding["resources"][0]["name"]
            for finding in findings
            if finding["activity_name"] == "Close"
        ),
    )


def difference(case: Case, seen: Seen) -> str:
    """Return what is not as it should be; nothing where all is."""
    if case.flagged is not None and seen.flagged != case.flagged:
        return f"flagged {', '.join(sorted(seen.flagged)) or 'nobody'}"
    if missing := case.closed - seen.closed:
        return f"no alert of {', '.join(sorted(missing))} was closed"
    if seen.events_count < case.judged_min:
        return f"judged {seen.events_count:,}"
    if seen.exit_code != case.exit_code:
        return f"ended with {seen.exit_code}"
    return _difference_in_words(case, seen)


def _difference_in_words(case: Case, seen: Seen) -> str:
    """Return what alerts and notes should not have said, or should have."""
    sentences, notes = seen.sentences, seen.notes
    problems = {
        f"said {case.never_said!r}": bool(case.never_said)
        and any(case.never_said in sentence for sentence in sentences),
        f"does not say {case.says!r}": bool(case.says)
        and not any(case.says in sentence for sentence in sentences),
        f"does not always say {case.always_said!r}": not all(
            case.always_said in sentence for sentence in sentences
        ),
        f"does not note {case.noted!r}": bool(case.noted)
        and not any(case.noted in note for note in notes),
        f"notes {case.never_noted!r}": bool(case.never_noted)
        and any(case.never_noted in note for note in notes),
        f"is {', '.join(sorted(seen.severities))}": bool(case.severities)
        and not seen.severities <= case.severities,
        "names other events": not all(event.startswith(case.samples) for event in seen.samples),
    }
    return next((problem for problem, holds in problems.items() if holds), "")


def rows(directory: Path) -> Iterator[tuple[Case, str]]:
    """Yield each case with its difference."""
    with tempfile.TemporaryDirectory(prefix="headgate-cases-") as name:
        folder = Path(name)
        worlds = folder / "worlds"
        subprocess.run(
            [sys.executable, directory / "world.py", worlds], check=True, capture_output=True
        )
        for case in cases_of(path.stem for path in worlds.glob("*.ndjson")):
            files = [worlds / f"{part}.ndjson" for part in case.parts]
            yield case, difference(case, replayed(files, folder))
        for own, contents in own_files(directory / "world.py"):
            place = folder / own
            place.mkdir()
            for file, raw in contents.items():
                (place / file).write_bytes(raw)
            logs = [place / file for file in contents if file != CONFIG]
            config = place / CONFIG if CONFIG in contents else None
            case = own_case(own)
            yield case, difference(case, replayed(logs, folder, config))


def own_files(world: Path) -> Iterator[tuple[str, Files]]:
    """Yield the cases of our own, where `world.py` has the honest world and the thief for them."""
    statements = ast.parse(world.read_text()).body
    defined = {each.name for each in statements if isinstance(each, ast.FunctionDef)}
    if defined >= {"honest", "theft", "event"}:
        yield from Worlds(module_at(world)).files()


def module_at(path: Path) -> ModuleType:
    """Return the module of a file that lies outside of the project."""
    loader = SourceFileLoader("world_of_cases", str(path))
    module = ModuleType(loader.name)
    arguments, sys.argv = sys.argv, [str(path), str(path.parent / "nowhere")]
    try:
        loader.exec_module(module)
    finally:
        sys.argv = arguments
    return module


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
def main(directory: Path) -> None:
    """Print a table of the cases in DIRECTORY: what is right, and what is seen."""
    if not (directory / "world.py").exists():
        click.echo(f"skipped: there is no {directory / 'world.py'}")
        return
    click.echo(f"{'case':<28}  {'expected':<52}  seen")
    cases_count = differences_count = 0
    for case, differs in rows(directory):
        cases_count += 1
        differences_count += bool(differs)
        click.echo(f"{case.name:<28}  {case.stated:<52}  {differs or 'as it should be'}")
    click.echo(f"cases {cases_count}, differences {differences_count}")
    sys.exit(bool(differences_count))


if __name__ == "__main__":
    main()
