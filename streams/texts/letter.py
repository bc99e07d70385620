"""Step 7 of 7: a suspension that is in effect, or over -> the letter to the researcher.

A letter names nobody but its reader, who is "your account". The same suspension in the same
words gives the same letter, and it quotes the words, so that what was said can be shown later.
"""

from string import Template

from msgspec import Struct

from detectors.response.suspension import Suspension
from streams.console.wording import minute
from streams.texts.config import TextsConfig
from streams.texts.template import Wording, read_wording, wording_hash


class Letter(Struct, frozen=True, kw_only=True):
    """What the researcher is told, ready to be shown or sent."""

    language: str
    title: str
    reason: str
    next_steps: str
    appeal: str | None
    ends: str | None
    words: str


class Letters:
    """The words of every jurisdiction; a wrong file is refused when this is made."""

    __slots__ = ("_by_jurisdiction", "_default")

    def __init__(self, config: TextsConfig) -> None:
        """Read all files."""
        self._default = read_wording(config.default)
        self._by_jurisdiction = {
            jurisdiction: read_wording(name) for jurisdiction, name in config.jurisdictions.items()
        }

    def letter(self, suspension: Suspension) -> Letter | None:
        """Return the letter; None while nobody is stopped: dry runs and requests concern nobody."""
        if suspension.dry_run or suspension.started_ms is None:
            return None
        wording = self._by_jurisdiction.get(suspension.jurisdiction or "", self._default)
        filled = _Filled(wording, suspension)
        return filled.measured() if suspension.open else filled.over()


class _Filled:
    """The words with their placeholders filled for one suspension."""

    __slots__ = ("_suspension", "_values", "_wording")

    def __init__(self, wording: Wording, suspension: Suspension) -> None:
        self._wording = wording
        self._suspension = suspension
        expires_ms = suspension.expires_ms
        self._values = {
            "institution": suspension.institution,
            "reason": suspension.reason,
            "since": minute(suspension.started_ms or suspension.at_ms),
            "until": "" if expires_ms is None else minute(expires_ms),
            "contact": suspension.contact or wording.contact,
            "case": suspension.suspension_id,
        }
        self._values["scope"] = self._text(getattr(wording.scopes, suspension.scope))

    def measured(self) -> Letter:
        """Return what is said while it is in effect."""
        wording = self._wording
        words = wording.suspend if self._suspension.measure == "suspend" else wording.throttle
        by_itself = self._suspension.expires_ms is not None
        return Letter(
            language=wording.language,
            title=self._text(words.title),
            reason=self._text(words.reason),
            next_steps=self._text(words.next_steps),
            appeal=self._text(words.appeal),
            ends=self._text(words.ends if by_itself else words.ends_by_people),
            words=wording_hash(wording),
        )

    def over(self) -> Letter:
        """Return what is said when it is over."""
        words = self._wording.release
        return Letter(
            language=self._wording.language,
            title=self._text(words.title),
            reason=self._text(words.reason),
            next_steps=self._text(words.next_steps),
            appeal=None,
            ends=None,
            words=wording_hash(self._wording),
        )

    def _text(self, words: str) -> str:
        return Template(words).safe_substitute(self._values)
