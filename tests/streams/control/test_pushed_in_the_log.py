"""Pushed configurations in a partition: worker and replay come under them at the same events."""

import logging
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detectors.calibration.budget import BudgetConfig
from detectors.config import CohortConfig, CoreConfig, DetectorsConfig, config_hash
from detectors.config_schedule import Scheduled
from detectors.event import AccessEvent, Participants
from detectors.features.dedupe import DedupeConfig
from detectors.models.excess import ExcessConfig
from detectors.models.multivariate import MultivariateConfig
from detectors.models.quota import QuotaConfig
from detectors.models.volume import VolumeConfig
from detectors.pipeline import Profile
from detectors.reference import Reference, prior_reference
from detectors.register import Register
from detectors.snapshot import dump
from detectors.verdict import Effect, RaiseAlert
from streams.control.config_record import CONFIG, encode_scheduled
from streams.control.records import REFERENCE, control_record, encode_reference
from streams.ingest.codec import DecodeConfig, decode_limits
from streams.ingest.rejects import Rejected
from streams.kafka.producer import Durable, Outgoing
from streams.kafka.records import Batch, RecordPosition, Span
from streams.replay.replay import Replay
from streams.sinks import alerts
from streams.state.envelope import StateKeys
from streams.state.phases import Phase, Write
from streams.state.profiles import ProfileCore
from streams.state.protocol import StateStore
from streams.state.store import Saved
from streams.worker.batch_run import Counts
from streams.worker.judge_agent import JudgeAgent
from streams.worker.kafka_sinks import KafkaSinks

KEYS = StateKeys("sixteen characters")
HOUR_MS = 3_600_000
START_MS = 1_767_600_000_000
FILE = CoreConfig()
CONFIGS = (
    CoreConfig(budget=BudgetConfig(false_alert_days_per_week_per_100_institutions=600.0)),
    CoreConfig(detectors=DetectorsConfig(excess=ExcessConfig(mode="off"))),
    CoreConfig(
        detectors=DetectorsConfig(
            quota=QuotaConfig(new_participants_day_max=60_000),
            volume=VolumeConfig(hours_min=2, season_rate=0.7),
            multivariate=MultivariateConfig(mode="on", days_min=2),
        )
    ),
)
Item = AccessEvent | Scheduled | Reference


class Line(msgspec.Struct, frozen=True):
    """A record of the partition."""

    offset: int
    value: bytes | None
    key: bytes | None = b"north"
    timestamp: int = 1_800_000_000_000
    headers: Sequence[tuple[str, bytes]] = ()


