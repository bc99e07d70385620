#!/usr/bin/env bash
# cloudevents 2.2.0 (the CNCF's Python SDK): an event that says no `time` has one after it was read,
# the time of the machine that reads, and `write` sends that on. The specification calls `time`
# optional, "timestamp of when the occurrence happened". So a relay built with the SDK turns events
# of unknown time, a backlog of last year among them, into events of now; nothing in the message
# tells the two apart afterwards, and who reads the same bytes twice gets two different events.
#
# Seen on 2026-11-28 with CPython 3.11.7:
#   read from JSON:           a time was added: True; written on: True
#   read from Kafka headers:  a time was added: True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check cloudevents==2.2.0
"$folder/venv/bin/python" - <<'PYTHON'
import json
from datetime import datetime, timedelta, timezone

from cloudevents.core.bindings import kafka
from cloudevents.core.formats.json import JSONFormat

written = {"specversion": "1.0", "id": "a", "source": "/archive", "type": "download"}
before = datetime.now(timezone.utc)
event = JSONFormat().read(None, json.dumps(written))
added = event.get_attributes().get("time")
is_now = added is not None and abs(added - before) < timedelta(minutes=1)
sent_on = "time" in json.loads(JSONFormat().write(event))
print(f"read from JSON:           a time was added: {is_now}; written on: {sent_on}")
headers = {f"ce_{name}": value.encode() for name, value in written.items()}
record = kafka.KafkaMessage(headers=headers, key=None, value=None)
from_kafka = kafka.from_binary_event(record).get_attributes().get("time")
print(f"read from Kafka headers:  a time was added: {from_kafka is not None}")
assert is_now and sent_on and from_kafka is not None, "no time is invented any more"
PYTHON
