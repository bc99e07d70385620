"""After the play: the same topic replayed, compared with what was said live, and the report."""

from pathlib import Path

from detectors.verdict import RaiseAlert
from streams.demo.play import Played, Stage
from streams.demo.screen import Screen
from streams.demo.script import Script
from streams.inputs import TOPIC_PREFIX, Rejects
from streams.progress import Plain
from streams.register import load_register
from streams.replay_run import Reading, ReplayRun
from streams.report.page import render
from streams.report.record import Report, saved
from streams.report.wording import percent, plural, span
from streams.sinks import alerts
from streams.topics import ACCESS_EVENTS


def replayed(stage: Stage, script: Script) -> tuple[Report, dict[str, bytes]]:
    """Return the report of the topic, and the alerts that its replay gives, by their ids."""
    settings = stage.settings
    run = ReplayRun(
        settings.core,
        register=load_register(stage.register_path),
        reading=Reading(
            limits=settings.limits,
            mapping=None,
            bootstrap=settings.kafka.bootstrap,
            raw_topic=None,
        ),
        rejects=Rejects(None),
    )
    topic = ACCESS_EVENTS.full_name(settings.kafka.topic_prefix)
    prefix = settings.kafka.topic_prefix
    found: dict[str, bytes] = {}
    effects = run.effects([f"{TOPIC_PREFIX}{topic}"], progress=Plain("replay", total=1))
    for effect in effects:
        if isinstance(effect, RaiseAlert):
            value = alerts.record(effect, topic_prefix=prefix).value
            found[alerts.statement_id(effect.alert)] = value or b""
    report = run.report(
        sources=[f"{TOPIC_PREFIX}{topic}"],
        truths=script.truths(),
        notes=(
            f"A simulated world of seed {script.world.config.seed}, with "
            + plural(len(script.world.labels.thefts), "theft")
            + " planted among honest institutions.",
        ),
    )
    return report, found


def tell(
    report: Report, found: dict[str, bytes], played: Played, script: Script, *, screen: Screen
) -> None:
    """Say what was shown: each theft, the honest who were flagged, and live against replay."""
    truths = script.truths()
    flagged = {each.institution: each for each in report.flagged}
    screen.say("")
    for institution, truth in truths.items():
        if institution not in flagged:
            screen.say(f"MISSED   {truth.scenario} by {institution}", style="bold red")
            continue
        told = [
            alert.at_ms for alert in flagged[institution].alerts if alert.at_ms >= truth.started_ms
        ]
        kept = saved(flagged[institution])
        if not told or kept is None:
            screen.say(f"MISSED   {truth.scenario} by {institution}", style="bold red")
            continue
        screen.say(
            f"caught   {truth.scenario} by {institution}, {span(told[0] - truth.started_ms)} after "
            f"it began; {percent(kept.ratio)} of its haul was not yet taken",
            style="bold green",
        )
    honest = sorted(set(flagged) - set(truths))
    screen.say(
        f"honest   {plural(len(honest), 'institution')} of "
        f"{report.institutions_count - len(truths)} flagged at some time in "
        f"{span(report.last_ms - report.first_ms)}: {', '.join(honest) or 'none'}"
    )
    same = found == played.alerts
    verdict = "the same bytes" if same else "NOT the same bytes"
    screen.say(
        f"replay   of the topic gives {plural(len(found), 'alert statement')}, the worker gave "
        f"{len(played.alerts):,}: {verdict}",
        style="" if same else "bold red",
    )


def write_report(report: Report, path: Path) -> None:
    """Write the page."""
    path.write_text(render(report))
