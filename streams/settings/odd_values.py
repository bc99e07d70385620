"""Values that are allowed and rarely meant, for `headgate config check`: why, and what to do."""

from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Final

from msgspec import Struct

from detectors.instants import DAY_MS, SECOND_MS
from streams.console.wording import IDS_APART
from streams.settings.settings import ConfigFile

# Of fewer people shares and floors are of single ones.
_COHORT_MIN: Final = 1_000
# Numbers below it are positions or counters, hardly ever hashes.
_HASHES_FROM: Final = 2**32
_FLOOR_RATIO_MAX: Final = 0.05
_WEEKS_A_YEAR: Final = 52
_BUDGET_MAX: Final = 100
_EXPIRY_SECONDS_MIN: Final = 3_600
_MONTH_SECONDS: Final = 30 * DAY_MS // SECOND_MS
_QUIET_DAYS_MIN: Final = 3
_REPEATS_MIN: Final = 16

IsOdd = Callable[[ConfigFile], bool]


class OddValue(Struct, frozen=True, kw_only=True):
    """A key whose value can be used, what follows from it, and what to do."""

    path: str
    warning: str
    advice: str


def odd_values(file: ConfigFile) -> Iterator[OddValue]:
    """Yield what should be looked at twice."""
    for path, is_odd, warning, advice in (*_ODD, *_ODD_OF_THE_RESPONSE):
        if is_odd(file):
            yield OddValue(path=path, warning=warning, advice=advice)
    yield from _beyond_the_cohort(file)
    yield from _high_floors(file)


def _beyond_the_cohort(file: ConfigFile) -> Iterator[OddValue]:
    """Yield what speaks of more people than there are, or of others."""
    cohort, quota = file.cohort, file.detectors.quota
    beyond = [each for each in file.detectors.canary.participants if not _may_be(file, each)]
    if beyond:
        yield OddValue(
            path="detectors.canary.participants",
            warning=f"{beyond[0]}: no id of the cohort, so no event can touch it",
            advice="give the ids as events have them, or mend `cohort`",
        )
    limits = {
        f"detectors.quota.{name}": getattr(quota, name)
        for name in quota.__struct_fields__
        if name.startswith("new_participants")
    }
    for name, dataset in file.datasets.items():
        limits[f"datasets.{name}.participants_max"] = dataset.participants_max
        if dataset.size is not None and dataset.size > cohort.size:
            yield OddValue(
                path=f"datasets.{name}.size",
                warning=f"{dataset.size}: more people than the cohort has",
                advice="leave it out, or mend `cohort.size`",
            )
    for path, limit in limits.items():
        if limit is not None and limit >= cohort.size:
            yield OddValue(
                path=path,
                warning=f"{limit}: the cohort has no more people, so it is never passed",
                advice="set what may be taken, or leave it out",
            )


def _may_be(file: ConfigFile, participant: int) -> bool:
    if file.cohort.participant_ids == "hashed":
        return participant >= _HASHES_FROM
    return participant in file.cohort.ids


def _high_floors(file: ConfigFile) -> Iterator[OddValue]:
    """Yield the shares of the cohort that may be taken before anybody looks."""
    for name in file.detectors.__struct_fields__:
        floor = getattr(getattr(file.detectors, name), "floor_cohort_ratio", 0.0)
        if floor > _FLOOR_RATIO_MAX:
            yield OddValue(
                path=f"detectors.{name}.floor_cohort_ratio",
                warning=f"{floor:g}: so much of the cohort may be taken before it looks",
                advice="set a share too small to matter, such as 0.001",
            )


def _serves_everybody(file: ConfigFile) -> bool:
    try:
        return ip_address(file.metrics.address).is_unspecified
    except ValueError:
        # A name is that of one machine.
        return False


def _is_remote(file: ConfigFile) -> bool:
    """Tell whether any broker is on another machine."""
    hosts = [each.strip().rpartition(":")[0] for each in file.kafka.bootstrap.split(",")]
    return any(host.strip("[]") not in {"127.0.0.1", "::1", "localhost"} for host in hosts)


def _acts(file: ConfigFile) -> bool:
    """Tell whether anybody may be stopped, anywhere."""
    modes = (file.response.modes, *file.response.jurisdictions.values())
    return any({each.throttle, each.suspend} - {"off", "dry_run"} for each in modes)


