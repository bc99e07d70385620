"""One alert against a recount: which of its numbers are right, and which are wrong."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from msgspec import Struct

from benchmarks.sentences.recount import (
    HOUR_MS,
    MONTH_SECONDS,
    SAMPLES_COUNT,
    SPANS,
    Recount,
    Took,
)
from detectors.policy.explain import ahead, percent
from detectors.registry import feature_of
from detectors.verdict import Alert, ReasonDetail

_NUMBER: Final = r"([\d,]+)"
_SHARE: Final = re.compile(
    r"(?:(at least )(\d+)|([\d.]+(?:e-\d+)?)) % of (it|the new participants)(.*)"
)
_HOLDS: Final = re.compile(
    r"now holds (at most )?(.+? %) of the (.+) cohort(?:, (.*) at this pace)?"
)
_MAJORITY: Final = 0.5
_MINUTES_5_SECONDS: Final = 300


class Checked(Struct, frozen=True, kw_only=True):
    """One number of a sentence, as told and as recounted."""

    what: str
    stated: str
    recounted: str

    @property
    def right(self) -> bool:
        """Tell whether it is the same."""
        return self.stated == self.recounted


def checked(alert: Alert, recount: Recount) -> Iterator[Checked]:
    """Yield every number of an alert's sentence, and what else it states of its window."""
    head, _, tail = alert.sentence.removesuffix(".").partition("; now")
    yield from _observed(alert, alert.reasons[0], head, recount)
    yield from _shares(alert, head, recount)
    if tail:
        yield from _holdings(f"now{tail}", recount)
    yield from _window(alert, recount)


def _observed(alert: Alert, detail: ReasonDetail, head: str, recount: Recount) -> Iterator[Checked]:
    """Yield what was taken in the window that is told."""
    amount = _AMOUNTS.get(f"{detail.detector}/{detail.feature}")
    number = re.search(_NUMBER, head.removeprefix(alert.institution))
    if amount is None or number is None:
        return
    yield Checked(
        what=detail.feature,
        stated=number[1],
        recounted=f"{amount(recount, detail.window_seconds):,}",
    )
    expected = re.search(rf"(?:expected|limit|approved) {_NUMBER}\)", head)
    if expected is not None:
        yield Checked(what="expected", stated=expected[1], recounted=f"{detail.expected:,.0f}")


def _shares(alert: Alert, head: str, recount: Recount) -> Iterator[Checked]:
    """Yield each share of what was taken, by a user, by nobody named, or late."""
    taken = _taken_by(alert, recount)
    total = taken.total()
    for part in head.split(", ")[1:]:
        share = _SHARE.fullmatch(part)
        if share is None:
            continue
        bound, floor, exact, _, whose = share.groups()
        amount = taken[None]
        if whose.startswith(" by user "):
            amount = taken[whose.removeprefix(" by user ")]
        elif whose.startswith(" come late"):
            amount = sum(took.new for took in recount.within(_window_seconds(alert)) if took.late)
        if bound:
            least = int(floor) * total <= 100 * amount
            yield Checked(what="bound", stated=floor, recounted=floor if least else "less")
        else:
            yield Checked(
                what="share", stated=f"{exact} %", recounted=percent(amount / max(1, total))
            )


def _holdings(tail: str, recount: Recount) -> Iterator[Checked]:
    """Yield what is now held, and when all of it will be."""
    holds = _HOLDS.fullmatch(tail)
    if holds is None:
        yield Checked(what="holdings", stated=tail, recounted="nothing that can be read")
        return
    _, stated, dataset, pace = holds.groups()
    ratio = recount.held(dataset) / recount.cohort_size
    yield Checked(what="holds", stated=stated, recounted=percent(ratio))
    if pace is not None:
        days = recount.full_days()
        told_ahead = pace.removeprefix("all of it ").removeprefix("the whole cohort ")
        yield Checked(
            what="ahead", stated=told_ahead, recounted="never" if days is None else ahead(days)
        )


def _window(alert: Alert, recount: Recount) -> Iterator[Checked]:
    """Yield the user, the project, the first and the last time and the events of the window."""
    taken = _taken_by(alert, recount)
    exact = alert.shares is not None and alert.shares.unknown == 0
    if exact:
        yield from _largest("user", (alert.top_user, alert.top_user_share), taken)
    if exact and alert.shares is not None and alert.shares.of == "new_participants":
        projects: Counter[str | None] = Counter()
        for took in _events_of(alert, recount):
            projects[took.event.project] += took.new
        yield from _largest("project", (alert.top_project, alert.top_project_share), projects)
    own = recount.new_by_user(MONTH_SECONDS)[alert.top_user] if alert.top_user else 0
    # At least so many, whatever else was taken in these 30 days: a suspension rests on it.
    stated = alert.top_user_participants
    yield Checked(what="own taking", stated=str(stated), recounted=str(min(stated, own)))
    begins_ms = max(recount.first_ms, _begins_ms(alert, recount))
    yield Checked(what="first time", stated=str(alert.started_ms), recounted=str(begins_ms))
    yield Checked(what="last time", stated=str(alert.at_ms), recounted=str(recount.now_ms))
    yield from _samples(alert, _events_of(alert, recount), exact=exact)


