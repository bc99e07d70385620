"""Institutions that cannot be judged by people -> one line that says who and why."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Final, Protocol

from msgspec import Meta, Struct

from detectors.profile_state import ProfileState
from streams.console.wording import number, plural

_NAMED_MAX: Final = 5


class UnnamedTotal(Struct, frozen=True, kw_only=True):
    """What left of one institution without a word of whose data it was, or of how many people."""

    institution: str
    events_count: Annotated[int, Meta(description="that name and count nobody")]
    of_events_count: Annotated[int, Meta(description="all of the institution")]
    bytes: int


class HasState(Protocol):
    """A judge, or what is kept of an idle one."""

    @property
    def state(self) -> ProfileState:
        """What is known of the institution, the holdings apart."""


def unnamed_totals(profiles: Iterable[HasState]) -> tuple[UnnamedTotal, ...]:
    """Return what left unnamed by institution, most bytes first; nobody of whom nothing did."""
    unnamed = [
        UnnamedTotal(
            institution=profile.state.institution,
            events_count=profile.state.unnamed.events_count,
            of_events_count=profile.state.events_count,
            bytes=profile.state.unnamed.bytes,
        )
        for profile in profiles
        if profile.state.unnamed.events_count
    ]
    return tuple(sorted(unnamed, key=lambda total: (-total.bytes, total.institution)))


def unnamed_notes(totals: Sequence[UnnamedTotal]) -> tuple[str, ...]:
    """Return who cannot be judged by people, and what to do about it; nothing where all can.

    >>> north = UnnamedTotal(institution="north", events_count=2, of_events_count=9, bytes=5_000)
    >>> unnamed_notes([north])[0].partition(";")[0]
    'cannot be judged by people: north (2 of 9 events, 5,000 bytes)'
    """
    if not totals:
        return ()
    named = [_text(total) for total in totals[:_NAMED_MAX]]
    more = len(totals) - len(named)
    if more:
        named.append(f"and {plural(more, 'more institution')}")
    note = (
        f"cannot be judged by people: {', '.join(named)}; [datasets.NAME] in --config says how "
        "many people a file, a request or a GiB stands for"
    )
    return (note,)


def _text(total: UnnamedTotal) -> str:
    of_events = f"{number(total.events_count)} of {plural(total.of_events_count, 'event')}"
    return f"{total.institution} ({of_events}, {number(total.bytes)} bytes)"