class Desk:
    """A worker's judges of one partition; a restart leaves what is saved, and what was said."""

    def __init__(self, file: CoreConfig = FILE) -> None:
        """Begin at offset 0."""
        self.file = file
        self.said: list[bytes | None] = []
        self.letters: list[bytes | None] = []
        self.refused_as: list[str] = []
        self.counts = Counts()
        self._saved = [Write(0, b"\x00\x03", Saved(0, b""))]
        self.start()

    def start(self) -> None:
        """Begin anew from what is saved."""
        self.state_store: StateStore[Profile] = StateStore(
            ProfileCore(self.file, register=Register())
        )
        self.state_store.saved(self._saved)
        self.agent = JudgeAgent(
            self.state_store,
            topic="events",
            limits=decode_limits(DecodeConfig(), self.file.cohort),
            keys=KEYS,
            base=self.file,
            sinks=KafkaSinks("t"),
            poster=self,
            watcher=self,
            dead_letter_ratio_max=0.01,
        )

    def save(self) -> None:
        """Carry out a checkpoint."""
        checkpoint = self.state_store.begin_checkpoint()
        for phase in Phase:
            self._saved += checkpoint.writes[phase]
            self.state_store.saved(checkpoint.writes[phase])

    @property
    def next_offset(self) -> int:
        """Return where the partition goes on."""
        partition_record = self.state_store.partition(0).store.partition_record
        assert partition_record is not None
        return self.state_store.partition(0).position or partition_record.offset

    def take(self, lines: Sequence[Line]) -> None:
        """Judge the lines that come next, as one batch."""
        batch = lines[self.next_offset :]
        if batch:
            span = Span(batch[0].offset, batch[-1].offset + 1)
            self.agent.handle(0, Batch(batch, span))

    def profile(self, institution: str) -> Profile:
        """Return a live profile."""
        found = self.state_store.partition(0).profile(institution, 10**9)
        assert found is not None
        return found

    def post(self, record: Outgoing) -> Durable:
        """Keep each alert once, as whoever looks at ids does."""
        if record.topic == "t.alerts" and record.value not in self.said:
            self.said.append(record.value)
        elif record.topic == "t.dead-letters":
            self.letters.append(record.value)
        return _Done()  # type: ignore[return-value] # a future needs a loop, and nobody waits.

    def judged(self, position: RecordPosition, counts: Counts) -> None:
        """Add up what concerns configurations."""
        del position
        self.counts.configs_accepted += counts.configs_accepted
        self.counts.configs_refused += counts.configs_refused
        self.counts.config = counts.config or self.counts.config

    def rejected(self, reject: Rejected, durable: Durable) -> None:
        """Keep the reason and the sentence."""
        del durable
        self.refused_as.append(f"{reject.reason.value}: {reject.detail}")

    def happened(self, effect: Effect, position: RecordPosition, durable: Durable) -> None:
        """Count nothing."""


class _Done:
    def done(self) -> bool:
        """Say that it is."""
        return True


def grab(number: int, *, hour: int, size: int = 41_200, institution: str = "north") -> AccessEvent:
    """Return an event that takes people who are new."""
    first = number * 42_000 % 450_000
    return AccessEvent(
        id=f"e{number}",
        time=START_MS + hour * HOUR_MS,
        institution=institution,
        user="u",
        bytes=size * 1_000,
        dataset="imaging",
        participants=Participants(ranges=[(first, first + size - 1)]),
    )


def push(sequence: int, *, hour: int, config: CoreConfig = CONFIGS[0]) -> Scheduled:
    """Return a push that holds from an hour on."""
    return Scheduled(sequence=sequence, from_ms=START_MS + hour * HOUR_MS, config=config)


def line(offset: int, item: Item, *, keys: StateKeys = KEYS) -> Line:
    """Return the record of an item."""
    if isinstance(item, AccessEvent):
        return Line(offset, msgspec.json.encode(item), item.institution.encode())
    is_push = isinstance(item, Scheduled)
    value = encode_scheduled(item) if isinstance(item, Scheduled) else encode_reference(item)
    return control(offset, value, kind=CONFIG if is_push else REFERENCE, keys=keys)


def control(offset: int, value: bytes, *, kind: str = CONFIG, keys: StateKeys = KEYS) -> Line:
    """Return a control record."""
    made = control_record(kind, value, topic="events", partition=0, key=b"all", keys=keys)
    return Line(offset, made.value, made.key, headers=made.headers)


def lines_of(items: Sequence[Item]) -> list[Line]:
    """Return the partition's records."""
    return [line(offset, item) for offset, item in enumerate(items)]


@st.composite
def logs(draw: st.DrawFn) -> list[Item]:
    """Return events of two institutions, some late, with pushes and references among them."""
    items: list[Item] = []
    hour, sequence = 0, 0
    for number in range(draw(st.integers(2, 24))):
        kind = draw(st.sampled_from(["event", "event", "event", "push", "repeat", "reference"]))
        if kind == "event":
            hour = max(0, hour + draw(st.sampled_from([0, 1, 5, 24, 24, -30])))
            size = draw(st.sampled_from([10, 3_000, 41_200]))
            who = draw(st.sampled_from(["north", "south"]))
            items.append(grab(number, hour=hour, size=size, institution=who))
        elif kind == "reference":
            day = draw(st.integers(1, 3))
            made = prior_reference(FILE.reference)
            items.append(msgspec.structs.replace(made, version=f"day-{day}", day=day))
        else:
            sequence += kind == "push"
            from_hour = max(0, hour + draw(st.integers(-30, 60)))
            config = draw(st.sampled_from(CONFIGS))
            items.append(push(sequence, hour=from_hour, config=config))
    return items


