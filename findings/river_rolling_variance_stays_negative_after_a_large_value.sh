#!/usr/bin/env bash
# river 0.26.1: the rolling variance takes a value that leaves the window back out of its sums. After
# one large value the rest that rounding leaves is larger than the variance itself, and it never goes
# away: a window of 3, 3, 3 has a variance below zero, and its root is not a real number. One bulk
# download is enough, and the institution's window is wrong from then on.
#
# Seen on 2026-11-28 with CPython 3.11.7:
#   window 3, 3, 3 at the start:               0.0
#   window 3, 3, 3 after one value of 10**8:   -0.25
#   and 1,000 values later:                    -0.25
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check river==0.26.1
"$folder/venv/bin/python" - <<'PYTHON'
from river import stats, utils


def variance(values: list[float]) -> float:
    rolling = utils.Rolling(stats.Var, window_size=3)
    for value in values:
        rolling.update(value)
    return rolling.get()


clean, after, later = (variance(start + [3.0] * n) for start, n in
                       (([], 3), ([1e8, 1.0, 2.0], 3), ([1e8, 1.0, 2.0], 1000)))
print(f"window 3, 3, 3 at the start:               {clean}")
print(f"window 3, 3, 3 after one value of 10**8:   {after:.2f}")
print(f"and 1,000 values later:                    {later:.2f}")
assert clean == 0.0, "the variance of equal values is not zero"
assert after < 0 and later < 0, "the variance is not negative any more"
PYTHON
