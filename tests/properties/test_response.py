"""Whatever comes in whatever order: no suspension without a cause, none twice, none for ever."""

from collections.abc import Sequence

import hypothesis.strategies as st
import msgspec
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from detectors.feedback import Feedback, Label
from detectors.register import Institution, Project, Registered
from detectors.response import guard
from detectors.response.config import Modes, ResponseConfig, ResponseMode
from detectors.response.entries import (
    AlertSeen,
    Approved,
    AuditEntry,
    Body,
    Configured,
    DecisionMade,
    Labelled,
    Released,
    Tick,
    Verb,
)
from detectors.response.fold import ResponseAction, apply
from detectors.response.state import ResponseState, next_due_ms
from detectors.response.suspension import Suspension
from detectors.response.withheld import Withheld
from tests.builders import alert_seen, audit_entry

COHORT = 1_000
DAY_MS = 86_400_000
INSTITUTIONS = tuple(f"i{number}" for number in range(6))
PEOPLE = ("ann", "ben", "cat")
MODES: Sequence[ResponseMode] = ("off", "dry_run", "approve", "automatic")
# Why a measure begins, or is more than it was.
ADVANCED = {"alert", "the incident has grown", "no person is asked any more"}
PROJECTS = (Project(id="p1"), Project(id="p2"))

institutions = st.sampled_from(INSTITUTIONS)
people = st.sampled_from(PEOPLE)
numbers = st.integers(min_value=0, max_value=1)
few = st.sampled_from(INSTITUTIONS[:2])


def seen(alert_id: str, institution: str, *, taken: int, day: int = 60) -> AlertSeen:
    """Return an alert as the ladder sees it, of nobody in particular."""
    return alert_seen(
        alert_id=alert_id,
        institution=institution,
        at_ms=day * DAY_MS,
        taken_participants=taken,
        user=None,
        project=None,
    )


alerts = st.builds(
    replace,
    st.just(seen("", "", taken=0)),
    at_ms=st.integers(min_value=0, max_value=60).map(lambda day: day * DAY_MS),
    taken_participants=st.integers(min_value=0, max_value=COHORT),
    user=st.sampled_from([None, "u1", "u2"]),
    user_share=st.sampled_from([0.2, 0.9]),
    project=st.sampled_from([None, "p1"]),
    change=st.sampled_from(["create", "update", "close"]),
)


