#!/usr/bin/env bash
# River 0.26.1: sketch.Set, a Bloom filter, and sketch.Counter, a count-min sketch, take a `seed`
# "for reproducibility", and can be pickled. Both place texts by Python's hash(), which differs from
# process to process unless PYTHONHASHSEED is set. So a filter that is saved and loaded by the next
# process knows hardly anybody whom it holds, though a Bloom filter has no false negatives; and the
# same stream with the same seed gives other counts at every run.
#
# Seen on 2026-11-28 with CPython 3.11.7, of 500 names that had been added (the second number
# differs from run to run, and so do the counts):
#   in the process that added them: 500 of 500
#   in the next process: 0 of 500
#   the sketch's counts of the same stream in three processes: 3 different lists
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check river==0.26.1
cat > "$folder/sketches.py" <<'PYTHON'
import pickle
import sys

from river import sketch

names = [f"institution-{number}" for number in range(500)]
if sys.argv[1] == "save":
    members = sketch.Set(capacity=1_000, fp_rate=0.01, seed=42)
    for name in names:
        members.add(name)
    with open(sys.argv[2], "wb") as file:
        pickle.dump(members, file)
elif sys.argv[1] == "load":
    with open(sys.argv[2], "rb") as file:
        members = pickle.load(file)
if sys.argv[1] == "count":
    counts = sketch.Counter(epsilon=0.05, delta=0.1, seed=42)
    for place in range(2_000):
        counts.update(names[place % len(names)])
    print([int(counts[name]) for name in names])
else:
    print(sum(name in members for name in names))
PYTHON
unset PYTHONHASHSEED
sketches() { "$folder/venv/bin/python" "$folder/sketches.py" "$@"; }
saved=$(sketches save "$folder/members")
loaded=$(sketches load "$folder/members")
different=$(for _ in 1 2 3; do sketches count; done | sort -u | wc -l)
echo "in the process that added them: $saved of 500"
echo "in the next process: $loaded of 500"
echo "the sketch's counts of the same stream in three processes: $different different lists"
[ "$saved" -eq 500 ] || { echo "the filter has false negatives at once"; exit 1; }
[ "$loaded" -lt 100 ] || { echo "the filter knows its members in another process"; exit 1; }
[ "$different" -eq 3 ] || { echo "the seed makes counts the same"; exit 1; }
