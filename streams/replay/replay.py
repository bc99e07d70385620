"""The worker's core over files or a topic: the same judges, the same references, no broker.

The oracle of the running worker: references of a topic are on record, those of files built here.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from detectors.config import CoreConfig
from detectors.config_schedule import Schedule, Scheduled
from detectors.day_rollover import close_days
from detectors.errors import ConfigError
from detectors.event import AccessEvent, UnreadEvent, time_ms
from detectors.features.distinct_ids import DistinctIds
from detectors.features.event_clock import EventClock
from detectors.instants import DAY_MS
from detectors.instructions import apply_instruction, switch_config
from detectors.peers.builder import ReferenceBuilder
from detectors.peers.daily import DailyReferences
from detectors.peers.reference import grace_ms
from detectors.pipeline import Profile, follow_references, judge, note_rejected, open_profile
from detectors.profile import due_day
from detectors.register import UNKNOWN, Register, Registered
from detectors.snapshot import Snapshot, load
from detectors.verdict import DailySummary, Effect, NewHoldings
from streams.control.addressing import LogPlace
from streams.control.partition_time import DaysClosed
from streams.control.records import ControlMessage, Instruction, OnRecord
from streams.control.reference_log import PartitionReferences
from streams.ingest.directory import directory_of, shown_name
from streams.ingest.identity import identity_of
from streams.replay.judges import Judges, ring_judge
from streams.report.builder import SAMPLE_STEP_MS, ReportBuilder

_NEVER_MS: Final = 2**62
TOO_MANY_IDS: Final = "the cohort is larger, or one person's ids differ from event to event"
_NAMES_REMEMBERED_MAX: Final = 65_536


class Replay:
    """All institutions of one input, each with its judge.

    >>> from detectors.event import AccessEvent
    >>> replay = Replay(CoreConfig(), register=Register())
    >>> event = AccessEvent(id="e", time=0, institution="north", dataset="imaging")
    >>> list(replay.effects([event])), replay.events_count
    ([], 1)
    """

    __slots__ = (
        "_awake",
        "_builder",
        "_clock",
        "_collusion",
        "_daily",
        "_follows_pushes",
        "_fresh",
        "_ids",
        "_judges",
        "_next_sample_ms",
        "_place",
        "_recorded",
        "_recorder",
        "_registered",
        "config",
        "directory",
        "events_count",
        "first_ms",
        "last_ms",
        "profiles",
        "schedule",
    )

    def __init__(
        self,
        config: CoreConfig,
        *,
        register: Register,
        recorder: ReportBuilder | None = None,
        references: PartitionReferences | None = None,
        follows_pushes: bool = True,
        place: LogPlace | None = None,
    ) -> None:
        """Begin with no institution; `recorder` watches what they come to hold.

        The references of a partition are those on record; without them, they are built here.
        Without `follows_pushes`, `config` holds throughout: so a change is tried on the past.
        `place` is the partition of which this is the replay, where it is one.
        """
        self.config = config
        self.schedule = Schedule(config)
        self._follows_pushes = follows_pushes
        self._place = place
        self._registered = self.directory = directory_of(register)
        self._judges: dict[str, str] = {}
        self.profiles = Judges(self._loaded)
        self.events_count = 0
        self.first_ms, self.last_ms = _NEVER_MS, 0
        built = references is None
        shared = built and config.detectors.collusion.mode != "off" and not config.cohort.has_spaces
        self._collusion = ring_judge(config) if shared else None
        self._builder = ReferenceBuilder(config.reference)
        self._clock = EventClock(grace_ms=grace_ms(config.reference))
        self._daily = DailyReferences(self._builder, self._clock) if built else None
        self._recorded = references
        self._awake: set[str] = set()
        self._recorder = recorder
        self._fresh: dict[str, int] = {}
        self._ids = DistinctIds(cohort_size=config.cohort.size)
        self._next_sample_ms = 0 if recorder is not None else _NEVER_MS

    def effects(self, events: Iterable[OnRecord | DaysClosed]) -> Iterator[Effect]:
        """Judge `events` in order and yield what should happen, the daily summaries apart.

        What a topic records among them, an `Instruction` or a `Scheduled` configuration, holds
        from there on; its days end where it says so.
        """
        profiles, fresh, judges = self.profiles.resident, self._fresh, self._judges
        next_ms = 0
        for event in events:
            if isinstance(event, DaysClosed):
                yield from self._close_recorded(event)
                continue
            if not isinstance(event, AccessEvent):
                yield from self._apply_control(event)
                continue
            at_ms = time_ms(event)
            institution = judges.get(event.institution) or self._judge_of(event, at_ms=at_ms)
            if at_ms >= next_ms:
                if self._daily is not None and self._clock.reach(institution, at_ms):
                    yield from self._close_days(self._clock.last_closed_day, at_ms=at_ms)
                    self._daily.forget()
                next_ms = self._attend(at_ms)
            profile = profiles.get(institution) or self._at_work(
                institution, name=event.institution, at_ms=at_ms
            )
            cursor = profile.config_cursor
            if cursor.schedule is not self.schedule or at_ms >= cursor.due_ms:
                switch_config(profile, self.schedule, at_ms=at_ms)
            happened = judge(profile, event)
            self.events_count += 1
            fresh[institution] = at_ms
            if happened:
                yield from self._settled(profile, happened, at_ms=at_ms)
        self._sample()

    def _judge_of(self, event: AccessEvent, *, at_ms: int) -> str:
        """Return who judges an event; of names that always have the same judge it is remembered."""
        name = event.institution
        judge = self.directory.judge_of(name, at_ms)
        if judge == UNKNOWN and identity_of(name) in self.profiles:
            # Judged before there was a register: what it holds goes on to count.
            return identity_of(name)
        for former in filter(self.profiles.__contains__, self.directory.former_names(judge, at_ms)):
            self._at_work(judge, name=name, at_ms=at_ms)
            self.profiles.inherit(judge, former)
        if self.directory.is_settled(name):
            if len(self._judges) >= _NAMES_REMEMBERED_MAX:
                self._judges.clear()
            self._judges[name] = judge
        return judge

    def _at_work(self, institution: str, *, name: str, at_ms: int) -> Profile:
        """Return a judge who is idle, or new; if too many are at work, others go."""
        self._make_room()
        known = self.profiles.get(institution)
        return known or self._open(institution, name=name, at_ms=at_ms)

    def _make_room(self) -> None:
        if self.profiles.is_full:
            used_ms = self._fresh.copy()
            self._sample()
            self.profiles.pack_idle(used_ms)

    def _follow(self, profile: Profile) -> None:
        if (references := self._daily or self._recorded) is not None:
            follow_references(profile, references)

    def _loaded(self, institution: str, snapshot: Snapshot) -> Profile:
        """Return an idle judge as it was, under the reference of its day."""
        profile = load(
            snapshot.main,
            parts=snapshot.parts,
            config=self.config,
            entry=self._registered.entry(institution),
        )
        self._follow(profile)
        return profile

    def _open(self, institution: str, *, name: str, at_ms: int) -> Profile:
        """Open an institution's judge, to be shown by its name in the register, or by this one."""
        self.first_ms = min(self.first_ms, at_ms)
        entry = self.directory.entry(institution)
        profile = open_profile(
            shown_name(institution, name=name, entry=entry),
            config=self.config,
            entry=entry,
        )
        self._follow(profile)
        self.profiles.add(institution, profile)
        return profile

    def _apply_control(self, message: UnreadEvent | ControlMessage) -> Iterator[Effect]:
        if isinstance(message, UnreadEvent):
            yield from self._count_unread(message)
        elif isinstance(message, Scheduled):
            if self._follows_pushes:
                self.schedule = self.schedule.extended(message)
        elif isinstance(message, Instruction):
            self._instruct(message)

    def _count_unread(self, unread: UnreadEvent) -> Iterator[Effect]:
        """Let the judge of a rejected record's institution count it; unknown ones are let be."""
        name = unread.institution
        judge = self.directory.judge_of(name, _NEVER_MS)
        if judge == UNKNOWN:
            return
        profile = self.profiles.get(judge) or self._open(judge, name=name, at_ms=_NEVER_MS)
        at_ms = profile.state.frontier_ms or time_ms(unread)
        yield from self._settled(profile, note_rejected(profile, unread), at_ms=at_ms)

    def _instruct(self, instruction: Instruction) -> None:
        """Obey where the institution is at home; elsewhere it is only known from now on."""
        name = instruction.body.institution
        if isinstance(instruction.body, Registered):
            self.directory = self.directory.with_entry(instruction.body)
            self._judges.clear()
        if self._place is not None and not self._place.is_home(name, self.directory):
            return
        institution = self.directory.addressee_of(instruction.body)
        profile = self.profiles.get(institution) or self._open(
            institution, name=name, at_ms=_NEVER_MS
        )
        apply_instruction(profile, instruction.body, sequence=instruction.sequence)

    def _settled(
        self, profile: Profile, effects: tuple[Effect, ...], *, at_ms: int
    ) -> Iterator[Effect]:
        for effect in effects:
            if isinstance(effect, DailySummary):
                self._builder.add(effect)
                continue
            if isinstance(effect, NewHoldings):
                if self._collusion is not None:
                    yield from self._settled(profile, self._collusion.add(effect), at_ms=at_ms)
                continue
            if self._recorder is not None:
                self._recorder.sample(profile, at_ms=at_ms)
                self._recorder.note(effect)
            yield effect

    def _attend(self, at_ms: int) -> int:
        """Do what event time asks for, and return when it asks again."""
        if at_ms >= self._next_sample_ms:
            self._sample()
            step_end_ms = at_ms - at_ms % SAMPLE_STEP_MS + SAMPLE_STEP_MS
            ahead_ms = self._next_sample_ms + DAY_MS if self._next_sample_ms else step_end_ms
            # One event from a far future must not end the sampling.
            self._next_sample_ms = min(step_end_ms, ahead_ms)
        if self._daily is None:
            return self._next_sample_ms
        return min(self._next_sample_ms, self._clock.due_ms)

    def _close_recorded(self, closed: DaysClosed) -> Iterator[Effect]:
        """Close the days that end at this place of the log."""
        if self._recorded is not None:
            self._recorded.day = closed.day
        yield from self._close_days(closed.last_closed_day, at_ms=closed.day * DAY_MS)

    def _close_days(self, last_closed_day: int, *, at_ms: int) -> Iterator[Effect]:
        """Close what is over by now, for those too that have fallen silent."""
        self._awake |= self._fresh.keys()
        for institution in sorted(self._awake):
            self._make_room()
            profile = self.profiles[institution]
            effects = close_days(profile, last_closed_day)
            yield from self._settled(profile, effects, at_ms=at_ms)
            if due_day(profile) is None:
                self._awake.discard(institution)

    def _refuse_too_many_ids(self) -> None:
        """End where ids cannot be people: every sentence would be wrong."""
        count = self._ids.count(profile.ledger.state for profile in self.profiles.values())
        if count:
            size = self.config.cohort.size
            problem = f"{count:,} distinct ids were taken, of a cohort of {size:,}: {TOO_MANY_IDS}"
            raise ConfigError(path="cohort.size", problem=problem)

    def _sample(self) -> None:
        """Let the recorder see those that have moved since it last looked."""
        if not self._fresh:
            return
        if not (self.config.cohort.are_positions or self.config.cohort.has_spaces):
            self._refuse_too_many_ids()
        self._awake |= self._fresh.keys()
        self.last_ms = max(self.last_ms, *self._fresh.values())
        if self._recorder is not None:
            for institution, at_ms in self._fresh.items():
                self._recorder.sample(self.profiles[institution], at_ms=at_ms)
        self._fresh.clear()
