"""A partition's log with pushed configurations in it, and a desk that may resume."""

from collections.abc import Sequence

import msgspec
from hypothesis import strategies as st

from detectors.calibration.budget import BudgetConfig
from detectors.config import CohortConfig, CoreConfig, DetectorsConfig
from detectors.config_schedule import Scheduled
from detectors.event import AccessEvent
from detectors.features.dedupe import DedupeConfig
from detectors.instants import HOUR_MS
from detectors.models.excess import ExcessConfig
from detectors.models.multivariate import MultivariateConfig
from detectors.models.quota import QuotaConfig
from detectors.models.volume import VolumeConfig
from streams.control.config_record import CONFIG, encode_scheduled
from streams.control.partition_time import TIME, TimeMarker, encode_marker
from streams.control.records import control_record
from streams.state.envelope import StateKeys
from tests.builders import KafkaRecord, taking
from tests.desks import KEYS, JudgeDesk

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


Item = AccessEvent | Scheduled | TimeMarker


class ResumingDesk(JudgeDesk):
    """A desk that goes on in the log where its state says."""

    @property
    def next_offset(self) -> int:
        """Return where the partition goes on."""
        partition_record = self.state_store.partition(0).store.partition_record
        assert partition_record is not None
        return self.state_store.partition(0).position or partition_record.offset

    def resume(self, records: Sequence[KafkaRecord]) -> None:
        """Judge the records that come next, as one batch."""
        batch = records[self.next_offset :]
        if batch:
            self.take(batch)

    @property
    def alerts(self) -> list[bytes | None]:
        """Return each alert once, as whoever looks at ids sees them."""
        return list(dict.fromkeys(self.values("t.alerts")))


def grab(number: int, *, hour: int, size: int = 41_200, institution: str = "north") -> AccessEvent:
    """Return an event that takes people who are new."""
    return taking(
        size,
        first=number * 42_000 % 450_000,
        id=f"e{number}",
        time=START_MS + hour * HOUR_MS,
        institution=institution,
        user="u",
        bytes=size * 1_000,
    )


def push(sequence: int, *, hour: int, config: CoreConfig = CONFIGS[0]) -> Scheduled:
    """Return a push that holds from an hour on."""
    return Scheduled(sequence=sequence, from_ms=START_MS + hour * HOUR_MS, config=config)


def record_of(offset: int, item: Item, *, keys: StateKeys = KEYS) -> KafkaRecord:
    """Return the record of an item."""
    if isinstance(item, AccessEvent):
        return KafkaRecord(offset, msgspec.json.encode(item), item.institution.encode())
    is_push = isinstance(item, Scheduled)
    value = encode_scheduled(item) if isinstance(item, Scheduled) else encode_marker(item)
    return control(offset, value, kind=CONFIG if is_push else TIME, keys=keys)


def control(
    offset: int, value: bytes, *, kind: str = CONFIG, keys: StateKeys = KEYS
) -> KafkaRecord:
    """Return a control record."""
    signed = control_record(kind, value, topic="events", partition=0, key=b"all", keys=keys)
    return KafkaRecord(offset, signed.value, signed.key, headers=signed.headers)


def records_of(items: Sequence[Item]) -> list[KafkaRecord]:
    """Return the partition's records."""
    return [record_of(offset, item) for offset, item in enumerate(items)]


@st.composite
def logs(draw: st.DrawFn) -> list[Item]:
    """Return events of two institutions, some late, with pushes and markers among them."""
    items: list[Item] = []
    hour, sequence = 0, 0
    for number in range(draw(st.integers(2, 24))):
        kind = draw(st.sampled_from(["event", "event", "event", "push", "repeat", "marker"]))
        if kind == "event":
            hour = max(0, hour + draw(st.sampled_from([0, 1, 5, 24, 24, -30])))
            size = draw(st.sampled_from([10, 3_000, 41_200]))
            who = draw(st.sampled_from(["north", "south"]))
            items.append(grab(number, hour=hour, size=size, institution=who))
        elif kind == "marker":
            items.append(TimeMarker(at_ms=START_MS + (hour + draw(st.integers(0, 90))) * HOUR_MS))
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


def hashes(desk: ResumingDesk) -> list[str]:
    """Return the configurations that alerts quote, in order."""
    return [
        msgspec.json.decode(raw or b"")["data"]["unmapped"]["config_hash"] for raw in desk.alerts
    ]


CHANGED = Scheduled(sequence=4, from_ms=START_MS, config=CONFIGS[1])


SMALL = CoreConfig(cohort=CohortConfig(size=9))


FORGETFUL = CoreConfig(dedupe=DedupeConfig(events_max=9))
