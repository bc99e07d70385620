"""How the response stands, as Prometheus sees it: on the worker that records, and only there."""

from prometheus_client import CollectorRegistry

from detectors.feedback import Label
from detectors.response.config import Modes, ResponseConfig
from detectors.response.entries import AlertSeen, Configured, DecisionMade, Labelled
from detectors.response.withheld import WITHHELD_REASONS
from streams.response.gauges import ResponseGauges
from streams.response.journal import Journal, Written
from tests.builders import alert_seen, decision_made


def seen(number: int) -> AlertSeen:
    """Return an alert that is suspended at once."""
    return alert_seen(
        alert_id=f"a{number}",
        institution=f"i{number}",
        at_ms=0,
        taken_participants=500,
        detectors=("excess", "sweep"),
        user=None,
        project=None,
    )


def labelled(number: int, label: Label) -> DecisionMade:
    """Return what somebody says of an alert."""
    return decision_made(Labelled(alert_id=f"a{number}", label=label))


class Shown:
    """A journal whose every batch is shown."""

    def __init__(self) -> None:
        """Begin under a guard of two institutions, where everything is automatic."""
        self.registry = CollectorRegistry()
        self.gauges = ResponseGauges(self.registry)
        self.journal = Journal()
        response = ResponseConfig(
            modes=Modes(throttle="automatic", suspend="automatic"), blast_radius_institutions=2
        )
        self.take(Configured(response=response, cohort_size=1_000, config_hash="", version=""))

    def take(self, *bodies: Configured | AlertSeen | DecisionMade) -> Written:
        """Add entries, and show what follows."""
        written = self.journal.append([(None, body) for body in bodies], now_ms=0)
        self.gauges.responded(
            self.journal.state, written.actions, entries_count=self.journal.sequence
        )
        return written

    def value(self, name: str, **labels: str) -> float | None:
        """Return a series' value, None where it is not shown."""
        return self.registry.get_sample_value(f"headgate_{name}", labels)


def test_what_is_open_is_counted_by_state_and_mode() -> None:
    """States that nothing is in are zero, not absent."""
    journal = Shown()
    journal.take(seen(0))
    assert journal.value("suspensions_open_count", state="active", mode="on") == 1
    assert journal.value("suspensions_open_count", state="active", mode="dry_run") == 0
    assert journal.value("suspensions_total", mode="on") == 1
    assert journal.value("audit_entries_count") == 3
    assert journal.value("recorders_count") == 1


def test_what_the_guard_holds_is_counted_apart() -> None:
    """Three at once are one too many: somebody is woken by it."""
    journal = Shown()
    journal.take(seen(0), seen(1))
    assert journal.value("suspensions_open_count", state="held", mode="on") == 0
    journal.take(seen(2))
    assert journal.value("suspensions_open_count", state="held", mode="on") == 1
    assert journal.value("suspensions_open_count", state="active", mode="on") == 2
    assert journal.value("suspensions_total", mode="on") == 3


def test_what_was_withheld_is_counted_by_its_reason() -> None:
    """Every reason is there from the start, and no other label ever comes."""
    journal = Shown()
    counts = {
        reason: journal.value("measures_withheld_total", reason=reason)
        for reason in WITHHELD_REASONS
    }
    assert set(counts.values()) == {0.0}
    journal.take(seen(0), labelled(0, Label.FALSE_POSITIVE), seen(0), seen(1), seen(2), seen(3))
    assert journal.value("measures_withheld_total", reason="labelled") == 1
    assert journal.value("measures_withheld_total", reason="guard") == 1


def test_effectiveness_is_shown_by_detector() -> None:
    """Confirmed over all that people decided on."""
    journal = Shown()
    journal.take(seen(0), seen(1))
    journal.take(labelled(0, Label.CONFIRMED), labelled(1, Label.FALSE_POSITIVE))
    for detector in ("excess", "sweep"):
        decided = {
            label: journal.value("alerts_decided_count", detector=detector, label=label.value)
            for label in Label
        }
        assert decided == {Label.CONFIRMED: 1, Label.FALSE_POSITIVE: 1, Label.EXPECTED: 0}


def test_whoever_no_longer_records_shows_nothing() -> None:
    """Else two workers would show two truths, of which one is old."""
    journal = Shown()
    journal.take(seen(0), labelled(0, Label.CONFIRMED))
    journal.gauges.ended()
    assert journal.value("suspensions_open_count", state="active", mode="on") is None
    assert journal.value("suspensions_open_count", state="held", mode="on") is None
    assert journal.value("alerts_decided_count", detector="excess", label="confirmed") is None
    assert journal.value("recorders_count") == 0
