"""A seeded world: honest institutions, the thefts injected among them, and what was approved.

The same config gives the same events, byte for byte. Thefts are injected on top: an honest
institution does exactly the same in a world with thefts and in one without.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any, Final

import numpy as np

from detectors import register as approvals
from detectors.event import AccessEvent
from detectors.instants import DAY_MS, HOUR_MS, SECOND_MS, instant_of
from detectors.synthetic.config import START_MS, WorldConfig
from detectors.synthetic.episodes import (
    Export,
    disturb,
    exports,
    full_reads,
    release_day,
    retry_storm,
)
from detectors.synthetic.honest import honest_requests, ordinary_factors
from detectors.synthetic.institutions import Draft, InstitutionPlan, draw_institution
from detectors.synthetic.labels import HonestEpisode, Labels, Theft
from detectors.synthetic.materialise import Names, dataset_name, materialise
from detectors.synthetic.requests import Table, joined

BUDGET_HEADROOM_RATIO: Final = 1.25
NEW_INSTITUTION_DAYS: Final = 30
EXPORT_MARGIN_MS: Final = HOUR_MS
EXPORT_CAP_RATIO: Final = 1.1


class World:
    """Everything that happened, as columns; events are made when somebody reads them."""

    __slots__ = (
        "budgeted",
        "canaries",
        "config",
        "draft",
        "exports",
        "labels",
        "plans",
        "table",
    )

    def __init__(  # noqa: PLR0913 - a record of parts, made in two places only
        self,
        *,
        draft: Draft,
        plans: tuple[InstitutionPlan, ...],
        table: Table,
        labels: Labels,
        exports: dict[int, list[Export]],
        budgeted: frozenset[int] = frozenset(),
        canaries: tuple[int, ...] = (),
    ) -> None:
        """Keep the parts."""
        self.draft = draft
        self.config = draft.config
        self.plans = plans
        self.table = table
        self.labels = labels
        self.exports = exports
        self.budgeted = budgeted
        self.canaries = canaries

    def changed(self, **parts: Any) -> "World":  # noqa: ANN401 - any of the constructor's
        """Return the same world with some parts replaced."""
        columns = {name: getattr(self, name) for name in self.__slots__ if name != "config"}
        return World(**{**columns, **parts})

    def events(self, institutions: Collection[str] | None = None) -> Iterator[AccessEvent]:
        """Yield all events, or those of some institutions, in order of arrival."""
        table = self.table
        if institutions is not None:
            wanted = [plan.index for plan in self.plans if plan.name in institutions]
            table = table[np.isin(table["institution"], wanted)]
        yield from materialise(table, self.names)

    @property
    def names(self) -> Names:
        """Return what turns the columns' numbers into an event's words."""
        return Names(
            plans=self.plans,
            pools=self.draft.pools,
            field_sets=self.draft.field_sets,
            hashed_ids=self.config.hashed_ids,
        )

    @property
    def register(self) -> approvals.Register:
        """Return what the access committee has on record for this world."""
        return approvals.Register(
            institutions=tuple(self._entry(plan) for plan in self.plans),
        )

    def _entry(self, plan: InstitutionPlan) -> approvals.Institution:
        releases = [
            dataset_name(self.config.datasets + number) for number in range(self.config.releases)
        ]
        projects = []
        for project in plan.projects:
            if not project.recorded:
                continue
            capped = project.budget_declared or plan.index in self.budgeted
            projects.append(
                approvals.Project(
                    id=project.name,
                    datasets=(dataset_name(project.dataset), *releases),
                    participants_max=self._budget(plan, project.pool) if capped else None,
                    # Approved the day before, so that no clock skew makes work unapproved.
                    valid_from=_instant(START_MS + (project.start_day - 1) * DAY_MS),
                )
            )
        return approvals.Institution(
            id=plan.name,
            contact=f"data-access@{plan.name}.example",
            projects=tuple(projects),
            exemptions=tuple(
                _exemption(export, number=number)
                for number, export in enumerate(self.exports.get(plan.index, []))
                if export.approved
            ),
        )

    def _budget(self, plan: InstitutionPlan, pool: int) -> int:
        # What a committee would have agreed to: the project's people with some headroom, and
        # the bulk exports it approved by name.
        exported = sum(export.participants for export in self.exports.get(plan.index, []))
        return int(BUDGET_HEADROOM_RATIO * len(self.draft.pools[pool])) + exported


def build_honest_world(config: WorldConfig) -> World:
    """Return the world without thefts."""
    draft = Draft(config=config, pools=[], field_sets=[])
    plans = tuple(draw_institution(draft, index) for index in range(config.institutions))
    tables: list[Table] = []
    spans: list[HonestEpisode] = []
    exported: dict[int, list[Export]] = {}
    releases = [
        release_day(
            draft, plans, number=number, rng=np.random.default_rng([config.seed, 3, number])
        )
        for number in range(config.releases)
    ]
    spans += [span for _, episode_spans in releases for span in episode_spans]
    for plan in plans:
        released = [table[table["institution"] == plan.index] for table, _ in releases]
        table, episode_spans, exported[plan.index] = _institution(draft, plan, released)
        tables.append(table)
        spans += episode_spans
    table = joined(tables)
    # Nobody speaks after the end of the world: a storm's last repeats are cut.
    table = table[table["arrival_ms"] < START_MS + config.days * DAY_MS]
    labels = Labels(thefts=(), spans=tuple(spans), kinds={plan.name: plan.kind for plan in plans})
    return World(draft=draft, plans=plans, table=table, labels=labels, exports=exported)


def _institution(
    draft: Draft, plan: InstitutionPlan, released: Iterable[Table]
) -> tuple[Table, list[HonestEpisode], list[Export]]:
    """Return every request of one honest institution, its episodes and its exports."""
    config = draft.config
    rng = np.random.default_rng([config.seed, 2, plan.index])
    factors, episodes = ordinary_factors(plan, config, rng)
    ordinary = honest_requests(plan, config, rng, factors)
    read, spans = full_reads(plan, config, rng)
    exported = exports(draft, plan, rng)
    table = joined([ordinary, read, *(export.table for export in exported), *released])
    table["number"] = np.arange(len(table))
    storms = int(rng.poisson(config.retry_storms_per_year * config.days / 365.0))
    for _ in range(storms if len(table) else 0):
        repeats, span = retry_storm(table, plan, rng)
        table = joined([table, repeats])
        spans.append(span)
    if disturb(table, config, rng):
        spans.append(_span(plan, "clock_skew", 0, config.days))
    spans += [_span(plan, kind, first, last) for kind, first, last in episodes]
    if plan.first_day:
        last_day = plan.first_day + NEW_INSTITUTION_DAYS
        spans.append(_span(plan, "new_institution", plan.first_day, last_day))
    for export in exported:
        kind = "approved_export" if export.approved else "unrecorded_export"
        last_ms = export.ended_ms + DAY_MS
        spans.append(
            HonestEpisode(
                institution=plan.name, kind=kind, started_ms=export.started_ms, ended_ms=last_ms
            )
        )
    return table, spans, exported


def with_theft(world: World, table: Table, theft: Theft) -> World:
    """Return the same world with a theft's requests among the others."""
    labels = Labels(
        thefts=(*world.labels.thefts, theft), spans=world.labels.spans, kinds=world.labels.kinds
    )
    return world.changed(table=joined([world.table, table]), labels=labels)


def _exemption(export: Export, *, number: int) -> approvals.Exemption:
    return approvals.Exemption(
        id=f"export-{number}",
        valid_from=_instant(export.started_ms - EXPORT_MARGIN_MS),
        valid_to=_instant(export.ended_ms + EXPORT_MARGIN_MS),
        participants_max=int(EXPORT_CAP_RATIO * export.participants),
        dataset=dataset_name(export.dataset),
    )


def _instant(at_ms: int) -> datetime:
    return instant_of(at_ms - at_ms % SECOND_MS)


def _span(plan: InstitutionPlan, kind: str, first_day: float, last_day: float) -> HonestEpisode:
    return HonestEpisode(
        institution=plan.name,
        kind=kind,
        started_ms=int(START_MS + first_day * DAY_MS),
        ended_ms=int(START_MS + last_day * DAY_MS),
    )