MANY: list[Item] = [
    item
    for number in range(12)
    for item in (
        push(number, hour=number * 2, config=CONFIGS[number % 3]),
        grab(number, hour=number * 2 + 1, institution="north" if number % 3 else "south"),
    )
]


@settings(max_examples=200)
@example(items=MANY, cuts={3, 7, 11, 19}, saves={3, 11}, kills={7, 19})
@given(
    items=logs(),
    cuts=st.sets(st.integers(1, 23)),
    saves=st.sets(st.integers(1, 23)),
    kills=st.sets(st.integers(1, 23)),
)
def test_neither_batches_nor_crashes_change_under_what_an_event_is_judged(
    items: list[Item], cuts: set[int], saves: set[int], kills: set[int]
) -> None:
    """The same alerts to the byte and the same states as those of a plain replay."""
    desk, lines = Desk(), lines_of(items)
    bounds = [0, *sorted({cut for cut in cuts | saves | kills if cut < len(lines)}), len(lines)]
    for _, end in pairwise(bounds):
        desk.take(lines[:end])
        if end in saves:
            desk.save()
        if end in kills:
            desk.start()
    desk.take(lines)
    replay = Replay(FILE, register=Register(), references="recorded")
    effects = [one for one in replay.effects(items) if isinstance(one, RaiseAlert)]
    assert desk.said == [alerts.record(one, topic_prefix="t").value for one in effects]
    for name, profile in replay.profiles.items():
        assert dump(desk.profile(name)).main == dump(profile).main
    assert desk.refused_as == []


def hashes(desk: Desk) -> list[str]:
    """Return the configurations that alerts quote, in order."""
    return [msgspec.json.decode(raw or b"")["data"]["unmapped"]["config_hash"] for raw in desk.said]


def test_alerts_quote_what_held_at_their_event() -> None:
    """The push lies in the log before its time has come; each institution has its own time."""
    desk = Desk()
    desk.take(
        lines_of(
            [
                push(3, hour=10),
                grab(0, hour=9),
                grab(1, hour=10),
                grab(2, hour=8, institution="south"),
                # Late: north is past the hour, and stays where it is.
                grab(3, hour=9, size=200_000),
            ]
        )
    )
    new, old = config_hash(CONFIGS[0]), config_hash(FILE)
    assert hashes(desk) == [old, new, old, new]
    assert desk.counts.config == CONFIGS[0]
    assert (desk.counts.configs_accepted, desk.counts.configs_refused) == (1, 0)


def test_a_repeat_is_not_counted_and_changes_nothing() -> None:
    """The recorder says its last batch again at every start."""
    desk = Desk()
    desk.take(lines_of([push(3, hour=0), push(3, hour=0, config=CONFIGS[1]), grab(0, hour=1)]))
    assert desk.counts.configs_accepted == 1
    assert desk.profile("north").config == CONFIGS[0]
    assert desk.refused_as == []