def _largest(
    what: str, stated: tuple[str | None, float], taken: Counter[str | None]
) -> Iterator[Checked]:
    """Yield who took most of a window, and which part of all that was taken in it."""
    named = {name: amount for name, amount in taken.items() if name is not None and amount}
    top = min(named, key=lambda name: (-named[name], name), default=None)
    yield Checked(what=what, stated=str(stated[0]), recounted=str(top))
    share = named.get(top or "", 0) / max(1, taken.total())
    yield Checked(what=f"{what} share", stated=f"{stated[1]:.9f}", recounted=f"{share:.9f}")


def _begins_ms(alert: Alert, recount: Recount) -> int:
    """Return when the window began that is told of."""
    if _is_hour(alert):
        return recount.now_ms // HOUR_MS * HOUR_MS
    of_event = alert.shares is not None and alert.shares.of == "event"
    return recount.begins_ms(_MINUTES_5_SECONDS if of_event else _window_seconds(alert))


def _samples(alert: Alert, window: list[Took], *, exact: bool) -> Iterator[Checked]:
    """Yield the events that are named: of the window, of who took most, and the largest."""
    size = _bytes_of if alert.reasons[0].feature == "bytes" and _is_hour(alert) else _new_of
    shares = alert.shares
    if shares is not None and shares.of != "event" and shares.total:
        if shares.top_user >= _MAJORITY * shares.total:
            window = [took for took in window if took.event.user == alert.top_user]
        elif shares.nobody >= _MAJORITY * shares.total:
            window = [took for took in window if took.event.user is None]
    sizes = {took.event.id: size(took) for took in window}
    stated = [sizes.get(event_id, -1) for event_id in alert.sample_event_ids]
    most = sorted((amount for amount in sizes.values() if amount), reverse=True)[:SAMPLES_COUNT]
    if shares is not None and shares.of == "event":
        most = stated
    right = stated == most if exact else min(stated, default=0) >= 0
    yield Checked(what="events", stated=str(stated), recounted=str(stated if right else most))


def _bytes_of(took: Took) -> int:
    return took.event.bytes


def _new_of(took: Took) -> int:
    return took.new


def _is_hour(alert: Alert) -> bool:
    return alert.shares is not None and alert.shares.of == "bytes"


def _window_seconds(alert: Alert) -> int:
    seconds = alert.reasons[0].window_seconds
    return seconds if seconds in SPANS else MONTH_SECONDS


def _events_of(alert: Alert, recount: Recount) -> list[Took]:
    if _is_hour(alert):
        return list(recount.open_hour())
    if alert.shares is not None and alert.shares.of == "event":
        return [took for took in recount.took if took.event.id == alert.trigger_event_id]
    # A limit on new participants counts what was taken in the first days too.
    detail = alert.reasons[0]
    evidence = feature_of(detail.detector, detail.feature).shares_basis != "gained"
    return list(recount.within(_window_seconds(alert), evidence=evidence))


def _taken_by(alert: Alert, recount: Recount) -> Counter[str | None]:
    """Return by user what the sentence shares out."""
    taken: Counter[str | None] = Counter()
    for took in _events_of(alert, recount):
        of_event = alert.shares is not None and alert.shares.of == "event"
        amount = 1 if of_event else took.event.bytes if _is_hour(alert) else took.new
        taken[took.event.user] += amount
    return taken


def _new(recount: Recount, window_seconds: int) -> int:
    return sum(took.new for took in recount.within(window_seconds))


def _walked(recount: Recount, window_seconds: int) -> int:
    return sum(took.walked for took in recount.within(window_seconds))


def _hour_bytes(recount: Recount, _: int) -> int:
    return sum(took.event.bytes for took in recount.open_hour())


def _rows(recount: Recount, window_seconds: int) -> int:
    return sum(took.event.rows for took in recount.within(window_seconds, evidence=False))


def _bytes(recount: Recount, window_seconds: int) -> int:
    return sum(took.event.bytes for took in recount.within(window_seconds, evidence=False))


def _files(recount: Recount, window_seconds: int) -> int:
    return sum(took.event.files for took in recount.within(window_seconds, evidence=False))


def _canaries(recount: Recount, _: int) -> int:
    return recount.took[-1].canaries


def _gained(recount: Recount, window_seconds: int) -> int:
    return sum(took.new for took in recount.within(window_seconds, evidence=False))


_AMOUNTS: Final[dict[str, Callable[[Recount, int], int]]] = {
    "canary/canaries": _canaries,
    "excess/new_participants": _new,
    "quota/bytes": _bytes,
    "quota/files": _files,
    "quota/new_participants": _gained,
    "quota/rows": _rows,
    "sweep/sliced_participants": _new,
    "sweep/walked_participants": _walked,
    "volume/bytes": _hour_bytes,
}
