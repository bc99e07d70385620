"""`python -m tests.cases DIR`: small worlds that once were judged wrongly, and what is seen now.

DIR holds `world.py`, which writes one file of events a case into the folder it is given. Each case
is replayed as a user would, and compared with what is right. The last line counts the cases and
those that differ; the exit code is 1 if any does.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from msgspec import Struct

from tests.cases.expected import Case, cases_of


class Seen(Struct, frozen=True, kw_only=True):
    """What a replay of one case came to."""

    exit_code: int
    flagged: frozenset[str]
    notes: tuple[str, ...]
    sentences: tuple[str, ...]
    closed: frozenset[str]


def replayed(files: Iterable[Path], folder: Path) -> Seen:
    """Return what `headgate replay` makes of files of events."""
    alerts = folder / "alerts.ndjson"
    command = "from streams.cli import main; main()"
    run = subprocess.run(
        [sys.executable, "-c", command, "replay", *map(str, files), "--alerts", alerts, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    totals = json.loads(run.stdout or "{}")
    findings = [json.loads(line) for line in alerts.read_text().splitlines()]
    return Seen(
        exit_code=run.returncode,
        flagged=frozenset(each["institution"] for each in totals.get("flagged", ())),
        notes=tuple(totals.get("notes", ())),
        sentences=tuple(finding["message"] for finding in findings),
        closed=frozenset(
            finding["resources"][0]["name"]
            for finding in findings
            if finding["activity_name"] == "Close"
        ),
    )


def difference(case: Case, seen: Seen) -> str:
    """Return what is not as it should be; nothing where all is."""
    if seen.flagged != case.flagged:
        return f"flagged {', '.join(sorted(seen.flagged)) or 'nobody'}"
    if missing := case.closed - seen.closed:
        return f"no alert of {', '.join(sorted(missing))} was closed"
    if case.never_said and any(case.never_said in sentence for sentence in seen.sentences):
        return f"said {case.never_said!r}"
    if case.noted and not any(case.noted in note for note in seen.notes):
        return f"does not say {case.noted!r}"
    return "" if seen.exit_code == case.exit_code else f"ended with {seen.exit_code}"


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
