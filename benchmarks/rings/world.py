"""A platform of institutions that study in many styles, and thefts shared by some of them.

Everything is drawn from one seed. A study takes people within days; what an institution had
before is not new to it, and is left out as a judge would leave it out.
"""

from collections.abc import Callable
from itertools import pairwise
from math import log
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt
from msgspec import Struct

COHORT_SIZE: Final = 500_000
INSTITUTIONS: Final = 100
# Days before the first are history: nobody is judged on them.
HISTORY_DAYS: Final = 60
DAYS: Final = 119
WARMUP_DAYS: Final = 28
_THEFTS: Final = 5
_REGIONS: Final = 12
_PAGES: Final = (200, 250, 500, 1_000)

Ids = npt.NDArray[np.int64]
Kind = Literal[
    "divide", "contig", "idorder", "pages", "overlap", "habits", "indep", "spread", "decoy", "exact"
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_STYLES: Final = ("scattered", "contiguous", "blocks", "regional", "popular", "whole", "pages")
# How the bystander of a theft works, in the same days.
_BESIDE: Final[dict[str, str]] = {
    "contig": "contiguous",
    "idorder": "regional",
    "pages": "pages",
    "habits": "pages",
}


class SharedTheft(Struct, frozen=True):
    """Who shares which kind of theft, when, and who only works beside them."""

    kind: Kind
    members: frozenset[int]
    bystander: int
    first_day: int
    end_day: int


class RingWorld:
    """One platform: `news[institution][day + HISTORY_DAYS]` are the people it took new that day.

    With `classes` three styles in ten study by sex, centre or age, of which ids say nothing.
    """

    def __init__(self, seed: int, *, classes: bool = False) -> None:
        """Draw everything."""
        random = self._random = np.random.default_rng(seed)
        cuts = np.sort(random.choice(np.arange(10, 490), _REGIONS - 1, replace=False)) * 1_000
        borders = [0, *cuts.tolist(), COHORT_SIZE]
        self._regions = list(pairwise(borders))
        self._popular = [
            np.sort(random.choice(COHORT_SIZE, int(COHORT_SIZE * share), replace=False))
            for share in random.uniform(0.01, 0.08, 8)
        ]
        centres = random.dirichlet(np.full(22, 4.0))
        self._sex = random.integers(0, 2, COHORT_SIZE)
        self._centre_of = random.choice(22, COHORT_SIZE, p=centres)
        self._age_band = random.integers(0, 5, COHORT_SIZE)
        self._homes = random.integers(0, _REGIONS, INSTITUTIONS)
        self._centres = random.integers(0, 22, INSTITUTIONS)
        self._cursors = random.integers(0, COHORT_SIZE, INSTITUTIONS)
        self._taken: list[list[list[Ids]]] = [
            [[] for _ in range(HISTORY_DAYS + DAYS)] for _ in range(INSTITUTIONS)
        ]
        self.thefts: list[SharedTheft] = []
        self._studies((*_STYLES, *(("class",) * 3 if classes else ())))
        for number in range(_THEFTS):
            kind = KINDS[(seed * _THEFTS + number) % len(KINDS)]
            self._theft(kind, int(random.integers(30, 95)))
        self.news = [self._news_of(days) for days in self._taken]

    def _studies(self, styles: tuple[str, ...]) -> None:
        random = self._random
        usual_style = [styles[random.integers(len(styles))] for _ in range(INSTITUTIONS)]
        sizes = np.clip(random.lognormal(log(0.01), 0.8, INSTITUTIONS), 0.001, 0.1)
        for institution in range(INSTITUTIONS):
            day = random.exponential(10) - 55
            while day < DAYS:
                usual = random.random() < 0.8
                style = usual_style[institution] if usual else styles[random.integers(len(styles))]
                ratio = np.clip(sizes[institution] * random.lognormal(0, 0.8), 0.001, 0.1)
                people = self._study(institution, style, int(COHORT_SIZE * ratio))
                ordered = style in {"contiguous", "blocks", "whole", "pages"}
                self._put(
                    institution, people, int(day), 1 + int(random.exponential(4)), ordered=ordered
                )
                day += random.exponential(21)

    @staticmethod
    def _news_of(days: list[list[Ids]]) -> list[Ids]:
        held = np.zeros(COHORT_SIZE, bool)
        news = []
        for taken in days:
            people = np.unique(np.concatenate(taken)) if taken else np.zeros(0, np.int64)
            fresh = people[~held[people]]
            held[fresh] = True
            news.append(fresh)
        return news

    def _put(self, institution: int, people: Ids, day: int, span: int, *, ordered: bool) -> None:
        """Let an institution take people within `span` days."""
        ids = np.unique(people)
        ids = ids if ordered else self._random.permutation(ids)
        ends = np.cumsum(self._random.dirichlet(np.full(span, 3.0)))
        places = (np.arange(len(ids)) + 0.5) / max(1, len(ids))
        steps = np.minimum(span - 1, np.searchsorted(ends, places))
        for step in range(span):
            if day + step < DAYS and (steps == step).any():
                self._taken[institution][day + step + HISTORY_DAYS].append(ids[steps == step])

    def _study(self, institution: int, style: str, size: int) -> Ids:
        drawn: dict[str, Callable[[], Ids]] = {
            "contiguous": lambda: self._contiguous(size),
            "blocks": lambda: self._blocks(size),
            "regional": lambda: self._regional(institution, size),
            "popular": self._popular_cohort,
            "whole": lambda: self._whole(institution, size),
            "pages": lambda: self._pages(size),
            "class": lambda: self._class(institution, size),
            "scattered": lambda: self._random.choice(COHORT_SIZE, size, replace=False),
        }
        return drawn[style]()

    def _contiguous(self, size: int) -> Ids:
        first = int(self._random.integers(0, COHORT_SIZE - size))
        first = first // 1_000 * 1_000 if self._random.random() < 0.5 else first
        return np.arange(first, first + size)

    def _blocks(self, size: int) -> Ids:
        number = int(self._random.integers(3, 13))
        firsts = self._random.integers(0, COHORT_SIZE, number)
        runs = [np.arange(first, min(COHORT_SIZE, first + size // number)) for first in firsts]
        return np.concatenate(runs)

    def _popular_cohort(self) -> Ids:
        people = self._popular[min(7, int(self._random.exponential(2)))]
        share = 1.0 if self._random.random() < 0.4 else self._random.uniform(0.2, 1.0)
        return self._random.choice(people, int(len(people) * share), replace=False)

    def _whole(self, institution: int, size: int) -> Ids:
        """Go on where it stopped, around the whole cohort."""
        first = int(self._cursors[institution])
        self._cursors[institution] = (first + size) % COHORT_SIZE
        return np.arange(first, first + size) % COHORT_SIZE

    def _regional(self, institution: int, size: int) -> Ids:
        """From a border on, anywhere within, or a sample of a region."""
        random = self._random
        home = self._homes[institution]
        near = home if random.random() < 0.7 else (home + random.integers(-1, 2)) % _REGIONS
        first, end = self._regions[near]
        size = min(size, end - first)
        within = int(random.integers(first, end - size + 1))
        choices = (
            np.arange(first, first + size),
            np.arange(within, within + size),
            first + random.choice(end - first, size, replace=False),
        )
        return choices[random.integers(3)]

    def _pages(self, size: int) -> Ids:
        random = self._random
        page = int(random.choice(_PAGES))
        number = max(1, size // page)
        if random.random() < 0.5:
            most = COHORT_SIZE // page
            firsts = random.choice(most, min(number, most), replace=False) * page
        else:
            firsts = random.integers(0, COHORT_SIZE - page, number)
        return (firsts[:, None] + np.arange(page)).ravel()

    def _class(self, institution: int, size: int) -> Ids:
        random = self._random
        centre = self._centre_of == self._centres[institution]
        choices = (
            self._sex == random.integers(2),
            centre,
            self._age_band == random.integers(5),
            centre & (self._sex == random.integers(2)),
        )
        people = np.flatnonzero(choices[random.integers(4)])
        if random.random() < 0.3 and len(people) < COHORT_SIZE // 8:
            return people
        return random.choice(people, min(size, len(people)), replace=False)

    def _theft(self, kind: Kind, day: int) -> None:
        random = self._random
        number, size = int(random.integers(3, 7)), int(random.integers(60_000, 150_001))
        *members, bystander = (
            int(each) for each in random.choice(INSTITUTIONS, number + 1, replace=False)
        )
        span = 14 if kind == "habits" else int(random.integers(3, 11))
        starts = day + random.integers(0, 3, number)
        if kind == "spread":
            starts = day - 20 + np.arange(number) * int(random.integers(9, 16))
        ordered = kind in {"contig", "pages", "habits"}
        for member, part, start in zip(
            members, self._parts(kind, size, members), starts, strict=True
        ):
            self._put(member, part, int(start), span, ordered=ordered)
        beside = self._study(bystander, _BESIDE.get(kind, "scattered"), size // number)
        self._put(bystander, beside, day, span, ordered=ordered)
        theft = SharedTheft(
            kind=kind,
            members=frozenset(members),
            bystander=bystander,
            first_day=int(min(starts)),
            end_day=int(max(starts)) + span,
        )
        self.thefts.append(theft)

    def _parts(self, kind: Kind, size: int, members: list[int]) -> list[Ids]:
        number, part_size = len(members), size // len(members)
        people = self._random.choice(COHORT_SIZE, size, replace=False)
        cut = np.array_split(people, number)
        drawn: dict[Kind, Callable[[], list[Ids]]] = {
            "decoy": lambda: self._with_decoys(people, cut),
            "exact": lambda: self._as_chance_has_it(cut, part_size),
            "overlap": lambda: self._overlapping(people, cut),
            "contig": lambda: np.array_split(self._run(size), number),
            "idorder": lambda: np.array_split(np.sort(people), number),
            "pages": lambda: self._page_parts(kind, size, members),
            "habits": lambda: self._page_parts(kind, size, members),
            "indep": lambda: [
                self._random.choice(COHORT_SIZE, part_size, replace=False) for _ in members
            ],
        }
        return drawn.get(kind, lambda: cut)()

    def _run(self, size: int) -> Ids:
        first = int(self._random.integers(0, COHORT_SIZE - size))
        return np.arange(first, first + size)

    def _with_decoys(self, people: Ids, cut: list[Ids]) -> list[Ids]:
        """Let each take of the others' parts what chance would give it of the list."""
        decoys = len(people) ** 2 // len(cut) // COHORT_SIZE
        return [
            np.r_[part, self._random.choice(np.setdiff1d(people, part), decoys, replace=False)]
            for part in cut
        ]

    def _overlapping(self, people: Ids, cut: list[Ids]) -> list[Ids]:
        more = int(len(cut[0]) * self._random.uniform(0.1, 0.3))
        return [np.r_[part, self._random.choice(people, more, replace=False)] for part in cut]

    def _as_chance_has_it(self, parts: list[Ids], part_size: int) -> list[Ids]:
        """Let every two parts share what independent work would: x = (m + (k - 1) x / 2)^2 / N."""
        shared = 0.0
        for _ in range(50):
            shared = (part_size + (len(parts) - 1) * shared / 2) ** 2 / COHORT_SIZE
        half = int(shared / 2)
        return [
            np.concatenate(
                [
                    part,
                    *(
                        self._random.choice(other, half, replace=False)
                        for other in parts
                        if other is not part
                    ),
                ]
            )
            for part in parts
        ]

    def _page_parts(self, kind: Kind, size: int, members: list[int]) -> list[Ids]:
        """Deal pages in turn, or each to whoever works near it."""
        random = self._random
        page = int(random.choice([200, 500, 1_000]))
        firsts = random.choice(COHORT_SIZE // page, size // page, replace=False) * page
        turns = np.arange(len(firsts)) % len(members)
        if kind == "habits":
            homes = np.array([np.mean(self._regions[self._homes[member]]) for member in members])
            noise = random.normal(0, COHORT_SIZE / 6, (len(firsts), len(members)))
            turns = np.abs(firsts[:, None] - homes + noise).argmin(1)
        return [
            (firsts[turns == turn][:, None] + np.arange(page)).ravel()
            for turn in range(len(members))
        ]
