"""Step 5 of 7: daily summaries of all institutions -> what one judge needs to know of the others.

It holds for one day of event time, and rests on the days that ended at least `lag_days` before.
"""

from typing import Annotated, Final, Protocol

from msgspec import Meta, Struct

from detectors.calibration.tail import Tail
from detectors.errors import CoreError
from detectors.features.windows import HOURS_PER_DAY
from detectors.instants import HOUR_MS
from detectors.registry import DETECTORS, prior_tail

# The budget is in days, and an incident that grows speaks on more than one.
_ALERT_DAYS_PER_INCIDENT: Final = 1.2
# The realised rate moves the threshold only as far as so many alert-days of evidence let it, and
# never by more than this factor: who sends nothing for weeks may not open the gate.
_ALERT_DAYS_PRIOR: Final = 10.0
_CORRECTION_MAX: Final = 2.0

# The pseudo-channel of whole incidents: it is what the budget is kept on.
INCIDENT_CHANNEL: Final = "incident"
# The pseudo-group of all institutions together.
EVERYBODY: Final = ""
# How the groups end of institutions that mostly say how many people they took, and not whom; and
# the pseudo-group of all of these, where they are many enough to have tails and a budget apart.
COUNTED: Final = "/counted"


class ReferenceConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the peers are pooled."""

    lag_days: Annotated[
        int, Meta(ge=1, le=30, description="a day counts once it ended this long ago")
    ] = 2
    grace_hours: Annotated[
        int,
        Meta(ge=0, le=720, description="how late an event may come and still count in its day"),
    ] = 12
    history_days: Annotated[int, Meta(ge=7, le=730, description="days of runs that count")] = 84
    settling_days: Annotated[
        int, Meta(ge=0, le=365, description="first days of the platform, kept out of the tails")
    ] = 21
    peer_quantile: Annotated[float, Meta(ge=0.5, lt=1, description="of the peers' own usual")] = 0.5
    prior_institution_days: Annotated[
        float, Meta(gt=0, description="what the built-in tails weigh, in institution-days")
    ] = 200.0
    usual_prior: Annotated[
        tuple[float, float, float, float],
        Meta(description="usual in 1 h, 1 d, 7 d, 30 d before peers are known, of 500,000 people"),
    ] = (500.0, 1_000.0, 2_500.0, 6_000.0)

    def __post_init__(self) -> None:
        """Refuse a lag in which a day could not be closed before it is needed."""
        if self.lag_days * HOURS_PER_DAY < self.grace_hours + HOURS_PER_DAY:
            message = "expected `lag_days` to exceed `grace_hours` by a day at least"
            raise ValueError(message)


def grace_ms(config: ReferenceConfig) -> int:
    """Return how long after its end a day waits for what comes late."""
    return config.grace_hours * HOUR_MS


class PastDays(Struct, frozen=True, kw_only=True):
    """By how much a budget was used in the past."""

    institution_days: Annotated[int, Meta(ge=0, description="days behind the tails")]
    alert_days: Annotated[int, Meta(ge=0, description="of these, days with an alert")]


class Reference(Struct, frozen=True, kw_only=True):
    """What holds on `day`. `version` names it in every verdict that used it."""

    version: str
    day: int
    usual: dict[str, tuple[float, ...]]
    tails: Annotated[
        dict[str, dict[str, Tail]], Meta(description="by peer group and channel; '' is everybody")
    ]
    institution_days: Annotated[int, Meta(ge=0, description="days behind the tails")] = 0
    alert_days: Annotated[int, Meta(ge=0, description="of these, days with an alert")] = 0
    counted: Annotated[
        PastDays | None, Meta(description="of those who only count people, where they stand apart")
    ] = None


_INCIDENT_TAIL: Final = Tail(knots=((0.0, 0.0),), slope=1.0)
# Before any peer is known: of each channel that is always there.
PRIOR_TAILS: Final[dict[str, Tail]] = {
    channel: tail for row in DETECTORS.values() for channel, tail in row.tails.items()
} | {INCIDENT_CHANNEL: _INCIDENT_TAIL}


def prior_reference(config: ReferenceConfig) -> Reference:
    """Return the reference that holds before any day has been summarised."""
    return Reference(
        version="prior",
        day=0,
        usual={EVERYBODY: config.usual_prior},
        tails={EVERYBODY: dict(PRIOR_TAILS)},
    )


def everybody_of(group: str) -> str:
    """Return the pseudo-group of all who say as much of people as those of a group do.

    >>> everybody_of("north"), everybody_of("north/counted")
    ('', '/counted')
    """
    return COUNTED if group.endswith(COUNTED) else EVERYBODY


def usual_of(reference: Reference, group: str) -> tuple[float, ...]:
    """Return the peers' usual of `group`, or of everybody for an unknown group."""
    return reference.usual.get(group) or reference.usual[EVERYBODY]


def tail_of(reference: Reference, group: str, channel: str) -> Tail:
    """Return a channel's tail in `group`, or among everybody for an unknown group.

    A channel that nobody has spoken on has its prior tail.

    Raises:
        CoreError: no detector has the channel.
    """
    groups = reference.tails
    tails = groups.get(group) or groups.get(everybody_of(group)) or groups[EVERYBODY]
    tail = tails.get(channel) or channel_prior(channel)
    if tail is None:
        msg = f"reference: no detector has the channel {channel!r}"
        raise CoreError(msg)
    return tail


def incident_rate(reference: Reference, *, budget_rate: float, group: str = EVERYBODY) -> float:
    """Return the p-value below which an incident is told, corrected by the realised rate.

    The past, which the tails are fitted to, may be stranger than the present.

    >>> quiet = Reference(version="", day=0, usual={}, tails={}, institution_days=4_200)
    >>> round(incident_rate(quiet, budget_rate=1.0 / 700.0) * 700.0, 2)
    1.33
    """
    past = (reference.counted if everybody_of(group) == COUNTED else None) or reference
    expected = budget_rate * past.institution_days
    correction = (expected + _ALERT_DAYS_PRIOR) / (past.alert_days + _ALERT_DAYS_PRIOR)
    bounded = min(_CORRECTION_MAX, max(1.0 / _CORRECTION_MAX, correction))
    return budget_rate / _ALERT_DAYS_PER_INCIDENT * bounded


class References(Protocol):
    """Where the reference of each day is looked up."""

    def at(self, day: int) -> Reference:
        """Return the reference that holds on `day`, since the epoch."""

    def recorded(self, day: int) -> Reference:
        """Return the reference of `day`, by which something is judged already."""


def channel_prior(channel: str) -> Tail | None:
    """Return the built-in tail of a channel, None where no detector has it."""
    return PRIOR_TAILS.get(channel) or prior_tail(channel)
