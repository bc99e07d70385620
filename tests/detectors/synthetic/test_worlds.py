"""Worlds are seeded, ordered, shaped like real logs, and honest about what they hold."""

from itertools import pairwise

import msgspec
import numpy as np
import pytest

from detectors.event import AccessEvent, time_ms
from detectors.instants import DAY_MS
from detectors.synthetic import TWINS, HardNegative, WorldConfig, build_world, twin_config
from detectors.synthetic.config import START_MS, cold, counts, few, hard, hashed, plain
from detectors.synthetic.world import World

SMALL = WorldConfig(seed=7, institutions=12, days=40, warmup_days=20, cohort_participants=20_000)


@pytest.fixture(scope="module")
def world() -> World:
    """Return one small world."""
    return build_world(SMALL)


@pytest.fixture(scope="module")
def large() -> World:
    """Return one world of the protocol's size."""
    return build_world(plain(7))


def test_the_same_config_gives_the_same_bytes(world: World) -> None:
    """Two worlds of one config are equal event for event."""
    again = build_world(SMALL)
    assert msgspec.json.encode(list(again.events())) == msgspec.json.encode(list(world.events()))


def test_another_seed_gives_another_world(world: World) -> None:
    """The seed matters."""
    other = build_world(msgspec.structs.replace(SMALL, seed=8))
    assert list(other.events()) != list(world.events())


def test_every_event_survives_the_wire(world: World) -> None:
    """Events pass through canonical JSON unchanged, so a simulated stream is a valid one."""
    decoder = msgspec.json.Decoder(AccessEvent)
    for event in world.events():
        assert decoder.decode(msgspec.json.encode(event)) == event


def test_events_come_in_order_of_arrival_and_only_late_ones_go_back_in_time(world: World) -> None:
    """Nearly all event times ascend; the rest is late or from a wrong clock."""
    moments = [time_ms(event) for event in world.events()]
    backwards = sum(later < earlier for earlier, later in pairwise(moments))
    assert backwards < 0.05 * len(moments)
    assert all(np.diff(world.table["arrival_ms"]) >= 0)


def test_nobody_speaks_outside_the_world(world: World) -> None:
    """All arrivals lie between the first and the last day."""
    arrivals = world.table["arrival_ms"]
    assert arrivals.min() >= START_MS - DAY_MS
    assert arrivals.max() < START_MS + SMALL.days * DAY_MS


def test_some_institutions_can_be_read_alone(world: World) -> None:
    """A subset gives exactly the events that the whole gives for them."""
    names = {"inst-001", "inst-004"}
    mine = [event for event in world.events() if event.institution in names]
    assert list(world.events(names)) == mine


def test_activity_has_the_tails_of_real_logs(large: World) -> None:
    """Events a day are heavy-tailed: a median near ten, a 99 % quantile in the hundreds."""
    per_day = np.bincount(large.table["institution"], minlength=100) / large.config.days
    assert 4 < np.median(per_day) < 20
    assert np.quantile(per_day, 0.99) > 100


def test_analysts_sleep_and_have_weekends(large: World) -> None:
    """An analysts' institution does much less at weekends than on working days."""
    steady = [plan.index for plan in large.plans if plan.kind == "steady"]
    at_ms = large.table["time_ms"][np.isin(large.table["institution"], steady)]
    weekday = ((at_ms - START_MS) // DAY_MS) % 7
    share = np.mean(weekday >= 5)
    assert 0.05 < share < 0.22


def test_working_cohorts_are_what_the_register_of_statistics_says(large: World) -> None:
    """The median institution works on a few per cent of the cohort."""
    sizes = [sum(project.initial_participants for project in plan.projects) for plan in large.plans]
    assert 8_000 < np.median(sizes) < 60_000


def test_every_project_in_the_events_is_in_the_register(world: World) -> None:
    """Honest work is approved work: project and dataset are on record at the time."""
    entries = {entry.id: entry for entry in world.register.institutions}
    for event in world.events():
        projects = {project.id: project for project in entries[event.institution].projects}
        assert event.project in projects
        assert event.dataset in projects[event.project].datasets


def test_approved_exports_are_exemptions_and_unrecorded_ones_are_not(large: World) -> None:
    """The register knows the approved exports only."""
    exports = [export for each in large.exports.values() for export in each]
    recorded = sum(len(entry.exemptions) for entry in large.register.institutions)
    assert recorded == sum(export.approved for export in exports)
    assert recorded > 0


@pytest.mark.parametrize("kind", ["project_start", "approved_export", "deadline_rush"])
def test_honest_twins_are_labelled(large: World, kind: str) -> None:
    """A benchmark can say what an institution was doing when it was suspected."""
    span = next(span for span in large.labels.spans if span.kind == kind)
    assert kind in large.labels.kinds_at(span.institution, span.started_ms)


@pytest.mark.parametrize("make", [hard, cold, counts, few, hashed])
def test_hard_worlds_are_worlds_too(make: object) -> None:
    """Every kind of world can be drawn, and its events decode."""
    assert callable(make)
    config = msgspec.structs.replace(make(3), institutions=12, days=30, warmup_days=10)
    events = list(build_world(config).events())
    assert len(events) > 100
    assert msgspec.json.decode(msgspec.json.encode(events), type=list[AccessEvent]) == events


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.id)
def test_every_honest_twin_is_a_world(twin: HardNegative) -> None:
    """Each honest behaviour has a permanent id and a world of its own, without thefts."""
    drawn = build_world(twin_config(twin.id, SMALL))
    assert drawn.labels.thefts == ()
    assert sum(1 for _ in drawn.events()) > 100


def test_producers_that_send_counts_name_nobody() -> None:
    """In the world of counts some institutions say how many only, and some not even that."""
    config = msgspec.structs.replace(counts(3), institutions=30, days=20, warmup_days=5)
    participants = [event.participants for event in build_world(config).events()]
    assert any(each is None for each in participants)
    assert any(each is not None and each.count is not None for each in participants)


def test_hashed_ids_fit_the_wire_and_are_distinct() -> None:
    """Hashed participants are 63-bit integers."""
    config = msgspec.structs.replace(hashed(3), institutions=4, days=14, warmup_days=5)
    ids = {
        each
        for event in build_world(config).events()
        if event.participants is not None and event.participants.ids is not None
        for each in event.participants.ids
    }
    assert max(ids) > 2**40
    assert max(ids) < 2**63
