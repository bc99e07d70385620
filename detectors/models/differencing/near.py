"""Step 4 of 7: kept sets within reach -> those of the same user or project that nearly equal it."""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from detectors.models.differencing.kept_sets import Match, variants_of
from detectors.models.differencing.result_set import ResultSet, told_apart
from detectors.models.differencing.state import Family, Lonely, TakerMarks, Variant


class Near(Struct, frozen=True, kw_only=True):
    """An earlier set, of the same user or project, that differs by few people."""

    stored: Lonely | Family
    variant: Variant
    apart: frozenset[int]
    same_user: bool
    same_project: bool


def near_sets(
    matches: Iterable[Match], taker: TakerMarks, result_set: ResultSet, apart_max: float
) -> Iterator[Near]:
    """Yield the earlier sets of the same user or project that differ by few people."""
    for stored, away in matches:
        for variant in variants_of(stored):
            apart = away.symmetric_difference(variant.away)
            same_user, same_project = _shared(variant.takers, taker)
            if len(apart) <= apart_max and (same_user or same_project):
                yield Near(
                    stored=stored,
                    variant=variant,
                    apart=told_apart(apart, result_set),
                    same_user=same_user,
                    same_project=same_project,
                )


def distance(near: Near) -> tuple[int, int]:
    """Return by what the nearest is chosen: few people, and of those alike the newest."""
    return len(near.apart), -near.variant.last_ms


def _shared(takers: Iterable[TakerMarks], taker: TakerMarks) -> tuple[bool, bool]:
    """Tell whether a user, and whether a project, is the same; nobody at all is nobody again."""
    user, project = taker
    if not user and not project:
        return taker in takers, False
    return (
        user != 0 and any(user == each[0] for each in takers),
        project != 0 and any(project == each[1] for each in takers),
    )
