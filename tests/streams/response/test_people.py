"""Who is named in what Headgate says: the user as the platform names them, and nobody else."""

import msgspec

from detectors.config import CoreConfig
from detectors.event import AccessEvent, Participants
from detectors.pipeline import judge, open_profile
from detectors.verdict import RaiseAlert
from streams.sinks import alerts

PARTICIPANT = 412_347
WHERE = (
    "198.51.100.77",
    "a-client-nobody-else-has",
    "s3://a-bucket-of-somebody",
    "hash-of-a-query-with-names",
)


def test_an_alert_names_no_participant_and_not_where_somebody_sat() -> None:
    """It goes to tickets and a SIEM, where many read it; what it rests on stays with the events."""
    profile = open_profile("north", config=CoreConfig())
    event = AccessEvent(
        id="e-1",
        time=1_771_553_400_000,
        institution="north",
        user="u-17",
        dataset="imaging",
        participants=Participants(ids=list(range(PARTICIPANT - 50_000, PARTICIPANT + 1))),
        source_ip=WHERE[0],
        client=WHERE[1],
        destination=WHERE[2],
        query_hash=WHERE[3],
    )
    (alert,) = [effect for effect in judge(profile, event) if isinstance(effect, RaiseAlert)]
    value = alerts.record(alert, topic_prefix="headgate").value or b""
    text = value.decode()
    assert [word for word in (str(PARTICIPANT), *WHERE) if word in text] == []
    finding = msgspec.json.decode(value)["data"]
    # The platform must know whom to ask: this name it gave itself.
    assert finding["evidences"][0]["actor"]["user"]["uid"] == "u-17"