class Response(RuleBasedStateMachine):
    """Alerts, people and time in any order, with a model of what was open when."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.state = ResponseState()
        self.entries: list[AuditEntry] = []
        self.actions: list[ResponseAction] = []
        self.alerted: set[str] = set()
        self.latest: dict[str, Suspension] = {}
        self.now_ms = 0
        self.signed_ms = 0

    @initialize(
        throttle=st.sampled_from(MODES),
        suspend=st.sampled_from(MODES),
        release=st.sampled_from(["automatic", "human"]),
    )
    def configure(self, throttle: ResponseMode, suspend: ResponseMode, release: str) -> None:
        """Begin under some configuration."""
        config = ResponseConfig(
            modes=Modes(throttle=throttle, suspend=suspend),
            jurisdictions={"uk": Modes(throttle="automatic", suspend="automatic")},
            release=release,  # type: ignore[arg-type] # one of its two words.
        )
        self.take(Configured(response=config, cohort_size=COHORT, config_hash="", version=""))

    def take(self, body: Body) -> tuple[ResponseAction, ...]:
        """Let one entry act, and note what is shown to the world."""
        entry = audit_entry(
            body, sequence=len(self.entries), batch=len(self.entries), recorded_ms=self.now_ms
        )
        self.entries.append(entry)
        actions = apply(self.state, entry)
        self.actions += actions
        for action in actions:
            if isinstance(action, Suspension):
                self.show(action)
        return actions

    def show(self, suspension: Suspension) -> None:
        """Check each change against what was shown before it."""
        assert suspension.alert_id in self.alerted
        before = self.latest.get(suspension.scope_id)
        if before is not None and before.open:
            assert suspension.suspension_id == before.suspension_id
            assert suspension.revision == before.revision + 1
        else:
            assert suspension.revision == 1
        assert (suspension.started_ms is not None) >= (suspension.state == "active")
        self.latest[suspension.scope_id] = suspension

    @rule(institution=few, number=numbers, alert=alerts)
    def alert(self, institution: str, number: int, alert: AlertSeen) -> None:
        """State an alert, in any order of days and changes."""
        alert_id = f"{institution}-{number}"
        self.alerted.add(alert_id)
        actions = self.take(replace(alert, alert_id=alert_id, institution=institution))
        self.explained(alert_id, actions)

    def explained(self, alert_id: str, actions: tuple[ResponseAction, ...]) -> None:
        """No statement is silent: a measure begins or grows, or it says why none does."""
        because = [action for action in actions if isinstance(action, Withheld)]
        advanced = any(
            isinstance(action, Suspension) and action.why in ADVANCED for action in actions
        )
        assert len(because) <= 1
        assert advanced or because
        incident = self.state.incident(alert_id)
        if incident is not None:
            assert incident.withheld == (because[0] if because else None)
        for withheld in because:
            assert withheld.alert_id == alert_id
            assert all(
                (limit.seen > limit.needed) is (limit.quantity == "institutions")
                for limit in withheld.thresholds
            )

    @rule(taken=st.integers(min_value=200, max_value=COHORT))
    def storm(self, taken: int) -> None:
        """Let a broken detector flag everybody at once."""
        for institution in INSTITUTIONS:
            alert_id = f"{institution}-storm"
            self.alerted.add(alert_id)
            self.take(seen(alert_id, institution, taken=taken))

    def decide(self, who: str, verb: Verb) -> tuple[ResponseAction, ...]:
        """Let somebody decide."""
        self.signed_ms += 1
        return self.take(
            DecisionMade(
                decision_id=str(self.signed_ms),
                who=who,
                note="",
                at_ms=self.signed_ms,
                verb=verb,
                jws="",
            )
        )

    @rule(who=people, number=st.integers(min_value=0))
    def approve(self, who: str, number: int) -> None:
        """Agree to something that may be open."""
        if self.state.open:
            scope_id = sorted(self.state.open)[number % len(self.state.open)]
            self.decide(who, Approved(suspension_id=self.state.open[scope_id].suspension_id))

    @rule(who=people, number=st.integers(min_value=0))
    def release(self, who: str, number: int) -> None:
        """Release is always possible, by any one person, and it is over then."""
        if self.state.open:
            scope_id = sorted(self.state.open)[number % len(self.state.open)]
            suspension = self.state.open[scope_id]
            self.decide(who, Released(suspension_id=suspension.suspension_id))
            ended = self.latest[scope_id]
            assert (ended.suspension_id, ended.state) == (suspension.suspension_id, "released")
            assert scope_id not in self.state.open

    @rule(who=people, institution=few, number=numbers, label=st.sampled_from(Label))
    def label(self, who: str, institution: str, number: int, label: Label) -> None:
        """Say what an alert was; what was harmless stops nobody from then on."""
        alert_id = f"{institution}-{number}"
        actions = self.decide(who, Labelled(alert_id=alert_id, label=label))
        feedback = [action for action in actions if isinstance(action, Feedback)]
        assert [instruction.alert_id for instruction in feedback] == [alert_id] * (
            alert_id in self.alerted
        )
        if label is not Label.CONFIRMED:
            assert list(self.state.of_alert(alert_id)) == []

    @rule(seconds=st.integers(min_value=0, max_value=200_000))
    def wait(self, seconds: int) -> None:
        """Let time pass in which nothing arrives."""
        self.now_ms += seconds * 1_000
        self.take(Tick())
        due_ms = next_due_ms(self.state)
        assert due_ms is None or due_ms > self.now_ms

    @rule(institution=institutions, jurisdiction=st.sampled_from([None, "uk"]))
    def register(self, institution: str, jurisdiction: str | None) -> None:
        """Replace an institution's entry."""
        entry = Institution(id=institution, jurisdiction=jurisdiction, projects=PROJECTS)
        self.decide("ann", Registered(institution=institution, entry=entry))

    @invariant()
    def one_of_a_scope(self) -> None:
        """Compare what the world was shown with what is open."""
        still_open = {
            name: suspension for name, suspension in self.latest.items() if suspension.open
        }
        assert still_open == self.state.open

    @invariant()
    def the_guard_holds(self) -> None:
        """Nobody beyond the limit is affected without a person's agreement."""
        for dry_run in (True, False):
            unagreed = guard.unagreed(self.state, dry_run=dry_run)
            acting = [suspension for suspension in unagreed if suspension.state == "active"]
            assert len(guard.institutions_of(acting)) <= guard.limit_of(self.state)

    @invariant()
    def four_eyes(self) -> None:
        """Nothing institution-wide is agreed to by one person alone."""
        for suspension in self.state.open.values():
            if suspension.agreed and suspension.scope == "institution":
                assert len(set(suspension.approvals)) >= 2

    def teardown(self) -> None:
        """Fold the journal anew, from its bytes: the same actions, the same state."""
        state = ResponseState()
        raw = [msgspec.json.encode(entry) for entry in self.entries]
        again = [msgspec.json.decode(line, type=AuditEntry) for line in raw]
        assert [action for entry in again for action in apply(state, entry)] == self.actions
        assert msgspec.json.encode(state, order="sorted") == msgspec.json.encode(
            self.state, order="sorted"
        )


TestResponse = Response.TestCase
