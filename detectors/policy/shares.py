"""Step 6 of 7: verdict -> who took how much of what its sentence tells, within its window.

Numerator and denominator are of one window, and the denominator is all that was taken in it: what
events without a user took is a share like any other. Where there were too many users to keep, a
share is a lower bound, and so is told.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct

from detectors.event import AccessEvent
from detectors.features.hour_takers import UNNAMED
from detectors.features.samples import SAMPLES_PER_TAKER, Name
from detectors.features.takers import begins_of
from detectors.features.windows import WINDOW_SECONDS, Quantity, Window
from detectors.instants import HOUR_MS
from detectors.policy.explain import MAJORITY_RATIO
from detectors.profile import Profile
from detectors.registry import feature_of
from detectors.verdict import ReasonDetail, WindowShares


class StatedShares(Struct, frozen=True, kw_only=True):
    """The shares of one alert, with the names and the events that go with them."""

    shares: WindowShares
    top_user: Name
    top_project: Name = None
    top_project_share: float = 0.0
    sample_event_ids: Annotated[tuple[str, ...], Meta(description="the largest first")]

    @property
    def top_user_share(self) -> float:
        """Return the named user's part of the whole window, at least."""
        return ratio_of(self.shares.top_user, self.shares)


_OF_ONE_EVENT: Final = frozenset({"event", "sets"})
_WINDOWS: Final = {seconds: Window(place) for place, seconds in enumerate(WINDOW_SECONDS)}


def ratio_of(amount: int, shares: WindowShares) -> float:
    """Return an amount as a part of the whole window, 0 to 1; of nothing, 0."""
    return min(1.0, amount / shares.total) if shares.total else 0.0


def shares_of(profile: Profile, detail: ReasonDetail, event: AccessEvent | None) -> StatedShares:
    """Return who took how much of what `detail` tells; `event` is the one that led to it."""
    shares_basis = feature_of(detail.detector, detail.feature).shares_basis
    if shares_basis in _OF_ONE_EVENT and event is not None:
        return _of_event(profile, event)
    if shares_basis == "hour_bytes":
        return _of_hour(profile)
    window = _WINDOWS.get(detail.window_seconds, Window.MONTH)
    quantity = Quantity.GAINED if shares_basis == "gained" else Quantity.NEW
    return _of_window(profile, window, quantity)


def month_participants(profile: Profile, user: str | None) -> int:
    """Return how many new participants a user took in 30 days, at least."""
    if user is None:
        return 0
    open_bucket = profile.state.windows.bucket
    return profile.takers.within(Window.MONTH, open_bucket=open_bucket).users.get(user, 0)


def _of_event(profile: Profile, event: AccessEvent) -> StatedShares:
    """Return the shares of a rule that one event broke: all of it is that event's.

    Where it broke it by an earlier one, that one is shown too.
    """
    earlier = (event_id for rule in profile.set_rules.values() for event_id in rule.earlier(event))
    return StatedShares(
        shares=WindowShares(
            of="event",
            begins_ms=begins_of(Window.MINUTES_5, profile.state.windows.bucket),
            total=1,
            top_user=int(event.user is not None),
            nobody=int(event.user is None),
            late=0,
            unknown=0,
        ),
        top_user=event.user,
        top_project=event.project,
        top_project_share=float(event.project is not None),
        sample_event_ids=(event.id, *earlier),
    )


def _of_hour(profile: Profile) -> StatedShares:
    """Return the shares of the bytes of the open hour."""
    today = profile.state.today
    users = dict(today.hour_takers.users)
    total, known = today.hour_bytes, sum(users.values())
    nobody = users.pop(UNNAMED, 0)
    top_user, top = _largest(users)
    shares = WindowShares(
        of="bytes",
        begins_ms=today.hour * HOUR_MS,
        total=total,
        top_user=top,
        nobody=nobody,
        late=0,
        unknown=max(0, total - known),
    )
    samples = [(user or None, event_id) for user, event_id in today.hour_takers.largest()]
    return StatedShares(
        shares=shares, top_user=top_user, sample_event_ids=_samples(samples, shares, top_user)
    )


def _of_window(profile: Profile, window: Window, quantity: Quantity) -> StatedShares:
    """Return the shares of the new participants of a sliding window."""
    open_bucket = profile.state.windows.bucket
    takings = profile.takers.within(window, open_bucket=open_bucket)
    total = profile.windows.total(window, quantity)
    top_user, top = _largest(takings.users)
    shares = WindowShares(
        of="new_participants",
        begins_ms=begins_of(window, open_bucket),
        total=total,
        top_user=top,
        nobody=takings.users.get(None, 0),
        late=takings.late,
        unknown=max(0, total - takings.known),
    )
    top_project, project_top = _largest(takings.projects)
    samples = [
        (user, event_id)
        for user, _, event_id in profile.takers.samples(window, open_bucket=open_bucket)
    ]
    return StatedShares(
        shares=shares,
        top_user=top_user,
        top_project=top_project,
        top_project_share=ratio_of(project_top, shares),
        sample_event_ids=_samples(samples, shares, top_user),
    )


def _samples(
    samples: list[tuple[Name, str]], shares: WindowShares, top_user: Name
) -> tuple[str, ...]:
    """Return the ids of the largest events of whoever took most; of all where nobody did."""
    if ratio_of(shares.top_user, shares) >= MAJORITY_RATIO:
        samples = [sample for sample in samples if sample[0] == top_user]
    elif ratio_of(shares.nobody, shares) >= MAJORITY_RATIO:
        samples = [sample for sample in samples if sample[0] is None]
    return tuple(event_id for _, event_id in samples[:SAMPLES_PER_TAKER])


def _largest(amounts: dict[Name, int] | dict[str, int]) -> tuple[Name, int]:
    """Return the name that has most, and how much; nobody named is no name."""
    named = [(-amount, name) for name, amount in amounts.items() if name is not None and amount]
    if not named:
        return None, 0
    negative, name = min(named)
    return name, -negative
