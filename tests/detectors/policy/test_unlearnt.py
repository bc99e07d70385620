"""An alert from before anything was known says so."""

from msgspec.structs import replace

from detectors.config import CoreConfig, DetectorsConfig
from detectors.instants import DAY_MS
from detectors.models.quota import QuotaConfig
from detectors.peers.reference import EVERYBODY
from detectors.pipeline import Profile, open_profile
from detectors.policy.explain import told_words
from tests.builders import alerts_of, reason_detail, taking, window_shares

START_MS = 1_767_225_600_000


def north() -> Profile:
    """Return a profile nobody has seen before."""
    return open_profile("north", config=CoreConfig())


def test_an_alert_before_anything_was_learnt_says_so() -> None:
    """Of the institution and its peers, or of whom it was; a limit needs nothing learnt."""
    first = alerts_of(north(), [taking(40_000, id="grab", time=START_MS)])[0]
    assert first.unlearnt == ("institution", "peers")
    words = "before anything was learnt of the institution or its peers; now holds"
    assert words in first.sentence
    known = north()
    known.reference = replace(
        known.reference, usual={EVERYBODY: (500.0, 900.0, 2_000.0, 5_000.0)}, institution_days=900
    )
    assert alerts_of(known, [taking(40_000, time=START_MS)])[0].unlearnt == ("institution",)
    calm = [
        taking(5, first=5 * day, id=str(day), time=START_MS + day * DAY_MS) for day in range(60)
    ]
    settled = [*calm, taking(40_000, first=9_000, id="grab", time=START_MS + 60 * DAY_MS)]
    assert alerts_of(north(), settled)[0].unlearnt == ("peers",)
    quota = DetectorsConfig(quota=QuotaConfig(new_participants_day_max=10))
    limited = open_profile("north", config=CoreConfig(detectors=quota))
    assert alerts_of(limited, [taking(20, time=START_MS)])[0].unlearnt == ()


def test_a_window_without_what_was_told_before_says_so() -> None:
    """Where it reaches back to a day that people were told of; a limit counts those too."""
    shares = window_shares(begins_ms=5 * DAY_MS)
    new = reason_detail()
    assert told_words(new, shares, 5) == ["beside what was told before"]
    assert told_words(new, shares, 4) == []
    assert told_words(new, window_shares(of="bytes"), 9) == []
    assert told_words(reason_detail(detector="quota", reason="quota"), shares, 9) == []
