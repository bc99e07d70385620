"""Step 6 of 7: a verdict in one plain sentence, from the same numbers that made it."""

from collections.abc import Iterable, Mapping
from typing import Final

from detectors.instants import DAY_MS
from detectors.registry import feature_of
from detectors.verdict import DatasetCoverage, ReasonDetail, TakenKind, Unlearnt, WindowShares

# From here on one user's taking is the story: the alert names the user, a suspension stops them.
MAJORITY_RATIO: Final = 0.5
# Smaller shares of what names nobody, or came late, are not told.
_NOTABLE_RATIO: Final = 0.1
# Of the names that a register does not know, so many are told, the largest first.
_NAMES_TOLD: Final = 3

_OF_WHOM: Final[dict[Unlearnt, str]] = {"institution": "the institution", "peers": "its peers"}

_MINUTE: Final = 60
_HOUR: Final = 3_600
_DAY: Final = 86_400


def duration(seconds: int) -> str:
    """Return a window as people say it.

    >>> [duration(seconds) for seconds in (300, 3_600, 86_400, 604_800)]
    ['5 min', '1 h', '1 day', '7 days']
    """
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min"
    if seconds < _DAY:
        return f"{seconds // _HOUR} h"
    days = seconds // _DAY
    return "1 day" if days == 1 else f"{days} days"


def percent(ratio: float) -> str:
    """Return a share as people read it: two figures, never a false 0 or 100.

    >>> [percent(ratio) for ratio in (0.0, 0.0004, 0.38, 0.999, 1.0)]
    ['0 %', '0.04 %', '38 %', '99.9 %', '100 %']
    """
    value = 100.0 * ratio
    if value >= 100.0 or value == 0.0:  # noqa: PLR2004 - bounds of this one format.
        return f"{value:.0f} %"
    if value >= 99.0:  # noqa: PLR2004
        return f"{min(value, 99.9):.1f} %"
    return f"{value:.2g} %" if value >= 0.0000995 else "under 0.0001 %"  # noqa: PLR2004


def clause(detail: ReasonDetail) -> str:
    """Return one reason as a person reads it, to follow the institution's name.

    >>> detail = ReasonDetail(
    ...     detector="quota",
    ...     reason="quota",
    ...     feature="rows",
    ...     window_seconds=86_400,
    ...     observed=9_000.0,
    ...     expected=5_000.0,
    ...     p_value=1e-9,
    ...     share=1.0,
    ... )
    >>> clause(detail)
    'took 9,000 rows in 1 day (limit 5,000)'

    Raises:
        CoreError: the detector's row has no such feature.
    """
    return feature_of(detail.detector, detail.feature).clause.format(
        observed=detail.observed,
        expected=detail.expected,
        window=duration(detail.window_seconds),
        name=detail.feature.replace("_", " "),
    )


def named(institution: str, unregistered: Mapping[str, int]) -> str:
    """Return an institution with the names under which it took most, where it stands for many.

    >>> named("unknown", {"a": 3, "b": 400, "c": 20, "d": 0})
    'unknown (b, c, a and more)'
    """
    largest = sorted(unregistered, key=lambda name: (-unregistered[name], name))
    if not largest:
        return institution
    more = " and more" if len(largest) > _NAMES_TOLD else ""
    return f"{institution} ({', '.join(largest[:_NAMES_TOLD])}{more})"


def takers(detail: ReasonDetail, shares: WindowShares | None, top_user: str | None) -> list[str]:
    """Return who took what the clause of `detail` tells: the majority, and who is not named."""
    if shares is None or not shares.total:
        return []
    if shares.of == "event":
        return ["by nobody named" if top_user is None else f"by user {top_user}"]
    of = "it"
    if feature_of(detail.detector, detail.feature).shares_basis == "beside":
        of = "the new participants"
    parts = []
    if top_user is not None and shares.top_user >= MAJORITY_RATIO * shares.total:
        parts.append(f"{_part(shares.top_user, shares)} of {of} by user {top_user}")
    if shares.nobody >= _NOTABLE_RATIO * shares.total:
        parts.append(f"{_part(shares.nobody, shares)} of {of} by nobody named")
    if shares.late >= _NOTABLE_RATIO * shares.total:
        parts.append(f"{_part(shares.late, shares)} of {of} come late, dated over 30 days before")
    return parts


