import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.errors import CoreError
from detectors.peers.builder import ReferenceBuilder
from detectors.peers.reference import (
    INCIDENT_CHANNEL,
    Reference,
    ReferenceConfig,
    incident_rate,
    prior_reference,
    tail_of,
    usual_of,
)
from detectors.verdict import DailySummary, Run

CONFIG = ReferenceConfig(settling_days=0, prior_institution_days=10.0)
FIRST_DAY = 20_000
# A power of two, so that products with it are exact.
RATE = 2.0**-7
CHANNELS = st.sampled_from(
    ["excess", "drip/90d", "volume/1h", "multivariate/trees", INCIDENT_CHANNEL]
)


@st.composite
def summaries_of(draw: st.DrawFn, institution: str) -> list[DailySummary]:
    """Return one institution's summaries in order: each day once, runs that go on or begin."""
    group = draw(st.sampled_from(["default", "large"]))
    summaries = []
    day = FIRST_DAY - 1
    for days_count in draw(st.lists(st.integers(1, 9), max_size=8)):
        day += days_count
        runs = draw(st.dictionaries(CHANNELS, st.tuples(st.integers(0, 3), st.floats(0.0, 50.0))))
        summaries.append(
            DailySummary(
                institution=institution,
                group=group,
                day=day,
                days_count=days_count,
                age_days=day - FIRST_DAY,
                usual=tuple(draw(st.lists(st.floats(0.0, 1e6), min_size=4, max_size=4))),
                runs={
                    channel: Run(first_day=max(FIRST_DAY, day - back), peak_day=day, peak=peak)
                    for channel, (back, peak) in runs.items()
                },
                held_participants=0,
                trusted=True,
                alert_id=draw(st.sampled_from(["", "a-1", "a-2"])),
            )
        )
    return summaries


@st.composite
def interleavings(draw: st.DrawFn) -> tuple[list[DailySummary], list[DailySummary]]:
    """Return all summaries in two orders, each institution's own order kept in both."""
    names = ["a", "b", "c"]
    own = {name: draw(summaries_of(name)) for name in names}
    turns = [name for name in names for _ in own[name]]
    orders = []
    for turn in (turns, draw(st.permutations(turns))):
        waiting = {name: iter(summaries) for name, summaries in own.items()}
        orders.append([next(waiting[name]) for name in turn])
    return orders[0], orders[1]


def one_day(day: int, *, peak: float, institution: str = "a") -> DailySummary:
    """Return the summary of one day on which one channel was strange."""
    return DailySummary(
        institution=institution,
        group="default",
        day=day,
        days_count=1,
        age_days=day - FIRST_DAY,
        usual=(1.0, 2.0, 3.0, 4.0),
        runs={"excess": Run(first_day=day, peak_day=day, peak=peak)},
        held_participants=0,
        trusted=True,
    )


def built(summaries: list[DailySummary], *, day: int) -> bytes:
    """Return the bytes of the reference of `day`."""
    builder = ReferenceBuilder(CONFIG)
    for summary in summaries:
        builder.add(summary)
    return msgspec.msgpack.encode(builder.build(day), order="sorted")


@given(orders=interleavings(), ahead=st.integers(0, 120))
def test_the_order_of_institutions_is_irrelevant(
    orders: tuple[list[DailySummary], list[DailySummary]], ahead: int
) -> None:
    """However partitions interleave, the same summaries give the same reference byte for byte."""
    first, second = orders
    assert built(second, day=FIRST_DAY + ahead) == built(first, day=FIRST_DAY + ahead)


@given(orders=interleavings(), ahead=st.integers(0, 120), data=st.data())
def test_a_repeated_summary_changes_nothing(
    orders: tuple[list[DailySummary], list[DailySummary]], ahead: int, data: st.DataObject
) -> None:
    """A crash may send summaries again, at once or much later: each day counts once."""
    once, _ = orders
    repeating = []
    for place, summary in enumerate(once):
        repeating.append(summary)
        if data.draw(st.booleans()):
            repeating.append(once[data.draw(st.integers(0, place))])
    assert built(repeating, day=FIRST_DAY + ahead) == built(once, day=FIRST_DAY + ahead)


