#!/usr/bin/env bash
# datasketches 5.2.0: `update` of a theta or HyperLogLog sketch takes a Python int from 2**63 on as
# a double, so 1,000 different ids that follow each other count as one person; there is no error.
# Ids below 2**63 are counted well. The CPC sketch of the same package counts both ranges. Half of
# all unsigned 64-bit hashes lie in the range in which neighbours fall together.
#
# Seen on 2026-11-28 with CPython 3.11.7 (1,000 different ids each time):
#   ids from 0:      theta 1000, hll 996, cpc 998
#   ids from 2**63:  theta 1, hll 1, cpc 999
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check datasketches==5.2.0
"$folder/venv/bin/python" - <<'PYTHON'
from datasketches import cpc_sketch, hll_sketch, update_theta_sketch


def estimates(first: int) -> list[int]:
    sketches = update_theta_sketch(12), hll_sketch(12), cpc_sketch(11)
    for sketch in sketches:
        for person in range(first, first + 1000):
            sketch.update(person)
    return [round(sketch.get_estimate()) for sketch in sketches]


small, large = estimates(0), estimates(2**63)
print("ids from 0:      theta {}, hll {}, cpc {}".format(*small))
print("ids from 2**63:  theta {}, hll {}, cpc {}".format(*large))
assert all(900 < count < 1100 for count in small), "small ids are not counted well"
assert large[:2] == [1, 1], "theta and hll tell large ids apart"
assert 900 < large[2] < 1100, "cpc does not tell large ids apart"
PYTHON
