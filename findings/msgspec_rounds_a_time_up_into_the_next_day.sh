#!/usr/bin/env bash
# msgspec 0.22.0 rounds a time written with more than six fractional digits to the nearest
# microsecond, and carries: 23:59:59.9999999Z of one day decodes as 00:00:00 of the next. RFC 3339
# sets no limit to the digits (Go and Java write nine), and Python's own datetime.fromisoformat
# cuts instead. A log that is counted by day therefore counts such an event on the wrong day.
#
# Seen on 2026-11-28 with CPython 3.11.7:
#   msgspec 0.22.0:  2026-04-02 00:00:00+00:00
#   fromisoformat:   2026-04-01 23:59:59.999999+00:00
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check msgspec==0.22.0
"$folder/venv/bin/python" - <<'PYTHON'
from datetime import datetime

import msgspec

written = "2026-04-01T23:59:59.9999999Z"
decoded = msgspec.json.decode(f'"{written}"'.encode(), type=datetime)
parsed = datetime.fromisoformat(written)
print("msgspec", msgspec.__version__ + ":", decoded)
print("fromisoformat:  ", parsed)
assert decoded.isoformat() == "2026-04-02T00:00:00+00:00", "msgspec does not round up any more"
assert parsed.isoformat() == "2026-04-01T23:59:59.999999+00:00", "fromisoformat does not cut"
PYTHON
