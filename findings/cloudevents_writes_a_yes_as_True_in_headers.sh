#!/usr/bin/env bash
# cloudevents 2.2.0 (the CNCF's Python SDK): an attribute that is a boolean goes into a header of a
# Kafka or HTTP message as Python spells it, `True`, and comes back from one as that string. The
# specification's only spellings are `true` and `false`, case-sensitive; the same event written as
# JSON holds `true`. A consumer in another language rejects the header or takes it for a word, and
# in Python `if event.get_extension("denied")` holds for both, "False" being a string that is not empty.
#
# Seen on 2026-11-28 with CPython 3.11.7:
#   JSON:          false
#   Kafka header:  b'False'
#   read back:     'False'
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check cloudevents==2.2.0
"$folder/venv/bin/python" - <<'PYTHON'
import json

from cloudevents.core.bindings import kafka
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

event = CloudEvent(attributes={"id": "a", "source": "/s", "type": "t", "denied": False})
in_json = json.loads(JSONFormat().write(event))["denied"]
record = kafka.to_binary_event(event)
back = kafka.from_binary_event(record).get_attributes()["denied"]
print("JSON:         ", json.dumps(in_json))
print("Kafka header: ", record.headers["ce_denied"])
print("read back:    ", repr(back))
assert in_json is False, "JSON does not hold a boolean"
assert record.headers["ce_denied"] == b"False" and back == "False", "headers hold another spelling"
PYTHON
