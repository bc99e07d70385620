"""Step 7 of 7: what an operator may tune of the response."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

ResponseMode = Literal["off", "dry_run", "approve", "automatic"]


class Modes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens on each rung: nothing, a record only, a request to a person, or the measure."""

    throttle: Annotated[
        ResponseMode,
        Meta(description="off; dry_run: recorded only; approve: a person agrees first; automatic"),
    ] = "dry_run"
    suspend: Annotated[ResponseMode, Meta(description="as throttle, for suspensions")] = "dry_run"


class ResponseConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the ladder is climbed, for how long, and how far it may reach.

    Risk is confidence times the share of the cohort taken, over an institution's incidents. A
    rung also asks for the confidence of the alert at hand: much taken is not yet much amiss.
    """

    modes: Modes = field(default_factory=Modes)
    jurisdictions: Annotated[
        dict[str, Modes], Meta(description="other modes for institutions registered there")
    ] = field(default_factory=dict)
    throttle_confidence: Annotated[
        float, Meta(ge=0, le=1, description="of an alert at least; 0.5 is just within the budget")
    ] = 0.75
    suspend_confidence: Annotated[
        float, Meta(ge=0, le=1, description="as throttle_confidence; 0.95 is ten times rarer")
    ] = 0.95
    throttle_risk: Annotated[float, Meta(gt=0, le=1, description="risk that asks to throttle")] = (
        0.01
    )
    suspend_risk: Annotated[float, Meta(gt=0, le=1, description="risk that asks to suspend")] = 0.18
    risk_halflife_days: Annotated[
        float, Meta(gt=0, le=365, description="event time that halves an incident's risk")
    ] = 7.0
    confirmed_weight: Annotated[
        float, Meta(ge=1, le=10, description="by which a confirmed incident raises its risk")
    ] = 2.0
    release: Annotated[
        Literal["automatic", "human"], Meta(description="who ends a measure: its expiry, or people")
    ] = "automatic"
    expiry_seconds: Annotated[
        int, Meta(ge=60, le=31_536_000, description="how long a measure, or a request, lasts")
    ] = 86_400
    cool_down_seconds: Annotated[
        int,
        Meta(
            ge=0, le=31_536_000, description="after a person released it, only a doubled risk acts"
        ),
    ] = 86_400
    blast_radius_institutions: Annotated[
        int, Meta(ge=1, description="institutions that may be affected at once without a person")
    ] = 3
    blast_radius_ratio: Annotated[
        float, Meta(ge=0, le=1, description="or this share of all that are known, if that is more")
    ] = 0.05
    institution_approvals: Annotated[
        int, Meta(ge=1, le=2, description="people who must agree on an institution-wide measure")
    ] = 2
    false_positive_factor: Annotated[
        float, Meta(ge=1, description="how much harder to convince after a false positive")
    ] = 100.0
    feedback_days: Annotated[
        int, Meta(ge=1, le=365, description="how long feedback holds unless it says until when")
    ] = 30
    keys: Annotated[
        dict[str, str],
        Meta(description="public Ed25519 keys in base64, by the names of those who may decide"),
    ] = field(default_factory=dict)

    def modes_of(self, jurisdiction: str | None) -> Modes:
        """Return the modes that hold in a jurisdiction."""
        return self.jurisdictions.get(jurisdiction or "", self.modes)