_ODD: Final[tuple[tuple[str, IsOdd, str, str], ...]] = (
    (
        "cohort.size",
        lambda file: file.cohort.size < _COHORT_MIN,
        "few people: all shares and floors are of single ones, and counts stop at it",
        "set how many people the platform has data of",
    ),
    (
        "cohort.id_space",
        lambda file: file.cohort.has_spaces,
        f"project: {IDS_APART}",
        "name a `bridge`, where the platform has one",
    ),
    (
        "detectors.excess.mode",
        lambda file: file.detectors.excess.mode == "off",
        "off: nobody compares what is taken with what is usual",
        "set `shadow` to see what it would say, or `on`",
    ),
    (
        "dedupe.events_max",
        lambda file: file.dedupe.events_max < _REPEATS_MIN,
        "few ids are remembered: what a producer sends twice counts twice",
        "leave it at 1024",
    ),
    (
        "baseline.freeze_days",
        lambda file: file.baseline.freeze_days == 0,
        "0: what is taken today is usual tomorrow, so whoever takes more each day is never seen",
        "leave at least a week between what is learnt and what is judged",
    ),
    (
        "baseline.settling_days",
        lambda file: file.baseline.settling_days == 0,
        "0: a new institution's first days, when all is new, become what is usual",
        "leave some weeks out",
    ),
    (
        "reference.settling_days",
        lambda file: file.reference.settling_days == 0,
        "0: the platform's first days, when all is new, become what peers are compared with",
        "leave some weeks out",
    ),
    (
        "budget.false_alert_days_per_week_per_100_institutions",
        lambda file: file.budget.false_alert_days_per_week_per_100_institutions > _BUDGET_MAX,
        "more than one false alarm a week for each institution: nobody reads them",
        "set what people can look into, such as 5",
    ),
    (
        "budget.false_alert_days_per_week_per_100_institutions",
        lambda file: file.budget.false_alert_days_per_week_per_100_institutions * _WEEKS_A_YEAR < 1,
        "less than one false alarm a year among 100 institutions: thefts are told late, or never",
        "set what people can look into, such as 5",
    ),
    (
        "policy.quiet_days",
        lambda file: file.policy.quiet_days < _QUIET_DAYS_MIN,
        "a weekend ends an incident: whoever goes on after it is told as another one",
        "leave it at 30",
    ),
    (
        "decode.future_seconds_max",
        lambda file: file.decode.future_seconds_max == 0,
        "0: every event of a producer whose clock is a little fast is rejected",
        "leave some minutes",
    ),
    (
        "kafka.bootstrap",
        lambda file: _is_remote(file) and not file.kafka.security.tls,
        "another machine, without `kafka.security.tls`: who took what is readable on the way",
        "set `kafka.security.tls`, or keep the network to these machines",
    ),
    (
        "kafka.security.sasl",
        lambda file: file.kafka.security.sasl == "PLAIN" and not file.kafka.security.tls,
        "PLAIN without `tls`: the password is readable on the way",
        "set `kafka.security.tls`, or a SCRAM",
    ),
    (
        "kafka.replication_factor",
        lambda file: _is_remote(file) and file.kafka.replication_factor == 1,
        "1: who loses one disk loses the audit and all that is held",
        "set 3, or -1 for the broker's own default",
    ),
    (
        "worker.dead_letter_ratio_max",
        lambda file: file.worker.dead_letter_ratio_max == 1,
        "1: a worker goes on even if it fails on every event",
        "leave it at 0.01",
    ),
    (
        "detectors.unreadable.allowed_ratio",
        lambda file: file.detectors.unreadable.allowed_ratio == 1,
        "1: nobody is told of an institution of which nothing can be read",
        "leave it at 0.01",
    ),
    (
        "metrics.address",
        _serves_everybody,
        "all addresses: whoever reaches this machine reads who took how much, without a password",
        "name the address that Prometheus asks, or leave it at 127.0.0.1",
    ),
    (
        "metrics.institutions_labelled_max",
        lambda file: file.metrics.institutions_labelled_max == 0,
        "0: all institutions share the label `other`, so no rule tells which one it is about",
        "set how many institutions there are",
    ),
)
_ODD_OF_THE_RESPONSE: Final[tuple[tuple[str, IsOdd, str, str], ...]] = (
    (
        "response.throttle_confidence",
        lambda file: file.response.throttle_confidence == 0,
        "0: any alert is sure enough to throttle",
        "leave it at 0.75",
    ),
    (
        "response.suspend_confidence",
        lambda file: file.response.suspend_confidence == 0,
        "0: any alert is sure enough to suspend",
        "leave it at 0.95",
    ),
    (
        "response.suspend_confidence",
        lambda file: file.response.suspend_confidence < file.response.throttle_confidence,
        "below throttle_confidence: what is too unsure to throttle may be suspended",
        "set it above throttle_confidence",
    ),
    (
        "response.suspend_risk",
        lambda file: file.response.suspend_risk < file.response.throttle_risk,
        "below throttle_risk: what is too harmless to throttle may be suspended",
        "set it above throttle_risk",
    ),
    (
        "response.blast_radius_ratio",
        lambda file: file.response.blast_radius_ratio == 1,
        "1: the guard never holds anything, whatever goes wrong",
        "leave it at 0.05",
    ),
    (
        "response.cool_down_seconds",
        lambda file: file.response.cool_down_seconds == 0,
        "0: a measure that people ended may be taken again by the next alert",
        "leave people a day",
    ),
    (
        "response.expiry_seconds",
        lambda file: file.response.expiry_seconds < _EXPIRY_SECONDS_MIN,
        "under an hour: a request is over before anybody has read it",
        "leave people a day",
    ),
    (
        "response.expiry_seconds",
        lambda file: (
            file.response.release == "automatic" and file.response.expiry_seconds > _MONTH_SECONDS
        ),
        "over a month: whoever is stopped in error stays so, unless somebody thinks of it",
        "set some days; an incident that goes on makes a measure last",
    ),
    (
        "response.false_positive_factor",
        lambda file: file.response.false_positive_factor == 1,
        "1: the label `false_positive` makes no detector harder to convince",
        "leave it at 100",
    ),
    (
        "response.keys",
        lambda file: not file.response.keys and _acts(file),
        "empty: nobody can approve or end a measure, and modes other than off and dry_run are set",
        "make keys by `headgate suspensions keygen`, and name them here",
    ),
    (
        "response.keys",
        lambda file: 0 < len(file.response.keys) < file.response.institution_approvals,
        "fewer than institution_approvals: no measure on a whole institution can be agreed to",
        "name another person's key, or ask for fewer",
    ),
)
