"""After the play: the same topic replayed, compared with what was said live, and the report."""

from pathlib import Path

import msgspec

from detectors.policy.explain import percent
from detectors.verdict import RaiseAlert
from streams.console.progress import NullProgress
from streams.console.wording import plural, span
from streams.demo.play import Played, Stage
from streams.demo.screen import Screen
from streams.demo.script import Script
from streams.kafka.topics import ACCESS_EVENTS
from streams.replay.inputs import TOPIC_PREFIX, Rejects
from streams.replay.reading import reading_of
from streams.replay.replay_run import ReplayRun
from streams.report.lines import begun_text
from streams.report.page import render
from streams.report.record import Flagged, Report, lead_alert, saved
from streams.settings.register_file import load_register
from streams.sinks import alerts


def replayed(stage: Stage, script: Script) -> tuple[Report, dict[str, bytes]]:
    """Return the report of the topic, and the alerts that its replay gives, by their ids."""
    settings = stage.settings
    run = ReplayRun(
        settings.core,
        register=load_register(stage.register_path),
        reading=reading_of(settings),
        rejects=Rejects(None),
    )
    topic = ACCESS_EVENTS.full_name(settings.file.kafka.topic_prefix)
    prefix = settings.file.kafka.topic_prefix
    replayed: dict[str, bytes] = {}
    effects = run.effects([f"{TOPIC_PREFIX}{topic}"], progress=NullProgress())
    for effect in effects:
        if isinstance(effect, RaiseAlert):
            value = alerts.record(effect, topic_prefix=prefix).value
            replayed[alerts.statement_id(effect.alert)] = value or b""
    report = run.report(
        sources=[f"{TOPIC_PREFIX}{topic}"],
        truths=script.truths(),
        notes=(
            f"A simulated world of seed {script.world.config.seed}, with "
            + plural(len(script.world.labels.thefts), "theft")
            + " planted among honest institutions.",
        ),
    )
    return _with_kinds(report, script), replayed


def _with_kinds(report: Report, script: Script) -> Report:
    """Return the report in which the honest are said to be honest, and what they were doing."""
    flagged = tuple(
        each
        if each.truth
        else msgspec.structs.replace(
            each, really=script.true_kind(each.institution, lead_alert(each).at_ms)
        )
        for each in report.flagged
    )
    return msgspec.structs.replace(report, flagged=flagged)


def tell(
    report: Report, replayed: dict[str, bytes], played: Played, script: Script, *, screen: Screen
) -> None:
    """Say what was shown: each theft, the honest who were alerted, and live against replay."""
    flagged = {each.institution: each for each in report.flagged}
    screen.say("")
    for institution in script.truths():
        _tell_theft(flagged.get(institution), script, institution, screen=screen)
    _tell_honest(report, script, screen=screen)
    same = replayed == played.alerts
    verdict = "the same bytes" if same else "NOT the same bytes"
    screen.say(
        f"replay   of the topic gives {plural(len(replayed), 'alert statement')}, the worker gave "
        f"{len(played.alerts):,}: {verdict}",
        style="" if same else "bold red",
    )
    screen.say(f"ladder   {begun_text(report.measures)}: the report says when, and of whom")


def _tell_theft(
    flagged: Flagged | None, script: Script, institution: str, *, screen: Screen
) -> None:
    truth = script.truths()[institution]
    alert_times_ms = (
        [alert.at_ms for alert in flagged.alerts if alert.at_ms >= truth.started_ms]
        if flagged
        else []
    )
    saved_share = saved(flagged) if flagged else None
    if not alert_times_ms or saved_share is None:
        screen.say(f"MISSED   {truth.scenario} by {institution}", style="bold red")
        return
    after = span(alert_times_ms[0] - truth.started_ms)
    screen.say(
        f"caught   {truth.scenario} by {institution}, {after} after it began; "
        f"{percent(saved_share.ratio)} of its haul was not yet taken",
        style="bold green",
    )


def _tell_honest(report: Report, script: Script, *, screen: Screen) -> None:
    """Say who was alerted without being a thief, and what they were doing."""
    thieves = script.truths()
    live: dict[str, str] = {}
    before: set[str] = set()
    for flagged in report.flagged:
        for alert in flagged.alerts:
            if flagged.institution in thieves or alert.change == "close":
                continue
            if alert.at_ms < script.live_from_ms:
                before.add(flagged.institution)
            else:
                kind = script.true_kind(flagged.institution, alert.at_ms)
                live.setdefault(flagged.institution, kind)
    named = ", ".join(f"{institution} ({kind})" for institution, kind in live.items())
    screen.say(
        f"honest   {len(live)} of {report.institutions_count - len(thieves)} were alerted in these "
        f"days{': ' if named else ''}{named}; {len(before)} in the history, most before anything "
        "was learnt of them"
    )


def write_report(report: Report, path: Path) -> None:
    """Write the page, and the directory for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(report))
