"""The naive build, for comparison: a plain per-event Faust agent, as the tutorials show it.

One River HalfSpaceTrees an institution, scored and learnt at every event, and one table update
an event. Nothing here is protected against a crash. It prints how many it has handled.
"""

import os
import sys
import time

import faust
from faust.types import StreamT
from river.anomaly import HalfSpaceTrees

BROKER, TOPIC, PARTITIONS, COUNT = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
WARM_UP_COUNT = 2_000

app = faust.App(
    f"naive-{TOPIC}",
    broker=f"kafka://{BROKER}",
    topic_partitions=PARTITIONS,
    web_enabled=False,
    store="memory://",
    topic_disable_leader=True,
    worker_redirect_stdouts=False,
    datadir=sys.argv[5],
)
source = app.topic(TOPIC, key_serializer="raw", value_serializer="json")
totals = app.Table("totals", default=int, partitions=PARTITIONS)
models: dict[str, HalfSpaceTrees] = {}


@app.agent(source)
async def judge(stream: StreamT[dict[str, int]]) -> None:
    """Score, learn and remember each event."""
    handled_count = 0
    started_seconds = started_cpu_seconds = 0.0
    async for key, event in stream.items():
        name = str(key)
        model = models.setdefault(name, HalfSpaceTrees(seed=1))
        features = {"bytes": float(event.get("bytes", 0)), "rows": float(event.get("rows", 0))}
        model.score_one(features)  # type: ignore[no-untyped-call]
        model.learn_one(features)  # type: ignore[no-untyped-call]
        totals[name] += event.get("bytes", 0)
        handled_count += 1
        if handled_count == WARM_UP_COUNT:
            # By now every institution has its model: growing one costs more than using it.
            started_seconds, started_cpu_seconds = time.perf_counter(), time.process_time()
        if handled_count == WARM_UP_COUNT + COUNT:
            rate = COUNT / (time.perf_counter() - started_seconds)
            cpu_rate = COUNT / (time.process_time() - started_cpu_seconds)
            # Faust takes standard output over for its log.
            os.write(1, f"RATE {rate} {cpu_rate}\n".encode())


if __name__ == "__main__":
    sys.argv = [sys.argv[0], "worker", "--without-web", "-l", "error"]
    app.main()
