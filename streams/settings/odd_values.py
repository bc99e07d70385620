"""Values that are allowed and rarely meant: what each does, for `headgate config check`."""

from collections.abc import Callable, Iterator
from typing import Final

from msgspec import Struct

from streams.console.wording import IDS_APART
from streams.settings.settings import ConfigFile


class OddValue(Struct, frozen=True, kw_only=True):
    """A key whose value can be used, and what follows from it."""

    path: str
    warning: str


_ODD: Final[tuple[tuple[str, Callable[[ConfigFile], bool], str], ...]] = (
    (
        "baseline.settling_days",
        lambda file: file.baseline.settling_days == 0,
        "0: a new institution's first days, when all is new, become what is usual",
    ),
    (
        "reference.settling_days",
        lambda file: file.reference.settling_days == 0,
        "0: the platform's first days, when all is new, become what peers are compared with",
    ),
    (
        "decode.future_seconds_max",
        lambda file: file.decode.future_seconds_max == 0,
        "0: every event of a producer whose clock is a little fast is rejected",
    ),
    ("cohort.id_space", lambda file: file.cohort.has_spaces, f"project: {IDS_APART}"),
    (
        "worker.dead_letter_ratio_max",
        lambda file: file.worker.dead_letter_ratio_max == 1,
        "1: a worker goes on even if it fails on every event",
    ),
    (
        "response.throttle_confidence",
        lambda file: file.response.throttle_confidence == 0,
        "0: any alert is sure enough to throttle",
    ),
    (
        "response.suspend_confidence",
        lambda file: file.response.suspend_confidence == 0,
        "0: any alert is sure enough to suspend",
    ),
    (
        "response.suspend_confidence",
        lambda file: file.response.suspend_confidence < file.response.throttle_confidence,
        "below throttle_confidence: what is too unsure to throttle may be suspended",
    ),
    (
        "response.suspend_risk",
        lambda file: file.response.suspend_risk < file.response.throttle_risk,
        "below throttle_risk: what is too harmless to throttle may be suspended",
    ),
    (
        "response.blast_radius_ratio",
        lambda file: file.response.blast_radius_ratio == 1,
        "1: the guard never holds anything, whatever goes wrong",
    ),
    (
        "response.cool_down_seconds",
        lambda file: file.response.cool_down_seconds == 0,
        "0: a measure that people ended may be taken again by the next alert",
    ),
    (
        "response.false_positive_factor",
        lambda file: file.response.false_positive_factor == 1,
        "1: the label `false_positive` makes no detector harder to convince",
    ),
    (
        "response.keys",
        lambda file: not file.response.keys and _acts(file),
        "empty: nobody can approve or end a measure, and modes other than off and dry_run are set",
    ),
    (
        "metrics.institutions_labelled_max",
        lambda file: file.metrics.institutions_labelled_max == 0,
        "0: all institutions share the label `other`, so no rule tells which one it is about",
    ),
)


def odd_values(file: ConfigFile) -> Iterator[OddValue]:
    """Yield what should be looked at twice."""
    for path, is_odd, warning in _ODD:
        if is_odd(file):
            yield OddValue(path=path, warning=warning)


def _acts(file: ConfigFile) -> bool:
    """Tell whether anybody may be stopped, anywhere."""
    modes = (file.response.modes, *file.response.jurisdictions.values())
    return any({each.throttle, each.suspend} - {"off", "dry_run"} for each in modes)
