"""Detectors and rules that are watched while they are used."""

from collections.abc import Callable
from typing import TypeVar

from detectors.detector import (
    Breach,
    ClosedDay,
    Detector,
    EventRule,
    RuleInput,
    Score,
    SetRule,
    WindowRule,
)
from detectors.event import AccessEvent
from detectors.features.participant_sets import ParticipantSet
from detectors.features.vector import Features
from detectors.features.windows import Windows
from detectors.pipeline import Profile
from detectors.snapshot import dump

AnswerT = TypeVar("AnswerT")


class Watched:
    """Stands before what is asked, asks everything twice, and keeps the answers."""

    def __init__(self, profile: Profile) -> None:
        """Watch one judge."""
        self.profile = profile
        self.scores: list[Score] = []
        self.breaches: list[Breach] = []

    def ask(self, question: Callable[[], AnswerT]) -> AnswerT:
        """Return the answer, once it has shown that asking changes nothing."""
        before = dump(self.profile)
        answer = question()
        assert question() == answer
        assert dump(self.profile) == before
        return answer


class WatchedDetector:
    """A detector that is watched while it is used."""

    def __init__(self, watched: Watched, detector: Detector) -> None:
        """Stand before a detector."""
        self.watched = watched
        self.detector = detector

    def score(self, features: Features) -> tuple[Score, ...]:
        """Return the detector's scores."""
        scores = self.watched.ask(lambda: self.detector.score(features))
        self.watched.scores += scores
        return scores

    def learn(self, closed_day: ClosedDay) -> None:
        """Let the detector learn."""
        self.detector.learn(closed_day)


class WatchedEventRule:
    """The same before a rule that looks at single events."""

    def __init__(self, watched: Watched, rule: EventRule) -> None:
        """Stand before a rule."""
        self.watched = watched
        self.rule = rule

    def evaluate(self, rule_input: RuleInput) -> Breach | None:
        """Return the rule's answer."""
        breach = self.watched.ask(lambda: self.rule.evaluate(rule_input))
        self.watched.breaches += [] if breach is None else [breach]
        return breach


class WatchedSetRule:
    """The same before a rule that compares sets of people."""

    def __init__(self, watched: Watched, rule: SetRule) -> None:
        """Stand before a rule."""
        self.watched = watched
        self.rule = rule

    @property
    def participants_min(self) -> int:
        """Return what the rule says."""
        return self.rule.participants_min

    def note(self, event: AccessEvent, people: ParticipantSet, *, at_ms: int) -> bool:
        """Let the rule compare."""
        return self.rule.note(event, people, at_ms=at_ms)

    def earlier(self, event: AccessEvent) -> tuple[str, ...]:
        """Return what the rule says."""
        return self.watched.ask(lambda: self.rule.earlier(event))

    def evaluate(self, event: AccessEvent, *, factor: float = 1.0) -> Breach | None:
        """Return the rule's answer."""
        breach = self.watched.ask(lambda: self.rule.evaluate(event, factor=factor))
        self.watched.breaches += [] if breach is None else [breach]
        return breach


class WatchedWindowRule:
    """The same before a rule that looks at windows."""

    def __init__(self, watched: Watched, rule: WindowRule) -> None:
        """Stand before a rule."""
        self.watched = watched
        self.rule = rule

    def crossed(self, windows: Windows, amounts: list[int]) -> bool:
        """Return what the rule says."""
        return self.rule.crossed(windows, amounts)

    def evaluate(self, features: Features) -> tuple[Breach, ...]:
        """Return the rule's breaches."""
        breaches = self.watched.ask(lambda: self.rule.evaluate(features))
        self.watched.breaches += breaches
        return breaches
