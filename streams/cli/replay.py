"""`headgate replay`: recorded events through the worker's core, without a broker for files."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Final

import click
import msgspec

from detectors.verdict import Effect, RaiseAlert
from streams.cli import options
from streams.clock import monotonic_seconds
from streams.console.progress import Progress, steps
from streams.ingest.readers import STANDARD_INPUT
from streams.replay.inputs import Rejects
from streams.replay.reading import reading_of
from streams.replay.replay_run import ReplayRun
from streams.report.lines import effect_line, total_lines
from streams.report.page import render
from streams.report.record import Report
from streams.report.totals import Totals, totals_of
from streams.report.truths import load_truths
from streams.response.control_messages import ExportedAudit, exported_audit
from streams.settings.register_file import load_register
from streams.settings.settings import load_settings
from streams.sinks.alerts import finding

# The exit code of a replay that could not see what it was given.
BLIND: Final = 4


@click.command(
    name="replay",
    epilog="Example: headgate replay events.jsonl.gz --report report.html",
)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@options.config
@options.register
@click.option(
    "--audit",
    "audit_path",
    type=options.EXISTING_FILE,
    help="An exported audit: its register and feedback hold from when they were recorded.",
)
@click.option(
    "--ignore-pushed",
    is_flag=True,
    help="Judge under --config throughout, whatever was pushed: to try a change on the past.",
)
@click.option(
    "--alerts",
    "alerts_path",
    type=options.NEW_FILE,
    help="Write alerts here: one OCSF finding a line.",
)
@click.option("--report", "report_path", type=options.NEW_FILE, help="Write an HTML report here.")
@click.option(
    "--dead-letters",
    "dead_letters_path",
    type=options.NEW_FILE,
    help="Write rejected events here (NDJSON).",
)
@click.option(
    "--labels",
    "labels_path",
    type=options.EXISTING_FILE,
    help="What really happened, as simulate --labels wrote it; for the report.",
)
@click.option(
    "--sort", "sorts_files", is_flag=True, help="Sort each file by time before it is judged."
)
@options.as_json
def command(  # noqa: PLR0913 - one parameter an option
    inputs: tuple[str, ...],
    *,
    config_path: Path | None,
    register_path: Path | None,
    audit_path: Path | None,
    ignore_pushed: bool,
    alerts_path: Path | None,
    report_path: Path | None,
    dead_letters_path: Path | None,
    labels_path: Path | None,
    sorts_files: bool,
    as_json: bool,
) -> None:
    """Judge recorded events and print the alerts.

    An INPUT is a file of canonical events, one JSON object a line, plain or gz; or one in the
    format that the config's mapping declares; or `-` for standard input; or `kafka:TOPIC`, from
    the topic's beginning to its present end: that of access events, a raw one, or that of
    holdings, by which rings are judged. Files are merged by the times of their events. Ends with
    4 where nothing, or not even half, could be judged, or nobody is named.
    """
    _refuse_overlaps(inputs, alerts_path, report_path, dead_letters_path)
    settings = load_settings(config_path)
    register = load_register(register_path)
    truths = load_truths(labels_path, cohort_participants=settings.core.cohort.size)
    audit = exported_audit(audit_path) if audit_path else ExportedAudit()
    began = monotonic_seconds()
    with ExitStack() as files:
        rejects = Rejects(_opened(files, dead_letters_path))
        reading = msgspec.structs.replace(
            reading_of(settings),
            audit=audit,
            follows_pushes=not ignore_pushed,
            sorts_files=sorts_files,
        )
        run = ReplayRun(settings.core, register=register, reading=reading, rejects=rejects)
        alerts = _opened(files, alerts_path)
        progress = files.enter_context(steps("replay", total=len(inputs)))
        for effect in _written(run.effects(inputs, progress=progress), alerts):
            if not as_json:
                _say(progress, effect)
    report = run.report(sources=[Path(name).name for name in inputs], truths=truths)
    _write_report(report, report_path)
    _tell(totals_of(report, elapsed_seconds=monotonic_seconds() - began), as_json=as_json)
    if report_path is not None and not as_json:
        click.echo(f"report: {report_path}")
    if run.blindness:
        sys.exit(BLIND)


def _refuse_overlaps(inputs: Sequence[str], *outputs: Path | None) -> None:
    """Raise where an output would overwrite what is read, or something is read twice at once."""
    if inputs.count(STANDARD_INPUT) > 1:
        message = "standard input can be read once only"
        raise click.UsageError(message)
    written = [path.resolve() for path in outputs if path is not None]
    for path in written:
        if path in {Path(name).resolve() for name in inputs} or written.count(path) > 1:
            message = f"{path} is given twice: as an input and an output, or as two outputs"
            raise click.UsageError(message)


def _write_report(report: Report, path: Path | None) -> None:
    if path is not None:
        path.write_text(render(report), encoding="utf-8")


def _opened(files: ExitStack, path: Path | None) -> BinaryIO | None:
    return files.enter_context(path.open("wb")) if path is not None else None


def _written(effects: Iterator[Effect], file: BinaryIO | None) -> Iterator[Effect]:
    for effect in effects:
        if file is not None and isinstance(effect, RaiseAlert):
            file.write(finding(effect.alert) + b"\n")
        yield effect


def _say(progress: Progress, effect: Effect) -> None:
    line = effect_line(effect)
    if line is not None:
        progress.say(line.text, style=line.style)


def _tell(totals: Totals, *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(totals))
        return
    click.echo("")
    for line in total_lines(totals):
        click.echo(line.text)
