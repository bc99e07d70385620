"""Step 4 of 7: features -> score. Multivariate: odd combinations, by any River anomaly model.

Catches days that are unusual only in how their numbers go together.
Misses slow thefts, for a model of points has no memory beyond its window; it learns what it
sees, so a patient thief teaches it. In shadow until it earns its place.

Source: S. C. Tan, K. M. Ting, T. F. Liu (2011), "Fast Anomaly Detection for Streaming Data",
IJCAI 22, 1511-1516, and T. Pevny (2016), "Loda", Machine Learning 102, 275-304, as in River.
The score is the model's own; higher is stranger. What survives a restart is the days, not the
model: it is learnt again from them, so no pickle is needed and a replay gives the same model.
"""

from collections.abc import Hashable
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Final

from msgspec import Meta, Struct, field

from detectors.detector import ClosedDay, DetectorMode, Score
from detectors.errors import ConfigError
from detectors.features.vector import DAY_FEATURES, Features
from detectors.features.windows import WINDOW_SECONDS, Window

if TYPE_CHECKING:
    from river.base import AnomalyDetector, SupervisedAnomalyDetector

Parameter = bool | int | float | str

# A model has learnt from the last `DAYS_MAX` to `DAYS_MAX / 2` days, then starts anew.
DAYS_MAX: Final = 112
_NEW: Final = DAY_FEATURES.index("new_participants")


class RiverModel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model of River's anomaly module."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,32}$")]
    path: Annotated[
        str,
        Meta(
            pattern=r"^[a-z_]+(\.[a-z_]+)*\.[A-Za-z0-9_]+$",
            description="inside River, such as anomaly.HalfSpaceTrees",
        ),
    ]
    parameters: dict[str, Parameter] = field(default_factory=dict)


# Small trees: the default ones hold a megabyte of objects for each institution.
_HALF_SPACE_TREES: Final = RiverModel(
    name="half_space_trees",
    path="anomaly.HalfSpaceTrees",
    parameters={"n_trees": 5, "height": 4, "window_size": 28, "seed": 1},
)


class MultivariateConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which models, and whether they may speak."""

    mode: DetectorMode = "shadow"
    weight: Annotated[
        float, Meta(gt=0, description="share of the false-alert budget, beside the others'")
    ] = 0.05
    days_min: Annotated[
        int, Meta(ge=2, le=DAYS_MAX, description="days to learn before anything is scored")
    ] = 28
    models: tuple[RiverModel, ...] = (_HALF_SPACE_TREES,)

    def __post_init__(self) -> None:
        """Refuse a model that cannot be built: else it would fail weeks later, while judging."""
        for model in self.models:
            if model != _HALF_SPACE_TREES:
                build(model)


def channels_of(config: MultivariateConfig) -> tuple[str, ...]:
    """Return the channels: one a model.

    >>> channels_of(MultivariateConfig())
    ('multivariate/half_space_trees',)
    """
    return tuple(f"multivariate/{model.name}" for model in config.models)


class MultivariateState(Struct, kw_only=True):
    """The days learnt since the models began, oldest first, each scaled to 0..1."""

    days: list[tuple[float, ...]] = field(default_factory=list)


def build(model: RiverModel) -> "AnomalyDetector | SupervisedAnomalyDetector":
    """Return a fresh model. River is loaded here: most commands never judge.

    >>> build(_HALF_SPACE_TREES).n_trees
    5

    Raises:
        ConfigError: the path is not an anomaly model of River, it is one that changes when asked
            for a score, or a parameter does not fit.
    """
    from river.anomaly import PredictiveAnomalyDetection  # noqa: PLC0415
    from river.base import AnomalyDetector, SupervisedAnomalyDetector  # noqa: PLC0415

    path = f"detectors.multivariate.models.{model.name}"
    module_name, _, class_name = model.path.rpartition(".")
    try:
        model_class = getattr(import_module(f"river.{module_name}"), class_name)
    except (ImportError, AttributeError):
        msg = f"{path}.path"
        raise ConfigError(msg, f"River has no {model.path}") from None
    kinds = (AnomalyDetector, SupervisedAnomalyDetector)
    if not (isinstance(model_class, type) and issubclass(model_class, kinds)):
        msg = f"{path}.path"
        raise ConfigError(msg, f"{model.path} is not an anomaly model")
    if issubclass(model_class, PredictiveAnomalyDetection):
        # It moves its threshold with every score: learnt again after a restart, it would differ.
        msg = f"{path}.path"
        raise ConfigError(msg, f"{model.path} changes when it is asked for a score")
    try:
        return model_class(**model.parameters)
    except (TypeError, ValueError) as error:
        msg = f"{path}.parameters"
        raise ConfigError(msg, str(error)) from error


class _Learner:
    """One model of River; some also want the number that a day is judged by."""

    __slots__ = ("_is_supervised", "_model")

    def __init__(self, model: RiverModel) -> None:
        """Build the model."""
        from river.base import SupervisedAnomalyDetector  # noqa: PLC0415 - as in `build`.

        self._model: Any = build(model)
        self._is_supervised = isinstance(self._model, SupervisedAnomalyDetector)

    def score(self, day: tuple[float, ...]) -> float:
        """Return how strange the model finds a day."""
        named = _named(day)
        if self._is_supervised:
            return float(self._model.score_one(named, day[_NEW]))
        return float(self._model.score_one(named))

    def learn(self, day: tuple[float, ...]) -> None:
        """Fold a day."""
        if self._is_supervised:
            self._model.learn_one(_named(day), day[_NEW])
        else:
            self._model.learn_one(_named(day))


class Multivariate:
    """River's models over whole days of one institution.

    >>> detector = Multivariate(MultivariateConfig(), MultivariateState())
    >>> for _ in range(30):
    ...     detector.learn_point((0.1,) * len(DAY_FEATURES))
    >>> detector.scores_of((0.1,) * 8) < detector.scores_of((0.9,) * 8)
    True
    """

    __slots__ = ("_learners", "config", "state")

    def __init__(self, config: MultivariateConfig, state: MultivariateState) -> None:
        """Keep the days; the models are learnt from them when first asked."""
        self.config = config
        self.state = state
        self._learners: list[_Learner] = []

    def score(self, features: Features) -> tuple[Score, ...]:
        """Return one score a model, where it finds the day so far strange."""
        if self._is_young:
            return ()
        values = self.scores_of(features.day)
        return tuple(
            Score(
                channel=f"multivariate/{model.name}",
                detector="multivariate",
                feature=model.name,
                window_seconds=WINDOW_SECONDS[Window.DAY],
                value=value,
                observed=value,
                expected=0.0,
            )
            for model, value in zip(self.config.models, values, strict=True)
            if value > 0.0
        )

    @property
    def _is_young(self) -> bool:
        return len(self.state.days) < self.config.days_min

    def scores_of(self, day: tuple[float, ...]) -> tuple[float, ...]:
        """Return each model's score of a day; zeros while too few were seen."""
        if self._is_young:
            return (0.0,) * len(self.config.models)
        return tuple(learner.score(day) for learner in self._learnt())

    def learn(self, closed_day: ClosedDay) -> None:
        """Fold a trusted day on which something happened."""
        if closed_day.trusted and closed_day.active:
            self.learn_point(closed_day.point)

    def learn_point(self, day: tuple[float, ...]) -> None:
        """Fold a day as a point."""
        days = self.state.days
        if len(days) >= DAYS_MAX:
            del days[: DAYS_MAX // 2]
            self._learners = []
        learners = self._learnt() if self._learners else []
        days.append(day)
        for learner in learners:
            learner.learn(day)

    def _learnt(self) -> list[_Learner]:
        if not self._learners:
            self._learners = [_Learner(model) for model in self.config.models]
            for day in self.state.days:
                for learner in self._learners:
                    learner.learn(day)
        return self._learners


def _named(day: tuple[float, ...]) -> dict[Hashable, float]:
    return dict(zip(DAY_FEATURES, day, strict=True))
