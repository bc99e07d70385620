"""Step 7 of 7: one measure against one scope: what `headgate.suspensions` says of it.

    requested --(one of two people agrees)--> approved
    requested, approved --(enough people agree)--> active
    requested, approved, active --(expiry or release)--> released

In automatic mode it begins as active; in a dry run as well, but then nobody is stopped.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from detectors.verdict import Severity

Scope = Literal["user", "project", "institution"]
Measure = Literal["throttle", "suspend"]
SuspensionState = Literal["requested", "approved", "active", "released"]
# Who acts where no person does.
HEADGATE: Final = "headgate"


class Suspension(Struct, frozen=True, kw_only=True):
    """The current state of one measure; a later revision replaces an earlier one.

    Its times are the recorder's, not the events': a person is stopped in the real world, and an
    alert on last week's events must not end before it has begun.
    """

    suspension_id: Annotated[str, Meta(description="the same from request to release")]
    revision: Annotated[int, Meta(ge=1, description="1 at first, one more at each change")]
    state: Annotated[
        SuspensionState, Meta(description="approved: one person agreed, another must (four eyes)")
    ]
    measure: Annotated[Measure, Meta(description="in effect, or asked for")]
    asks: Annotated[
        Measure | None, Meta(description="a stronger measure that waits for a person's approval")
    ] = None
    dry_run: Annotated[bool, Meta(description="recorded only: nobody is to be stopped")]
    held: Annotated[bool, Meta(description="the blast-radius guard waits for a person")]
    institution: str
    scope: Scope
    subject: Annotated[str, Meta(description="the user, project or institution in the scope")]
    jurisdiction: str | None
    alert_id: Annotated[str, Meta(description="the alert without which it would not be")]
    severity: Severity
    at_ms: Annotated[int, Meta(description="when this revision was recorded")]
    alerted_ms: Annotated[int, Meta(description="event time of the alert's last statement")]
    requested_ms: int
    started_ms: Annotated[int | None, Meta(description="since when it is in effect")]
    expires_ms: Annotated[int | None, Meta(description="when it ends; None: a person must end it")]
    approvals: Annotated[tuple[str, ...], Meta(description="the names of those who agreed")]
    approvals_needed: int
    agreed: Annotated[bool, Meta(description="people agreed to what is in effect")]
    by: Annotated[str, Meta(description="who made this change: a key's name, or `headgate`")]
    why: Annotated[str, Meta(description="the cause of this change, in a few words")]
    reason: Annotated[str, Meta(description="what happened, as a sentence for the researcher")]
    contact: Annotated[str | None, Meta(description="whom to appeal to, as registered")]

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


def scope_id(scope: Scope, *, institution: str, subject: str) -> str:
    """Return the one name of a scope.

    The institution's length keeps two scopes apart, whatever characters their names hold.

    >>> scope_id("user", institution="north", subject="u-17")
    'user:5:north:u-17'
    """
    return f"{scope}:{len(institution)}:{institution}:{subject}"