def test_what_was_pushed_holds_after_a_restart_and_the_file_that_differs_is_told_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Both are named by their hashes; a file that has caught up is not complained of."""
    items: list[Item] = [push(3, hour=0), grab(0, hour=1), grab(1, hour=2), grab(2, hour=3)]
    desk, lines = Desk(), lines_of(items)
    for file, warnings_count in ((FILE, 1), (CONFIGS[0], 0)):
        caplog.clear()
        desk.file = file
        desk.start()
        for end in (2, 3, 4):
            desk.take(lines[:end])
            desk.save()
        warned = [one.message for one in caplog.records if one.levelno == logging.WARNING]
        assert len(warned) == warnings_count
        assert all(config_hash(FILE) in one and config_hash(CONFIGS[0]) in one for one in warned)
    assert set(hashes(desk)) == {config_hash(CONFIGS[0])}


CHANGED = Scheduled(sequence=4, from_ms=START_MS, config=CONFIGS[1])
SMALL = CoreConfig(cohort=CohortConfig(size=9))
FORGETFUL = CoreConfig(dedupe=DedupeConfig(events_max=9))


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        pytest.param(
            line(1, CHANGED, keys=StateKeys("somebody else's key")),
            "unsigned: a control record of kind 'config' that no key of ours has signed for this "
            "position",
            id="signed by another key",
        ),
        pytest.param(
            control(1, b""),
            "config_invalid: configuration: Input data was truncated",
            id="empty",
        ),
        pytest.param(
            control(1, b'{"sequence":4,"from_ms":0,"config":{"budgets":{}}}'),
            "config_invalid: configuration: Object contains unknown field `budgets` - at "
            "`$.config`",
            id="an unknown key",
        ),
        pytest.param(
            control(1, b'{"sequence":4,"from_ms":0,"config":{"policy":{"quiet_days":0}}}'),
            "config_invalid: configuration: Expected `int` >= 1 - at `$.config.policy.quiet_days`",
            id="out of range",
        ),
        pytest.param(
            control(1, b'{"sequence":4,"from_ms":-1,"config":{}}'),
            "config_invalid: configuration: Expected `int` >= 0 - at `$.from_ms`",
            id="from before all time",
        ),
        pytest.param(
            control(1, encode_scheduled(msgspec.structs.replace(CHANGED, config=SMALL))),
            "config_invalid: configuration: cohort.size: cannot change while judging; 500000 "
            "holds, got 9",
            id="another cohort",
        ),
        pytest.param(
            control(1, encode_scheduled(msgspec.structs.replace(CHANGED, config=FORGETFUL))),
            "config_invalid: configuration: dedupe.events_max: cannot change while judging; 1024 "
            "holds, got 9",
            id="another memory of ids",
        ),
        pytest.param(
            control(1, b'{"sequence":4,"from_ms":0,"config":{"detectors":{"multivariate":'
                    b'{"models":[{"name":"m","path":"os.System"}]}}}}'),
            "config_invalid: configuration: detectors.multivariate.models.m.path: River has no "
            "os.System",
            id="a model that does not exist",
        ),
        pytest.param(
            control(1, b" " * 262_145),
            "config_invalid: configuration: 262145 bytes, more than 262144",
            id="too large",
        ),
    ],
)  # fmt: skip
def test_one_that_cannot_hold_is_refused_and_the_old_one_stays(
    refused: Line, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Dead letter, metric and log say so, and judging goes on."""
    desk = Desk()
    desk.take([line(0, push(3, hour=0)), refused, line(2, grab(0, hour=1))])
    assert desk.refused_as == [reason]
    assert desk.letters == [refused.value]
    assert desk.profile("north").config == CONFIGS[0]
    assert (desk.counts.configs_accepted, desk.counts.configs_refused) == (1, 1)
    (told,) = [one.message for one in caplog.records if one.levelno == logging.ERROR]
    assert told == f"Record 1 of partition 0: {reason.partition(': ')[2]}."


def test_a_file_of_another_cohort_holds_until_something_is_pushed_to_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever enlarges the cohort starts the workers again, and pushes again what was pushed."""
    larger = CoreConfig(cohort=CohortConfig(size=600_000))
    pushed = msgspec.structs.replace(larger, budget=CONFIGS[0].budget)
    items: list[Item] = [
        push(3, hour=0),
        grab(0, hour=1),
        grab(1, hour=2),
        push(7, hour=0, config=pushed),
        grab(2, hour=3),
    ]
    desk, lines = Desk(), lines_of(items)
    desk.take(lines[:2])
    desk.save()
    desk.file = larger
    desk.start()
    desk.take(lines[:3])
    assert desk.profile("north").config == larger
    assert "does not hold any more" in caplog.text
    desk.take(lines)
    assert desk.profile("north").config == pushed
