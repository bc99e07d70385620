from datetime import UTC, datetime

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from detectors.calibration.tail import Tail
from detectors.config import CoreConfig, DetectorsConfig
from detectors.event import AccessEvent, FieldCount, Participants, time_ms
from detectors.models.canary import CanaryConfig
from detectors.models.quota import QuotaConfig
from detectors.peers.reference import INCIDENT_CHANNEL, Reference, prior_reference
from detectors.pipeline import judge
from detectors.profile import Profile, apply_reference, open_profile
from detectors.register import Exemption, Institution, Project
from detectors.snapshot import dump, load, part_names
from detectors.verdict import DailySummary, Effect, RaiseAlert
from tests.builders import effects_of, taking

# Every rule has something to say, so that every kind of state is in play.
CONFIG = CoreConfig(
    detectors=DetectorsConfig(
        quota=QuotaConfig(new_participants_day_max=60_000),
        canary=CanaryConfig(participants=(7, 77_777)),
    )
)
ENTRY = Institution(
    id="north",
    projects=(Project(id="ada", datasets=("imaging",), participants_max=30_000),),
    exemptions=(
        Exemption(
            id="export",
            valid_from=datetime(2026, 1, 1, tzinfo=UTC),
            valid_to=datetime(2026, 1, 9, tzinfo=UTC),
            participants_max=40_000,
            dataset="genomes",
        ),
    ),
)
COHORT_SIZE = CONFIG.cohort.size
MINUTE_MS = 60_000
DAY_MS = 86_400_000
START_MS = 1_767_225_600_000