@given(summaries=summaries_of("a"), days=st.lists(st.integers(0, 120), max_size=5))
def test_building_often_or_once_gives_the_same(
    summaries: list[DailySummary], days: list[int]
) -> None:
    """Forgetting what is too old never takes what a later day still needs."""
    often = ReferenceBuilder(CONFIG)
    for summary in summaries:
        often.add(summary)
    for day in sorted(days):
        raw = msgspec.msgpack.encode(often.build(FIRST_DAY + day), order="sorted")
        assert raw == built(summaries, day=FIRST_DAY + day)


@given(summaries=summaries_of("a"), ahead=st.integers(0, 120))
def test_every_reference_answers_every_question(summaries: list[DailySummary], ahead: int) -> None:
    """Known groups and unknown ones have a usual; every tail gives a probability."""
    builder = ReferenceBuilder(CONFIG)
    for summary in summaries:
        builder.add(summary)
    reference = builder.build(FIRST_DAY + ahead)
    for group in ("default", "large", "unheard of", ""):
        assert len(usual_of(reference, group)) == 4
        assert min(usual_of(reference, group)) >= 0.0
        for channel in (INCIDENT_CHANNEL, "excess", "multivariate/any_model"):
            assert 0.0 < tail_of(reference, group, channel).p_value(3.0) <= 1.0
    assert 0 <= reference.alert_days <= reference.institution_days


def test_without_summaries_the_prior_holds() -> None:
    """Before any day is known, the built-in reference is the answer, and says so."""
    assert ReferenceBuilder(CONFIG).build(FIRST_DAY) == prior_reference(CONFIG)


@given(summaries=summaries_of("a"))
def test_a_day_counts_only_once_it_has_ended_long_enough_ago(
    summaries: list[DailySummary],
) -> None:
    """Runs of the last `lag_days` do not yet move a tail: not every worker may have them."""
    builder = ReferenceBuilder(CONFIG)
    for summary in summaries:
        builder.add(summary)
    assert builder.build(FIRST_DAY + CONFIG.lag_days - 1) == prior_reference(CONFIG)


def test_the_platforms_first_days_stay_out_of_the_tails_once_others_are_known() -> None:
    """Everything is new to ledgers that have just begun; while no others are, they must do."""
    config = ReferenceConfig(settling_days=30)
    builder = ReferenceBuilder(config)
    for day in range(FIRST_DAY, FIRST_DAY + 60):
        for institution in "abc":
            peak = 40.0 if day < FIRST_DAY + 30 else 1.0
            builder.add(one_day(day, peak=peak, institution=institution))
    opening = builder.build(FIRST_DAY + 20)
    assert opening.institution_days == 3 * 19
    assert opening.tails[""]["excess"].knots[-1][0] == 40.0
    settled = builder.build(FIRST_DAY + 60)
    assert settled.institution_days == 3 * 29
    assert settled.tails[""]["excess"].knots[-1][0] == 1.0


def test_one_or_two_institutions_are_no_peers() -> None:
    """A quiet pilot before the platform opens does not become the usual of all who come after."""
    builder = ReferenceBuilder(CONFIG)
    for day in range(FIRST_DAY, FIRST_DAY + 60):
        for institution in "ab":
            builder.add(one_day(day, peak=1.0, institution=institution))
    assert builder.build(FIRST_DAY + 60) == prior_reference(CONFIG)


def test_one_old_date_does_not_make_the_platform_old() -> None:
    """The platform begins once there are peers: its first days are still its first days."""
    expected, dated = ReferenceBuilder(CONFIG), ReferenceBuilder(CONFIG)
    for builder in (expected, dated):
        for day in range(FIRST_DAY, FIRST_DAY + 40):
            for institution in "abcd":
                builder.add(one_day(day, peak=2.0, institution=institution))
    old = one_day(FIRST_DAY + 1, peak=2.0, institution="d")
    dated.add(msgspec.structs.replace(old, age_days=92))
    for day in range(FIRST_DAY, FIRST_DAY + 42):
        assert dated.build(day) == expected.build(day)


