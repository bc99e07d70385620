"""`headgate doctor`: what may be wrong, and what to do about each."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from streams.cli import options
from streams.doctor.broker import Expected, broker_findings
from streams.doctor.finding import Finding
from streams.doctor.machine import config_finding, machine_findings
from streams.worker.dependencies import group_name

MARKS = {"ok": ("ok", "green"), "warn": ("warn", "yellow"), "fail": ("FAIL", "red")}


@click.command(name="doctor", epilog="Example: headgate doctor --config headgate.toml")
@options.config
@options.as_json
def command(*, config_path: Path | None, as_json: bool) -> None:
    """Check Python, packages, configuration, broker, topics, lag, clock and disk.

    Ends with 1 if anything failed; a warning alone ends with 0.
    """
    findings = []
    for finding in _findings(config_path):
        findings.append(finding)
        if not as_json:
            _say(finding)
    if as_json:
        click.echo(msgspec.json.encode(findings))
    sys.exit(any(finding.level == "fail" for finding in findings))


def _findings(config_path: Path | None) -> Iterator[Finding]:
    finding, settings = config_finding(config_path)
    yield finding
    yield from machine_findings(settings)
    if settings is not None:
        expected = Expected(
            kafka=settings.file.kafka,
            cluster=settings.cluster,
            adapters=settings.adapters,
            group=group_name(settings.file.kafka.topic_prefix),
        )
        yield from broker_findings(expected)


def _say(finding: Finding) -> None:
    mark, colour = MARKS[finding.level]
    click.echo(f"{click.style(f'{mark:>4}', fg=colour)}  {finding.check}: {finding.sentence}")
    if finding.advice:
        click.echo(f"      {finding.advice}")