# From one person to a fifth of the cohort: some histories are quiet, some are thefts.
RANGE = st.tuples(
    st.integers(0, COHORT_SIZE - 100_000),
    st.one_of(st.integers(1, 50), st.integers(500, 5_000), st.integers(20_000, 100_000)),
).map(lambda pair: (pair[0], pair[0] + pair[1] - 1))
PARTICIPANTS = st.one_of(
    st.none(),
    st.builds(Participants, ranges=st.lists(RANGE, min_size=1, max_size=2)),
    st.builds(Participants, ranges=st.lists(RANGE, min_size=1, max_size=2)),
    st.builds(Participants, ids=st.lists(st.integers(0, COHORT_SIZE - 1), max_size=10)),
    st.builds(Participants, count=st.integers(0, 30_000)),
    RANGE.map(lambda pair: Participants(bitmap=BitMap(range(pair[0], pair[1] + 1)).serialize())),
)
# Mostly onwards by minutes, sometimes late by up to two days, sometimes over days of silence.
STEPS_MS = st.one_of(
    st.integers(0, 90 * MINUTE_MS),
    st.integers(0, 90 * MINUTE_MS),
    st.integers(-2 * DAY_MS, 0),
    st.sampled_from([DAY_MS // 2, DAY_MS, 2 * DAY_MS, 5 * DAY_MS, 40 * DAY_MS]),
)
# Long ones often enough, for incidents take days to close.
STEPS = st.one_of(st.lists(STEPS_MS, max_size=5), st.lists(STEPS_MS, min_size=10, max_size=25))
NAMES = st.sampled_from([None, "ada", "ben", "cyd"])


@st.composite
def histories(draw: st.DrawFn, *, institution: str = "north") -> list[AccessEvent]:
    """Return what one institution did, in the order in which it is heard of."""
    at_ms = START_MS
    events = []
    for number, step_ms in enumerate(draw(STEPS)):
        at_ms = max(START_MS, at_ms + step_ms)
        events.append(
            AccessEvent(
                id=f"e-{number}",
                time=at_ms,
                institution=institution,
                user=draw(NAMES),
                project=draw(NAMES),
                dataset=draw(st.sampled_from(["imaging", "genomes"])),
                bytes=draw(st.sampled_from([0, 10**3, 10**7, 10**10])),
                rows=draw(st.integers(0, 5_000)),
                participants=draw(PARTICIPANTS),
                fields=draw(st.sampled_from([None, ["age"], FieldCount(count=40)])),
                outcome=draw(st.sampled_from(["success", "success", "success", "denied", "error"])),
            )
        )
    return events


def north() -> Profile:
    """Return the profile of an institution never seen before."""
    return open_profile("north", config=CONFIG, entry=ENTRY)


def counted_datasets(profile: Profile) -> set[str]:
    """Return the datasets of which a mere count was taken."""
    holdings = profile.ledger.state.holdings.items()
    return {name for name, holding in holdings if holding.counted_participants}


class Shelf:
    """What a worker keeps of one institution: the main bytes and the parts it has written."""

    def __init__(self) -> None:
        """Begin with no part written."""
        self.parts: dict[str, bytes] = {}

    def restarted(self, profile: Profile) -> Profile:
        """Save the profile, forget it, and return the one that is read back."""
        snapshot = dump(profile, known=frozenset(self.parts))
        assert not snapshot.parts.keys() & self.parts.keys()
        self.parts |= snapshot.parts
        needed = {name: self.parts[name] for name in part_names(profile)}
        return load(
            snapshot.main, parts=needed, config=CONFIG, entry=ENTRY, reference=profile.reference
        )


@given(events=histories(), data=st.data())
def test_restarts_at_any_place_change_nothing(
    events: list[AccessEvent], data: st.DataObject
) -> None:
    """The same events give the same effects, chain and bytes, wherever the judge is restarted."""
    places = data.draw(st.sets(st.integers(0, len(events))))
    lasting, restarting, shelf = north(), north(), Shelf()
    for place, event in enumerate(events):
        if place in places:
            restarting = shelf.restarted(restarting)
        assert judge(restarting, event) == judge(lasting, event)
    assert restarting.state.chain == lasting.state.chain
    assert dump(restarting) == dump(lasting)


@given(events=histories(), data=st.data())
def test_a_part_once_written_is_never_written_otherwise(
    events: list[AccessEvent], data: st.DataObject
) -> None:
    """A part's bytes are a function of its name, whenever it is saved."""
    profile = north()
    written: dict[str, bytes] = {}
    for event in events:
        judge(profile, event)
        if data.draw(st.booleans()):
            for name, raw in dump(profile).parts.items():
                assert written.setdefault(name, raw) == raw


@given(events=histories(), data=st.data())
def test_duplicates_have_no_effect(events: list[AccessEvent], data: st.DataObject) -> None:
    """A producer that repeats itself, at whatever time, is judged as if it had not."""
    once, repeating = north(), north()
    effects: list[Effect] = []
    for place, event in enumerate(events):
        effects += judge(repeating, event)
        repeated = events[data.draw(st.integers(0, place))]
        later_ms = time_ms(repeated) + data.draw(st.integers(0, 3 * DAY_MS))
        effects += judge(repeating, msgspec.structs.replace(repeated, time=later_ms))
    assert effects == effects_of(once, events)
    assert repeating.state.repeats_count == len(events)
    repeating.state.repeats_count = 0
    assert dump(repeating) == dump(once)


@given(events=histories(), others=histories(institution="south"), data=st.data())
def test_what_others_do_has_no_effect(
    events: list[AccessEvent], others: list[AccessEvent], data: st.DataObject
) -> None:
    """Judges share nothing but config and reference: any interleaving gives the same effects."""
    reference = prior_reference(CONFIG.reference)
    alone = open_profile("north", config=CONFIG, reference=reference)
    both = {
        name: open_profile(name, config=CONFIG, reference=reference) for name in ("north", "south")
    }
    waiting = {"north": list(events), "south": list(others)}
    effects: list[Effect] = []
    for name in data.draw(st.permutations(["north"] * len(events) + ["south"] * len(others))):
        happened = judge(both[name], waiting[name].pop(0))
        effects += happened if name == "north" else ()
    assert effects == effects_of(alone, events)
    assert dump(both["north"]) == dump(alone)


@given(events=histories(), data=st.data())
def test_whom_an_institution_holds_does_not_depend_on_order(
    events: list[AccessEvent], data: st.DataObject
) -> None:
    """Late or early, the same events leave the same people held."""
    results = []
    for order in (events, data.draw(st.permutations(events))):
        profile = north()
        effects_of(profile, order)
        holdings = profile.ledger.state.holdings.items()
        results.append(
            {
                name: (holding.base | holding.recent, holding.counted_participants)
                for name, holding in holdings
            }
        )
    assert results[1] == results[0]


@given(events=histories(), place=st.integers(0, 20), usual=st.integers(1, 50_000))
def test_an_adopted_reference_holds_from_there_on(
    events: list[AccessEvent], place: int, usual: int
) -> None:
    """A reference changes nothing behind it, and a restart under it goes on the same."""
    reference = Reference(
        version="day-1",
        day=1,
        usual={"": (float(usual),) * 4},
        tails={"": {INCIDENT_CHANNEL: Tail(knots=((0.0, 0.5),), slope=0.8)}},
    )
    prior, lasting, restarting = north(), north(), north()
    assert effects_of(lasting, events[:place]) == effects_of(prior, events[:place])
    effects_of(restarting, events[:place])
    apply_reference(lasting, reference)
    apply_reference(restarting, reference)
    restarting = Shelf().restarted(restarting)
    effects = effects_of(lasting, events[place:])
    assert effects_of(restarting, events[place:]) == effects
    versions = {
        effect.alert.reference_version for effect in effects if isinstance(effect, RaiseAlert)
    }
    assert versions <= {"day-1"}


@settings(max_examples=200)
@given(events=histories())
def test_an_incident_is_told_in_order_and_explains_itself(events: list[AccessEvent]) -> None:
    """Create, updates, close under one id; shares sum to 1."""
    latest: dict[str, tuple[str, int]] = {}
    effects = effects_of(north(), events)
    for effect in effects:
        if not isinstance(effect, RaiseAlert):
            continue
        alert = effect.alert
        before, revision = latest.get(alert.alert_id, ("", 0))
        assert before != "close"
        assert alert.revision == revision + 1
        assert (alert.change == "create") is (not before)
        assert "north" in alert.sentence
        assert alert.started_ms <= alert.at_ms
        assert 0.0 < alert.p_value <= 1.0
        if alert.change != "close":
            assert abs(sum(detail.share for detail in alert.reasons) - 1.0) < 1e-9
        latest[alert.alert_id] = (alert.change, alert.revision)
    moments = [effect.alert.at_ms for effect in effects if isinstance(effect, RaiseAlert)]
    assert moments == sorted(moments)


@given(events=histories())
def test_coverage_says_what_is_held_and_how_surely(events: list[AccessEvent]) -> None:
    """Coverage grows within an incident, and is called a bound as soon as one count is in it."""
    profile = north()
    for event in events:
        before = counted_datasets(profile)
        for effect in judge(profile, event):
            if not isinstance(effect, RaiseAlert):
                continue
            # An incident is closed by the passing of time, before the event itself is booked.
            closed = effect.alert.change == "close"
            counted = before if closed else counted_datasets(profile)
            for coverage in effect.alert.coverage:
                assert coverage.kind == ("upper_bound" if coverage.dataset in counted else "exact")
                assert 0.0 <= coverage.before_ratio <= coverage.after_ratio <= 1.0
                assert coverage.after_ratio == coverage.held_participants / COHORT_SIZE


@given(events=histories())
def test_every_day_is_summarised_exactly_once(events: list[AccessEvent]) -> None:
    """From the first day to the last closed one, silent days included, none twice."""
    profile = north()
    effects = effects_of(profile, events)
    days = [
        day
        for effect in effects
        if isinstance(effect, DailySummary)
        for day in range(effect.day - effect.days_count + 1, effect.day + 1)
    ]
    first, today = profile.state.first_day, profile.state.today.day
    assert days == (list(range(first, today)) if events else [])


@given(lists=st.lists(st.lists(st.integers(0, 12), min_size=2, max_size=5), max_size=12))
def test_no_id_hides_whose_data_left(lists: list[list[int]]) -> None:
    """Also where lists of one id begin, end and count alike: who is held is everybody named."""
    profile = open_profile("north", config=CONFIG, entry=ENTRY)
    for ids in lists:
        people = Participants(ids=sorted(ids))
        repeat = msgspec.structs.replace(taking(1), id="same", project="ada", participants=people)
        judge(profile, repeat)
    everybody = {each for ids in lists for each in ids}
    assert profile.ledger.taken_participants == len(everybody)
    assert profile.ledger.project_participants("ada", "imaging") == len(everybody)