def _part(amount: int, shares: WindowShares) -> str:
    """Return a share of a window; where it may be more, rounded down."""
    if shares.unknown == 0:
        return percent(amount / shares.total)
    return f"at least {100 * amount // shares.total} %"


def bytes_alone(reasons: tuple[ReasonDetail, ...]) -> bool:
    """Tell whether all that counts against an institution is bytes: nobody who is new."""
    weighty = [detail for detail in reasons if detail.share > 0.0]
    return bool(weighty) and all(
        feature_of(detail.detector, detail.feature).counts_bytes for detail in weighty
    )


def sentence(
    institution: str,
    reasons: tuple[ReasonDetail, ...],
    coverage: tuple[DatasetCoverage, ...],
    *,
    by: Iterable[str] = (),
    counting: Iterable[str] = (),
    full_cohort_days: float | None = None,
) -> str:
    """Return the explanation: who did what, against what was expected, and what it now holds.

    `by` are the words of `takers`, then of `unlearnt_words`; `counting` those of `counting_of`.
    """
    about: Iterable[str] = ()
    if bytes_alone(reasons):
        about = ["bytes, not people"]
    elif feature_of(reasons[0].detector, reasons[0].feature).counts_new_participants:
        about = counting
    clauses = ", ".join([f"{institution} {clause(reasons[0])}", *about, *by])
    if not coverage:
        return f"{clauses}."
    most = max(
        coverage, key=lambda share: (share.after_ratio - share.before_ratio, share.after_ratio)
    )
    bound = "at most " if most.kind == "upper_bound" else ""
    held = f"now holds {bound}{percent(most.after_ratio)} of the {most.dataset} cohort"
    if full_cohort_days is None or most.after_ratio >= 1.0:
        return f"{clauses}; {held}."
    whole = "all of it" if len(coverage) == 1 else "the whole cohort"
    return f"{clauses}; {held}, {whole} {ahead(full_cohort_days)} at this pace."


def counting_of(kind: TakenKind, *, classed: bool) -> list[str]:
    """Return what there is to say of a number of new participants, beside the number.

    >>> counting_of("exact", classed=False), counting_of("estimate", classed=False)
    ([], ['estimated from counts that name nobody'])
    """
    words = ["estimated from counts that name nobody"] if kind == "estimate" else []
    return words + ["weighed, and new once in each class of data"] * classed


def told_words(detail: ReasonDetail, shares: WindowShares, told_day: int) -> list[str]:
    """Return that a window is told without what people were told of before, up to `told_day`."""
    basis = feature_of(detail.detector, detail.feature).shares_basis
    if basis == "gained" or shares.of != "new_participants":
        return []
    reaches_back = shares.begins_ms < (told_day + 1) * DAY_MS
    return ["beside what was told before"] if reaches_back else []


def unlearnt_words(unlearnt: Iterable[Unlearnt]) -> list[str]:
    """Return of whom nothing was learnt before an alert was given.

    >>> unlearnt_words(["institution", "peers"]), unlearnt_words([])
    (['before anything was learnt of the institution or its peers'], [])
    """
    whom = " or ".join(_OF_WHOM[each] for each in unlearnt)
    return [f"before anything was learnt of {whom}"] if whom else []


def ahead(days: float) -> str:
    """Return how far off something is, as people say it.

    >>> [ahead(days) for days in (0.04, 0.6, 1.2, 12.4)]
    ['within the hour', 'in 14 h', 'in 29 h', 'in 12 days']
    """
    hours = 24.0 * days
    if hours < 1.0:
        return "within the hour"
    return f"in {hours:.0f} h" if hours < 48.0 else f"in {days:.0f} days"  # noqa: PLR2004
