"""A pushed configuration on the audit: scheduled, or refused with the key that is wrong."""

import msgspec
import pytest
from msgspec.structs import replace

from detectors.config import CohortConfig, CoreConfig, DetectorsConfig, config_hash
from detectors.config_schedule import CONFIG_BYTES_MAX, READ_AT_A_START, SCHEDULED_MAX, Scheduled
from detectors.features.dedupe import DedupeConfig
from detectors.models.canary import CanaryConfig
from detectors.models.collusion.config import CollusionConfig
from detectors.models.quota import QuotaConfig
from detectors.peers.reference import ReferenceConfig
from detectors.response.config import ResponseConfig
from detectors.response.entries import NO_CORE, ConfigPushed, Configured, DecisionMade
from detectors.response.fold import ResponseAction
from detectors.response.push import ConfigRefused, sendable
from detectors.response.verify import verify
from streams.response.journal import Journal, Written

NOW_MS = 1_775_044_800_000
SECRET = CoreConfig(detectors=DetectorsConfig(canary=CanaryConfig(participants=(7, 424_242))))
LIMITED = CoreConfig(detectors=DetectorsConfig(quota=QuotaConfig(new_participants_day_max=5_000)))


class Record:
    """A journal of a recorder whose file names canaries."""

    def __init__(self) -> None:
        """Begin with the recorder's configuration."""
        self.journal = Journal()
        self.lines: list[bytes] = []
        self.begin(SECRET)

    def begin(self, core: CoreConfig) -> None:
        """Start a recorder with a file."""
        configured = Configured(
            response=ResponseConfig(),
            cohort_size=core.cohort.size,
            config_hash=config_hash(core),
            version="1",
            core=sendable(core),
        )
        self._kept(self.journal.append([(None, configured)], now_ms=NOW_MS))

    def push(self, raw: bytes, *, from_ms: int = NOW_MS) -> ResponseAction:
        """Push what was signed, and return what followed."""
        verb = ConfigPushed(from_ms=from_ms, config=msgspec.Raw(raw), config_hash="c")
        decision = DecisionMade(decision_id="d", who="ann", note="", at_ms=0, verb=verb, jws="")
        written = self.journal.append([(None, decision)], now_ms=NOW_MS)
        self._kept(written)
        (numbered,) = written.actions
        return numbered.action

    def _kept(self, written: Written) -> None:
        self.lines += written.lines


def test_what_is_pushed_is_scheduled_under_its_line_of_the_audit() -> None:
    """The journal says who, when and what; it stays whole, and reads back to the same schedule."""
    record = Record()
    scheduled = record.push(sendable(LIMITED))
    assert scheduled == Scheduled(sequence=1, from_ms=NOW_MS, config=LIMITED)
    assert record.journal.state.pushed == (scheduled,)
    assert verify(record.lines).problems == ()
    again = Journal()
    for line in record.lines:
        again.read(line)
    assert (again.state.pushed, again.state.core) == ((scheduled,), CoreConfig())


def test_no_canary_is_on_record() -> None:
    """Whoever reads the audit would step around them."""
    assert b"424242" not in b"".join(Record().lines)


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        pytest.param(
            CoreConfig(cohort=CohortConfig(size=9)),
            f"cohort.size: {READ_AT_A_START}; 500000 holds, got 9",
            id="another cohort",
        ),
        pytest.param(
            CoreConfig(dedupe=DedupeConfig(events_max=9)),
            f"dedupe.events_max: {READ_AT_A_START}; 1024 holds, got 9",
            id="another memory of ids",
        ),
        pytest.param(
            CoreConfig(reference=ReferenceConfig(lag_days=9)),
            f"reference.lag_days: {READ_AT_A_START}; 2 holds, got 9",
            id="another reference",
        ),
        pytest.param(
            CoreConfig(detectors=DetectorsConfig(collusion=CollusionConfig(mode="off"))),
            f"detectors.collusion.mode: {READ_AT_A_START}; auto holds, got off",
            id="another second stage",
        ),
        pytest.param(
            SECRET,
            "detectors.canary.participants: never sent, for the audit would show them",
            id="canaries",
        ),
    ],
)
def test_what_cannot_change_while_judging_is_refused_by_its_key(
    config: CoreConfig, problem: str
) -> None:
    """Whoever signed it: what holds stays."""
    record = Record()
    assert record.push(msgspec.json.encode(config)) == ConfigRefused(problem=problem)
    assert record.journal.state.pushed == ()


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        pytest.param(b"[]", "Expected `object`, got `array`", id="no configuration"),
        pytest.param(
            b'{"detectors":{"excess":{"wieght":2}}}',
            "Object contains unknown field `wieght` - at `$.detectors.excess`",
            id="an unknown key",
        ),
        pytest.param(
            b'{"detectors":{"excess":{"weight":0}}}',
            "Expected `float` > 0.0 - at `$.detectors.excess.weight`",
            id="out of range",
        ),
        pytest.param(
            b'{"detectors":{"multivariate":{"models":[{"name":"m","path":"os.System"}]}}}',
            "detectors.multivariate.models.m.path: River has no os.System",
            id="a model that River does not have",
        ),
        pytest.param(
            b'{"x":"' + b"x" * CONFIG_BYTES_MAX + b'"}',
            f"{CONFIG_BYTES_MAX + 8} bytes, more than {CONFIG_BYTES_MAX}",
            id="too large",
        ),
    ],
)
def test_what_is_no_configuration_is_refused_and_stops_nobody(raw: bytes, problem: str) -> None:
    """It is on the audit as it was signed; the next push is taken."""
    record = Record()
    assert record.push(raw) == ConfigRefused(problem=problem)
    assert isinstance(record.push(sendable(LIMITED)), Scheduled)
    assert verify(record.lines).problems == ()


def test_only_so_many_may_wait_for_their_time() -> None:
    """Else one that is in force would have to be forgotten for them."""
    record = Record()
    assert isinstance(record.push(sendable(LIMITED)), Scheduled)
    for number in range(1, SCHEDULED_MAX):
        assert isinstance(record.push(sendable(LIMITED), from_ms=NOW_MS + number), Scheduled)
    refused = record.push(sendable(LIMITED), from_ms=NOW_MS + SCHEDULED_MAX)
    assert refused == ConfigRefused(
        problem=f"{SCHEDULED_MAX} configurations would wait for their time; at most "
        f"{SCHEDULED_MAX - 1} can"
    )
    # One for now replaces them all.
    record.push(sendable(LIMITED), from_ms=NOW_MS)
    assert len(record.journal.state.pushed) == 1


def test_what_was_pushed_for_another_cohort_is_not_said_again() -> None:
    """The file was changed and the recorder started: the judges would refuse it at each start."""
    record = Record()
    record.push(sendable(LIMITED))
    record.begin(replace(SECRET, detectors=DetectorsConfig()))
    assert [scheduled.sequence for scheduled in record.journal.to_say_again()] == [1]
    record.begin(replace(SECRET, cohort=CohortConfig(size=600_000)))
    assert len(record.journal.state.pushed) == len(record.journal.to_say_again()) == 0


def test_a_journal_of_an_earlier_version_knows_no_configuration() -> None:
    """What cannot change is then refused by the judges, whose own file says what holds."""
    record = Record()
    body = record.journal.configured
    assert body is not None
    record.journal.append([(None, replace(body, core=NO_CORE))], now_ms=NOW_MS)
    assert record.journal.state.core is None
    assert isinstance(record.push(sendable(LIMITED)), Scheduled)
