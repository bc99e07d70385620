"""A replay of the alerts that a running recorder had, with the decisions on its audit."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from detectors.feedback import Label
from detectors.response.config import Modes
from detectors.response.entries import Acted, Approved, Declined, Labelled
from detectors.verdict import Alert
from streams.kafka.cluster import unprotected
from streams.kafka.log_reader import last_by_key
from streams.replay.response import Outcomes, outcomes_of
from streams.response.control_messages import exported_audit
from streams.response.outputs import named
from streams.response.people import People
from tests.streams.response.recorder_world import ALERT, DAY_MS, NOW_MS, World, run

HOUR_MS = 3_600_000
# Asked for, going on, grown beyond one user's throttle, and too small to matter.
STORY = (
    replace(ALERT, taken_participants=20),
    replace(ALERT, alert_id="b-1", institution="south", confidence=0.9451, at_ms=NOW_MS + HOUR_MS),
    replace(ALERT, change="update", revision=2, at_ms=NOW_MS + 2 * HOUR_MS, taken_participants=190),
    replace(ALERT, alert_id="c-1", institution="west", confidence=0.6, at_ms=NOW_MS + 3 * HOUR_MS),
)


async def stated(world: World, alert: Alert) -> None:
    """State an alert at its own time, and wait until the recorder has it."""
    world.now_ms = alert.at_ms
    values = {name: getattr(alert, name) for name in Alert.__struct_fields__}
    await world.alert(**values)

    def is_known() -> bool:
        incident = world.state.incident(alert.alert_id)
        return incident is not None and incident.at_ms == alert.at_ms

    await world.until(is_known)


async def on_record(world: World) -> Outcomes:
    """Return what the audit says followed, with users in place of their tokens."""
    people = await last_by_key(f"{world.prefix}.audit-people", cluster=unprotected(world.bootstrap))
    bodies = [entry.body for entry in await world.entries()]
    known = People(people)
    return Outcomes(
        measures=tuple(named(body.suspension, known) for body in bodies if isinstance(body, Acted)),
        withheld=tuple(body.withheld for body in bodies if isinstance(body, Declined)),
    )


@pytest.mark.kafka
def test_what_a_recorder_did_comes_out_again_from_its_alerts_and_decisions(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Measures, approvals, releases, expiries and every reason: the same, to the last field."""
    modes = Modes(throttle="approve", suspend="approve")
    world = World(kafka, topic_prefix, modes=modes, blast_radius_institutions=2)
    path = tmp_path / "audit.jsonl"

    async def scenario() -> None:
        async with world.recording():
            await world.until(lambda: world.turns_count > 0)
            await stated(world, STORY[0])
            (asked,) = world.state.open.values()
            world.now_ms += HOUR_MS // 2
            await world.decide(Approved(suspension_id=asked.suspension_id))
            await world.until(lambda: _states(world) == ["active"])
            for alert in STORY[1:]:
                await stated(world, alert)
            world.now_ms += HOUR_MS
            await world.decide(Labelled(alert_id="b-1", label=Label.EXPECTED))
            await world.until(lambda: len(world.state.open) == 1)
            world.now_ms += 2 * DAY_MS
            await world.until(lambda: not world.state.open)
        path.write_bytes(b"\n".join(await world.lines()))
        recorded = await on_record(world)
        replayed = outcomes_of(
            STORY,
            configured=world.configured,
            decisions=exported_audit(path).decisions,
            until_ms=world.now_ms,
        )
        assert _untimed(replayed) == _untimed(recorded)
        assert {each.reason for each in recorded.withheld} == {"below_threshold"}
        assert [each.state for each in recorded.measures].count("released") == 2

    run(scenario)


def _states(world: World) -> Sequence[str]:
    return [suspension.state for suspension in world.state.open.values()]


def _untimed(outcomes: Outcomes) -> Outcomes:
    """Leave out when a measure expired: the recorder looks at its clock when it looks."""
    measures = tuple(
        replace(measure, at_ms=0) if measure.why == "expired" else measure
        for measure in outcomes.measures
    )
    return replace(outcomes, measures=measures)
