"""Step 4 of 7: event -> breach. The rule on result sets; what it catches is said with its knobs."""

from collections.abc import Iterable
from typing import Final
from zlib import crc32

from detectors.detector import Breach
from detectors.event import COUNT_MAX, AccessEvent
from detectors.features.participant_sets import ParticipantSet
from detectors.features.windows import WINDOW_SECONDS, Window
from detectors.instants import DAY_MS
from detectors.models.differencing.cohort_changes import is_change, note_changed
from detectors.models.differencing.config import VARIANT_PARTICIPANTS_MAX, DifferencingConfig
from detectors.models.differencing.kept_sets import (
    KeptSets,
    Match,
    extend,
    reach_of,
    variants_of,
)
from detectors.models.differencing.near import Near, distance, near_sets
from detectors.models.differencing.result_set import (
    ResultSet,
    forms_of,
    plain,
    span_of,
)
from detectors.models.differencing.state import (
    TAKERS_MAX,
    DifferencingState,
    Lonely,
    TakerMarks,
    Variant,
)
from detectors.models.differencing.tally import NOBODY, Tally

# Marks of names that are remembered, so as not to be made anew for each event.
_MARKS_MAX: Final = 1_024


class Differencing:
    """Result sets that differ by few people, by user and by project.

    >>> rule = Differencing(
    ...     DifferencingConfig(allowed_differences=0, settled_hours=0),
    ...     DifferencingState(),
    ...     cohort=range(0),
    ...     has_spaces=False,
    ... )
    >>> for number, left_out in enumerate([0, 7, 9]):
    ...     people = set(range(1, 50)) - {left_out}
    ...     event = AccessEvent(
    ...         id=f"e-{number}", time=number, institution="i", dataset="d", user="ada"
    ...     )
    ...     counts = rule.note(event, people, at_ms=number)
    >>> rule.evaluate(event).observed
    1.0
    """

    __slots__ = (
        "_cohort",
        "_counted",
        "_earlier",
        "_has_spaces",
        "_kept",
        "_marks",
        "_plain_below",
        "_reach",
        "_tally",
        "config",
        "state",
    )

    def __init__(
        self,
        config: DifferencingConfig,
        state: DifferencingState,
        *,
        cohort: range,
        has_spaces: bool,
    ) -> None:
        """Compare sets; `cohort` are the ids of everybody, empty where they are not known.

        Where there are id spaces, the same number may be another person in another project.
        """
        self.config = config
        self.state = state
        self._cohort = cohort
        self._has_spaces = has_spaces
        self._reach = reach_of(config)
        # Of fewer people the complement is never compared.
        self._plain_below = len(cohort) // 2 - self._reach if cohort else COUNT_MAX
        self._kept = KeptSets(state, config)
        self._tally = Tally(state)
        self._marks: dict[str | None, int] = {None: 0}
        self._counted: AccessEvent | None = None
        self._earlier: tuple[str, ...] = ()

    @property
    def participants_min(self) -> int:
        """Return how many people a set has at least that is looked at."""
        return self.config.set_participants_min

    def note(self, event: AccessEvent, people: ParticipantSet, *, at_ms: int) -> bool:
        """Compare what an event took with what was taken before, keep it, and tell if it counts."""
        state, stored, marks, below = self.state, self._kept, self._marks, self._plain_below
        user, project, dataset = event.user, event.project, event.dataset
        now_ms = state.now_ms
        if at_ms > now_ms:
            # What comes late is compared as it comes.
            now_ms = state.now_ms = at_ms
        day = now_ms // DAY_MS
        if day != self._tally.day:
            self._tally.open_day(day)
            state.released = 0
        self._tally.count_set(user, project)
        if user not in marks or project not in marks or dataset not in marks:
            self._mark(user, project, dataset)
        group = marks[dataset]
        if isinstance(event.fields, list) or self._has_spaces:
            group = self._group(event)
        if type(people) is range and not state.sets and people.stop - people.start < below:
            # Mostly a page that is like no other.
            first, beyond, bitmap = people.start, people.stop, None
            count = beyond - first
            matches = stored.near_span(first, beyond, group)
            if matches and self._compare(event, plain(people), matches, now_ms):
                return self._counted is event
        else:
            forms = forms_of(people, cohort=self._cohort, reach=self._reach)
            matches = [match for form in forms for match in stored.near(form, group)]
            if matches and self._compare(event, forms[0], matches, now_ms):
                return self._counted is event
            first, beyond, bitmap = span_of(forms[0])
            count = forms[0].count
        who = marks[user], marks[project], event.id
        stored.keep(Lonely(0, group, count, first, beyond, now_ms, now_ms, *who), bitmap)
        return self._counted is event

    def earlier(self, event: AccessEvent) -> tuple[str, ...]:
        """Return the id of the event whose set differs from this one's by few people."""
        return self._earlier if self._counted is event else ()

    def evaluate(self, event: AccessEvent, *, factor: float = 1.0) -> Breach | None:
        """Return a breach where the event, just noted, told few people apart once too often.

        What is allowed is multiplied by `factor`. Changes no state.
        """
        if self._counted is not event:
            return None
        user = event.user
        if user is None and event.project is None:
            user = NOBODY
        if user is not None:
            breach = self._beyond("user_differences", *self._tally.of_user(user), factor)
            if breach is not None:
                return breach
        if event.project is None:
            return None
        return self._beyond("project_differences", *self._tally.of_project(event.project), factor)

    def _beyond(self, feature: str, differences: int, sets: int, factor: float) -> Breach | None:
        config = self.config
        allowed = factor * max(config.allowed_differences, config.allowed_ratio * sets)
        if differences <= allowed:
            return None
        return Breach(
            detector="differencing",
            feature=feature,
            window_seconds=WINDOW_SECONDS[Window.WEEK],
            observed=float(differences),
            expected=allowed,
        )

    def _mark(self, *names: str | None) -> None:
        """Make numbers for names; of two names in four billion pairs one is the same."""
        marks = self._marks
        if len(marks) > _MARKS_MAX:
            marks.clear()
            marks[None] = 0
        for name in names:
            if name is not None:
                marks[name] = crc32(name.encode()) | 1 << 32

    def _group(self, event: AccessEvent) -> int:
        """Return a mark of the dataset, the fields and the id space of an event."""
        fields = event.fields
        named = "\0".join(sorted(fields)) if isinstance(fields, list) else ""
        space = (event.project or "") if self._has_spaces else ""
        return crc32(f"{event.dataset}\0{space}\0{named}".encode())

    def _compare(
        self, event: AccessEvent, result_set: ResultSet, matches: list[Match], now_ms: int
    ) -> bool:
        """Judge a set by the earlier ones within reach; tell whether it is kept with one of them.

        The same set again is one of them; one that differs by few people is of its family.
        """
        taker = (self._marks[event.user], self._marks[event.project])
        if self._is_repeat(event, matches, taker, now_ms):
            return True
        config = self.config
        apart_max = min(
            config.apart_participants_min - 1, config.apart_ratio_max * result_set.named_count
        )
        near = [each for each in near_sets(matches, taker, result_set, apart_max) if each.apart]
        if not near:
            return False
        base = self._judge(event, near, now_ms)
        base.variant.is_base = True
        family = self._kept.family(base.stored, base.variant)
        away = next(away for stored, away in matches if stored is base.stored)
        if len(away) > VARIANT_PARTICIPANTS_MAX:
            return False
        variant = Variant(
            away=sorted(away), since_ms=now_ms, last_ms=now_ms, takers=[taker], event_id=event.id
        )
        extend(family, variant)
        return True

    def _is_repeat(
        self, event: AccessEvent, matches: Iterable[Match], taker: TakerMarks, now_ms: int
    ) -> bool:
        """Note that the same set was taken again; tell whether it was taken before."""
        for stored, away in matches:
            wanted = sorted(away)
            for variant in variants_of(stored):
                if variant.away != wanted:
                    continue
                if isinstance(stored, Lonely) and taker == (stored.user, stored.project):
                    stored.last_ms, stored.event_id = now_ms, event.id
                    self._kept.use(stored)
                    return True
                self._kept.family(stored, variant)
                variant.last_ms, variant.event_id = now_ms, event.id
                if taker not in variant.takers:
                    variant.takers.append(taker)
                    del variant.takers[:-TAKERS_MAX]
                return True
        return False

    def _judge(self, event: AccessEvent, near: list[Near], now_ms: int) -> Near:
        """Count the set, unless a change of the cohort explains how it differs from one of them.

        Returns the one that it is held against.
        """
        state = self.state
        explained = next(
            (each for each in near if is_change(each, state, self.config, now_ms)), None
        )
        base = explained or min(near, key=distance)
        fresh_count = note_changed(state, base.apart, now_ms)
        if explained is not None:
            state.released += fresh_count
            return base
        if not fresh_count and len(base.apart) > 1:
            # A group that was left out before, in another analysis.
            return base
        user = event.user if any(each.same_user for each in near) else None
        project = event.project if any(each.same_project for each in near) else None
        if event.user is None and event.project is None:
            user = NOBODY
        self._tally.count_difference(user, project)
        self._counted, self._earlier = event, (base.variant.event_id,)
        return base
