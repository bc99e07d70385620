"""Simulated honest platforms: how many institutions the rule on result sets would tell of."""

from msgspec import Struct
from msgspec.structs import replace

from detectors.config import CohortConfig, CoreConfig
from detectors.event import time_ms
from detectors.features.participant_sets import participants_of
from detectors.models.differencing.rule import Differencing
from detectors.models.differencing.state import DifferencingState
from detectors.synthetic.config import WorldConfig
from detectors.synthetic.world import build_honest_world

_FAILED = frozenset({"denied", "error"})


class WorldOutcome(Struct, frozen=True, kw_only=True):
    """What came of one platform."""

    institutions: int
    sets: int
    alerted: int


def judged(world_config: WorldConfig, config: CoreConfig) -> WorldOutcome:
    """Judge every named set of a platform by the rule alone."""
    cohort = CohortConfig(size=world_config.cohort_participants).everybody
    cohort = range(0) if world_config.hashed_ids else cohort
    rules: dict[str, Differencing] = {}
    alerted: set[str] = set()
    sets = 0
    for event in build_honest_world(world_config).events():
        people = None if event.participants is None else participants_of(event.participants)
        rule = rules.get(event.institution)
        if rule is None:
            rule = rules[event.institution] = Differencing(
                config.detectors.differencing,
                DifferencingState(),
                cohort=cohort,
                has_spaces=False,
            )
        if people is None or event.outcome in _FAILED or len(people) < rule.participants_min:
            continue
        sets += 1
        if rule.note(event, people, at_ms=time_ms(event)) and rule.evaluate(event) is not None:
            alerted.add(event.institution)
    return WorldOutcome(institutions=len(rules), sets=sets, alerted=len(alerted))


def smaller(world_config: WorldConfig) -> WorldConfig:
    """Return a platform of fifty institutions, watched for ten weeks."""
    return replace(world_config, institutions=50, days=70, warmup_days=14)
