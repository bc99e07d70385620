"""What a simulated world knows of its thefts, for a report that may tell it."""

from pathlib import Path

import msgspec

from detectors.errors import ConfigError
from detectors.response.decoding import decode_json
from detectors.synthetic import Labels
from streams.report.record import Truth


def truths_of(labels: Labels, *, cohort_participants: int) -> dict[str, Truth]:
    """Return the thefts by institution; of several by one institution, the first."""
    truths: dict[str, Truth] = {}
    for theft in sorted(labels.thefts, key=lambda theft: theft.started_ms):
        truth = Truth(
            scenario=theft.scenario,
            started_ms=theft.started_ms,
            ended_ms=theft.ended_ms,
            haul_participants=round(theft.haul_ratio * cohort_participants),
        )
        for institution in theft.institutions:
            truths.setdefault(institution, truth)
    return truths


def load_truths(path: Path | None, *, cohort_participants: int) -> dict[str, Truth]:
    """Return the thefts in a file of labels, as `headgate simulate --labels` writes it.

    Raises:
        ConfigError: the file holds something else.
    """
    if path is None:
        return {}
    try:
        labels = decode_json(path.read_bytes(), kind=Labels)
    except msgspec.DecodeError as error:
        raise ConfigError(str(path), str(error)) from error
    return truths_of(labels, cohort_participants=cohort_participants)
