"""What reads a finding gets the alert that was written, exactly."""

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given
from msgspec.structs import replace

from detectors.verdict import Alert, DatasetCoverage, RaiseAlert, ReasonDetail
from streams.sinks.alert_reader import read_alert, read_finding
from streams.sinks.alerts import finding, record

numbers = st.floats(allow_nan=False, allow_infinity=False)
ratios = st.floats(min_value=0, max_value=1)
p_values = st.floats(min_value=0, max_value=1, exclude_min=True)
counts = st.integers(min_value=0, max_value=2**53)
moments = st.integers(min_value=0, max_value=7_258_118_400_000)

alerts = st.builds(
    Alert,
    revision=st.integers(min_value=1, max_value=2**31),
    at_ms=moments,
    started_ms=moments,
    confidence=ratios,
    p_value=p_values,
    taken_participants=counts,
    full_cohort_days=st.none() | numbers,
    top_user_share=ratios,
    reasons=st.lists(
        st.builds(
            ReasonDetail,
            window_seconds=counts,
            observed=numbers,
            expected=numbers,
            p_value=p_values,
            share=ratios,
        ),
        max_size=3,
    ).map(tuple),
    coverage=st.lists(
        st.builds(
            DatasetCoverage, before_ratio=numbers, after_ratio=numbers, held_participants=counts
        ),
        max_size=3,
    ).map(tuple),
    members=st.just(()),
)
rings = st.builds(
    lambda alert, members: replace(alert, institution=members[0], members=tuple(sorted(members))),
    alerts,
    st.lists(st.text(), min_size=2, max_size=5, unique=True),
)


@given(alert=alerts | rings)
def test_an_alert_seen_through_its_finding_equals_the_alert(alert: Alert) -> None:
    """In every field: what the ladder compares is what the judge has said."""
    value = record(RaiseAlert(alert=alert), topic_prefix="headgate").value or b""
    assert read_alert(value) == read_finding(finding(alert)) == alert


@pytest.mark.parametrize(
    ("name", "value"),
    [("activity_id", 17), ("severity_id", 0), ("resources", []), ("evidences", []), ("time", -1)],
)
@given(alert=alerts)
def test_a_finding_of_another_product_is_no_alert(name: str, value: object, alert: Alert) -> None:
    """OCSF knows more activities and severities than Headgate has."""
    document = msgspec.json.decode(finding(alert))
    with pytest.raises(msgspec.DecodeError):
        read_finding(msgspec.json.encode({**document, name: value}))
