"""What the program says once a detector is added: run in a copy of the tree that has it."""

import json

from detectors.calibration.tail import Tail
from detectors.config import CoreConfig
from detectors.peers.builder import ReferenceBuilder
from detectors.peers.reference import PRIOR_TAILS, ReferenceConfig, tail_of
from detectors.snapshot import dump, load
from detectors.verdict import DailySummary, RaiseAlert, Run
from streams.settings.reference_pages import config_page, detectors_page
from streams.sinks.alerts import finding
from tests.builders import effects_of
from tests.conformance import test_detectors as suite


def calibrated() -> Tail:
    """Return the channel's tail after three months of three peers with scores in them."""
    builder = ReferenceBuilder(ReferenceConfig(settling_days=0))
    for day in range(20_000, 20_080):
        run = Run(first_day=day, peak_day=day, peak=1.0 + day % 7 / 10)
        for peer in ("north", "south", "west"):
            builder.add(
                DailySummary(
                    institution=peer,
                    group="default",
                    day=day,
                    days_count=1,
                    age_days=day - 20_000,
                    usual=(0.0,) * 4,
                    runs={"rows/1d": run},
                    held_participants=0,
                    trusted=True,
                )
            )
    return tail_of(builder.build(20_082), "default", "rows/1d")


def main() -> None:
    """Print it as one line of JSON."""
    config = suite.config_of("rows")
    profile = suite.profile_of("rows")
    effects = effects_of(profile, suite.stream())
    alert = next(effect.alert for effect in effects if isinstance(effect, RaiseAlert))
    saved = dump(profile)
    restored = load(saved.main, parts=saved.parts, config=config, entry=suite.ENTRY)
    report = {
        "sentence": alert.sentence,
        "analytic": json.loads(finding(alert))["finding_info"]["analytic"],
        "remembered": restored.detector_states["rows"] == profile.detector_states["rows"],
        "days_count": getattr(restored.detector_states["rows"], "days_count", 0),
        "calibrated": calibrated() != PRIOR_TAILS["rows/1d"],
        "configured": "## `[detectors.rows]`" in config_page(),
        "documented": "| [`rows`](rows.md) | statistic | `on` |" in detectors_page(),
        "on": CoreConfig().detectors.rows.mode,
    }
    print(json.dumps(report))  # noqa: T201 - read by the test


if __name__ == "__main__":
    main()
