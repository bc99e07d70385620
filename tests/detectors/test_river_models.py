"""Any of River's anomaly models by its path: named in configuration, learnt again from days."""

from random import Random

import msgspec
import pytest

from detectors.config import CoreConfig
from detectors.detector import ClosedDay
from detectors.errors import ConfigError
from detectors.features.vector import DAY_FEATURES
from detectors.models.multivariate import (
    DAYS_MAX,
    Multivariate,
    MultivariateConfig,
    MultivariateState,
    RiverModel,
    build,
)
from tests.builders import features

Day = tuple[float, ...]

MODELS = (
    RiverModel(
        name="trees",
        path="anomaly.HalfSpaceTrees",
        parameters={"n_trees": 3, "height": 3, "window_size": 5, "seed": 2},
    ),
    RiverModel(name="gauss", path="anomaly.GaussianScorer", parameters={"grace_period": 5}),
)
CONFIG = MultivariateConfig(days_min=5, models=MODELS)


def days(count: int) -> list[Day]:
    """Return days whose numbers are drawn from a calm range."""
    random = Random(5)
    return [tuple(random.uniform(0.1, 0.3) for _ in DAY_FEATURES) for _ in range(count)]


def learnt(count: int) -> Multivariate:
    """Return a detector that has learnt `count` days."""
    detector = Multivariate(CONFIG, MultivariateState())
    for day in days(count):
        detector.learn_point(day)
    return detector


def test_a_strange_day_scores_higher_than_a_calm_one() -> None:
    """Models of one value and of all values: higher is stranger for both."""
    detector = learnt(40)
    calm, strange = (0.2,) * len(DAY_FEATURES), (0.95,) * len(DAY_FEATURES)
    pairs = zip(detector.scores_of(calm), detector.scores_of(strange), strict=True)
    assert all(lower < higher for lower, higher in pairs)


def test_too_few_days_say_nothing() -> None:
    """Before `days_min` every score is zero."""
    assert learnt(4).scores_of((0.9,) * len(DAY_FEATURES)) == (0.0, 0.0)


def test_a_model_that_finds_nothing_strange_says_nothing() -> None:
    """A score of zero is none: of two models only the one that has seen enough speaks."""
    late = RiverModel(name="late", path="anomaly.GaussianScorer", parameters={"grace_period": 50})
    config = MultivariateConfig(days_min=5, models=(MODELS[0], late))
    detector = Multivariate(config, MultivariateState(days=days(40)))
    (score,) = detector.score(features())
    assert (score.channel, score.value) == ("multivariate/trees", score.observed)


@pytest.mark.parametrize(
    ("count", "remembered"),
    [(DAYS_MAX - 1, DAYS_MAX - 1), (DAYS_MAX, DAYS_MAX), (DAYS_MAX + 1, DAYS_MAX // 2 + 1)],
)
def test_half_of_the_days_go_when_there_are_too_many(count: int, remembered: int) -> None:
    """The oldest, and only when another comes."""
    assert learnt(count).state.days == days(count)[count - remembered :]


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("trusted", [True, False])
def test_only_a_day_that_is_trusted_and_had_events_is_learnt(
    *, trusted: bool, active: bool
) -> None:
    """A day under suspicion teaches nothing, nor does one on which nothing was."""
    detector = Multivariate(CONFIG, MultivariateState())
    day = ClosedDay(
        day=0,
        silent_days=0,
        trusted=trusted,
        active=active,
        settled=True,
        new=0,
        month_usual=0.0,
        point=days(1)[0],
    )
    detector.learn(day)
    assert detector.state.days == (days(1) if trusted and active else [])


def test_a_model_is_named_by_the_module_it_lies_in() -> None:
    """The last part of a path is the class, whatever stands before it."""
    model = RiverModel(name="trees", path="anomaly.hst.HalfSpaceTrees")
    assert type(build(model)).__name__ == "HalfSpaceTrees"


@pytest.mark.parametrize("count", [5, 40, DAYS_MAX - 1, DAYS_MAX, DAYS_MAX + 1, 2 * DAYS_MAX])
def test_models_learnt_again_from_their_days_are_the_same(count: int) -> None:
    """A restart keeps days, not models, and no later score differs, also where old days go."""
    lasting = learnt(count)
    asked = (0.4,) * len(DAY_FEATURES)
    lasting.scores_of(asked)
    raw = msgspec.msgpack.encode(lasting.state)
    restarted = Multivariate(CONFIG, msgspec.msgpack.decode(raw, type=MultivariateState))
    for day in days(10):
        assert restarted.scores_of(asked) == lasting.scores_of(asked)
        lasting.learn_point(day)
        restarted.learn_point(day)
    assert restarted.state == lasting.state
    assert len(lasting.state.days) <= DAYS_MAX


@pytest.mark.parametrize(
    ("path", "parameters", "problem"),
    [
        pytest.param("anomaly.Nothing", {}, "River has no anomaly.Nothing", id="no such model"),
        pytest.param("nowhere.Trees", {}, "River has no nowhere.Trees", id="no such module"),
        pytest.param("stats.Mean", {}, "stats.Mean is not an anomaly model", id="not a detector"),
        pytest.param(
            "anomaly.PredictiveAnomalyDetection",
            {},
            "anomaly.PredictiveAnomalyDetection changes when it is asked for a score",
            id="whoever asks it changes it",
        ),
        pytest.param("anomaly.HalfSpaceTrees", {"leaves": 3}, "leaves", id="no such parameter"),
    ],
)
def test_a_model_that_cannot_be_built_is_refused_at_once(
    path: str, parameters: dict[str, int], problem: str
) -> None:
    """The mistake is found when the config is read, not weeks later while judging."""
    model = {"name": "odd", "path": path, "parameters": parameters}
    config = {"detectors": {"multivariate": {"models": [model]}}}
    with pytest.raises(ConfigError, match=problem) as error:
        msgspec.convert(config, CoreConfig)
    assert error.value.path.startswith("detectors.multivariate.models.odd.")


def test_a_path_cannot_leave_river() -> None:
    """Whoever writes the config cannot name code of his own."""
    for path in ("os.system", "..anomaly.HalfSpaceTrees", "anomaly.base.os.system", "Trees"):
        with pytest.raises((ConfigError, msgspec.ValidationError)):
            msgspec.convert({"models": [{"name": "odd", "path": path}]}, MultivariateConfig)
