"""What a start of the recorder costs: reading and folding an audit, by processor time.

`python -m benchmarks.speed.audit [ALERTS]` prints microseconds a line.
"""

import sys
import time

from msgspec.structs import replace

from detectors.response.config import Modes, ResponseConfig
from detectors.response.entries import AlertSeen, Configured, SourceRecord
from detectors.response.verify import verify
from streams.response.journal import Journal

ALERTS_COUNT = 20_000
INSTITUTIONS_COUNT = 1_000
MINUTE_MS = 60_000
COHORT_SIZE = 500_000
ALERT = AlertSeen(
    alert_id="",
    change="create",
    revision=1,
    institution="",
    at_ms=0,
    started_ms=0,
    severity="high",
    confidence=1.0,
    p_value=1e-9,
    taken_participants=30_000,
    detectors=("excess",),
    user=None,
    user_share=0.0,
    user_participants=1_000,
    project=None,
    project_share=0.0,
    sentence="inst took 30,000 new participants in 1 d (expected 300).",
    config_hash="",
    record_sha256="",
)


def journal(alerts_count: int) -> list[bytes]:
    """Return the lines of so many alerts of a thousand institutions, each acted on."""
    grown = Journal()
    modes = Modes(throttle="automatic", suspend="automatic")
    configured = Configured(
        response=ResponseConfig(modes=modes), cohort_size=COHORT_SIZE, config_hash="", version=""
    )
    lines = list(grown.append([(None, configured)], now_ms=0).lines)
    for number in range(alerts_count):
        name = f"inst-{number % INSTITUTIONS_COUNT}"
        at_ms = number * MINUTE_MS
        seen = replace(ALERT, alert_id=f"a{number}", institution=name, at_ms=at_ms)
        source = SourceRecord(topic="alerts", partition=0, offset=number)
        lines += grown.append([(source, seen)], now_ms=at_ms).lines
    return lines


def main() -> None:
    """Print what reading and verifying cost."""
    lines = journal(int(sys.argv[1]) if len(sys.argv) > 1 else ALERTS_COUNT)
    began = time.process_time()
    read = Journal()
    for line in lines:
        read.read(line)
    took = time.process_time()
    verify(lines)
    ended = time.process_time()
    count = len(lines)
    print(f"{count} lines of {sum(map(len, lines)) / count:.0f} bytes")
    print(f"read    {(took - began) / count * 1e6:6.1f} us a line")
    print(f"verify  {(ended - took) / count * 1e6:6.1f} us a line")


if __name__ == "__main__":
    main()