@given(alert_days=st.integers(0, 10_000), institution_days=st.integers(0, 10_000))
def test_the_realised_rate_corrects_the_threshold_within_bounds(
    alert_days: int, institution_days: int
) -> None:
    """Too many alert-days make it stricter, too few less strict, never by more than two."""
    reference = msgspec.structs.replace(
        prior_reference(CONFIG),
        alert_days=min(alert_days, institution_days),
        institution_days=institution_days,
    )
    untold = incident_rate(prior_reference(CONFIG), budget_rate=RATE)
    rate = incident_rate(reference, budget_rate=RATE)
    assert untold / 2.0 <= rate <= 2.0 * untold
    expected = RATE * institution_days
    if reference.alert_days > expected:
        assert rate <= untold
    else:
        assert rate >= untold


@given(peaks=st.lists(st.floats(0.0, 50.0), min_size=4, max_size=40))
def test_the_newest_days_do_not_move_a_tail(peaks: list[float]) -> None:
    """Whether or not the last days have been heard of, the tails of a day are the same."""
    references = []
    for count in (len(peaks), len(peaks) - CONFIG.lag_days + 1):
        builder = ReferenceBuilder(CONFIG)
        for day, peak in enumerate(peaks[:count], start=FIRST_DAY):
            builder.add(one_day(day, peak=peak))
        references.append(builder.build(FIRST_DAY + len(peaks)))
    assert references[1].tails == references[0].tails


@given(count=st.integers(1, 40))
def test_what_is_too_old_is_forgotten(count: int) -> None:
    """Days and runs behind the history leave the builder: its size is bounded."""
    builder = ReferenceBuilder(CONFIG)
    for day in range(FIRST_DAY, FIRST_DAY + count):
        builder.add(one_day(day, peak=1.0))
    # An active day stands for the week that it begins.
    builder.forget(FIRST_DAY + count + 7 + CONFIG.history_days + CONFIG.lag_days)
    assert (len(builder._days), len(builder._runs)) == (0, 0)


@given(peak=st.floats(0.0, 20.0))
def test_a_channel_that_no_detector_has_is_left_out(peak: float) -> None:
    """The summary of a newer version may speak of a detector that this one does not know."""
    known, both = ReferenceBuilder(CONFIG), ReferenceBuilder(CONFIG)
    for day in range(FIRST_DAY, FIRST_DAY + 20):
        summary = one_day(day, peak=2.0)
        unknown = Run(first_day=day, peak_day=day, peak=peak)
        known.add(summary)
        both.add(msgspec.structs.replace(summary, runs=summary.runs | {"odd/such": unknown}))
    assert both.build(FIRST_DAY + 40) == known.build(FIRST_DAY + 40)


def test_asking_for_a_channel_that_no_detector_has_is_a_bug() -> None:
    """No tail is made up in silence: a detector without a prior tail is an error."""
    with pytest.raises(CoreError, match="no detector has the channel 'odd/such'"):
        tail_of(prior_reference(CONFIG), "default", "odd/such")


@given(
    alert_days=st.integers(0, 10_000),
    weeks=st.floats(0.5, 50.0),
)
def test_a_budget_that_is_kept_stays_where_it_is(alert_days: int, weeks: float) -> None:
    """As many alert-days as were allowed correct nothing: 1.2 of them are one incident."""
    budget_rate = weeks / 700.0
    reference = Reference(
        version="",
        day=0,
        usual={},
        tails={},
        institution_days=round(alert_days / budget_rate),
        alert_days=alert_days,
    )
    rate = incident_rate(reference, budget_rate=budget_rate)
    assert rate == pytest.approx(budget_rate / 1.2, rel=0.05)


@given(alert_days=st.integers(0, 10**6), institution_days=st.integers(0, 10**7))
def test_the_past_moves_the_budget_by_a_factor_of_two_at_most(
    alert_days: int, institution_days: int
) -> None:
    """Who sends nothing for weeks may not open the gate, nor a bad month close it."""
    past = Reference(
        version="",
        day=0,
        usual={},
        tails={},
        institution_days=institution_days,
        alert_days=alert_days,
    )
    assert incident_rate(past, budget_rate=RATE) * (1 + 1e-12) >= RATE / 2.4
    assert incident_rate(past, budget_rate=RATE) <= RATE / 0.6 * (1 + 1e-12)
