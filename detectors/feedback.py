"""What people say of an alert, as the judge of its institution must know it."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from detectors.register import Exemption


class Label(StrEnum):
    """What an alert turned out to be."""

    CONFIRMED = "confirmed"
    FALSE_POSITIVE = "false_positive"
    EXPECTED = "expected"


class Feedback(Struct, frozen=True, kw_only=True, tag="feedback"):
    """A label with what follows from it for the judgements to come.

    A false positive makes its detectors `factor` times harder to convince until `until_ms`, and
    teaches the peers; what was expected becomes an exemption. A confirmed alert changes no
    judgement of its institution, and teaches the peers nothing.
    """

    alert_id: str
    institution: str
    label: Label
    until_ms: int
    detectors: tuple[str, ...] = ()
    factor: Annotated[float, Meta(ge=1, description="by which p-values are raised")] = 1.0
    exemption: Exemption | None = None
