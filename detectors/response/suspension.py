"""Step 7 of 7: one measure against one scope: what `headgate.suspensions` says of it.

    requested --(one of two people agrees)--> approved
    requested, held, approved --(enough people agree)--> active
    requested, approved --(what is asked for is automatic)--> active, or held
    requested, held, approved, active --(expiry or release)--> released

In automatic mode it begins as active, or as held where too many would be affected at once; in a
dry run as well, but then nobody is stopped.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from detectors.verdict import Severity

SuspensionScope = Literal["user", "project", "institution"]
Measure = Literal["throttle", "suspend"]
SuspensionState = Literal["requested", "held", "approved", "active", "released"]
# Who acts where no person does.
HEADGATE: Final = "headgate"


class Asked(Struct, frozen=True, kw_only=True):
    """A stronger measure that waits for people, while a weaker one is in effect."""

    measure: Measure
    approvals: Annotated[tuple[str, ...], Meta(description="the names of those who agreed to it")]


class Suspension(Struct, frozen=True, kw_only=True):
    """The current state of one measure; a later revision replaces an earlier one.

    Its times are the recorder's, not the events': a person is stopped in the real world, and an
    alert on last week's events must not end before it has begun.
    """

    suspension_id: Annotated[str, Meta(description="the same from request to release")]
    revision: Annotated[int, Meta(ge=1, description="1 at first, one more at each change")]
    state: Annotated[
        SuspensionState,
        Meta(
            description="held: by the blast-radius guard, until people agree; "
            "approved: one person agreed, another must (four eyes)"
        ),
    ]
    measure: Annotated[Measure, Meta(description="in effect where active, else waited for")]
    asks: Annotated[
        Asked | None, Meta(description="only where active: a stronger measure is waited for")
    ] = None
    dry_run: Annotated[bool, Meta(description="recorded only: nobody is to be stopped")]
    institution: str
    scope: SuspensionScope
    subject: Annotated[str, Meta(description="the user, project or institution in the scope")]
    jurisdiction: str | None
    alert_id: Annotated[str, Meta(description="the alert without which it would not be")]
    severity: Severity
    at_ms: Annotated[int, Meta(description="when this revision was recorded")]
    alerted_ms: Annotated[int, Meta(description="event time of the alert's last statement")]
    requested_ms: int
    started_ms: Annotated[int | None, Meta(description="since when it is in effect")]
    expires_ms: Annotated[int | None, Meta(description="when it ends; None: a person must end it")]
    approvals: Annotated[
        tuple[str, ...], Meta(description="the names of those who agreed to `measure`")
    ]
    approvals_needed: Annotated[int, Meta(ge=1)]
    by: Annotated[str, Meta(description="who made this change: a key's name, or `headgate`")]
    why: Annotated[str, Meta(description="the cause of this change, in a few words")]
    reason: Annotated[str, Meta(description="what happened, as a sentence for the researcher")]
    contact: Annotated[str | None, Meta(description="whom to appeal to, as registered")]

    def __post_init__(self) -> None:
        """Refuse what no history of a measure leads to."""
        waits = self.state in {"requested", "held", "approved"}
        contradictions = {
            "asks for more, and is not active": self.asks is not None and self.state != "active",
            "waits, and is in effect": waits and self.started_ms is not None,
            "is active since never": self.state == "active" and self.started_ms is None,
            "waits for people who agreed": waits and self.agreed,
            "requested, and partly approved": self.state == "requested" and bool(self.approvals),
            "approved by nobody": self.state == "approved" and not self.approvals,
        }
        for contradiction, holds in contradictions.items():
            if holds:
                message = f"suspension {self.suspension_id}: {contradiction}"
                raise ValueError(message)

    @property
    def agreed(self) -> bool:
        """Tell whether enough people agreed to the measure."""
        return len(self.approvals) >= self.approvals_needed

    @property
    def strongest(self) -> Measure:
        """Return the strongest measure that is in effect or waited for."""
        return self.measure if self.asks is None else self.asks.measure

    @property
    def scope_id(self) -> str:
        """Return the topic's key: of one scope there is at most one open suspension."""
        return scope_id(self.scope, institution=self.institution, subject=self.subject)

    @property
    def record_id(self) -> str:
        """Return the id of this one revision: a repeat of it has no effect."""
        return f"{self.suspension_id}.{self.revision}"

    @property
    def open(self) -> bool:
        """Tell whether it is not over."""
        return self.state != "released"


def scope_id(scope: SuspensionScope, *, institution: str, subject: str) -> str:
    """Return the one name of a scope.

    The institution's length keeps two scopes apart, whatever characters their names hold.

    >>> scope_id("user", institution="north", subject="u-17")
    'user:5:north:u-17'
    """
    return f"{scope}:{len(institution)}:{institution}:{subject}"
