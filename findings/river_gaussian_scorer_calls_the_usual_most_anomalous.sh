#!/usr/bin/env bash
# river 0.26.1: a GaussianScorer that has only seen one value gives that very value the highest
# score there is, 1.0, the same as a value ten times as large. Its Gaussian has a deviation of zero
# then, for which `cdf` answers 0 everywhere, also far above the mean, and the score is the distance
# of `cdf` from one half. A client that fetches the same count every day is the worst of all.
#
# Seen on 2026-11-28 with CPython 3.11.7:
#   after 20 days of 5:  score of 5: 1.0, score of 50: 1.0; cdf(50): 0.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check river==0.26.1
"$folder/venv/bin/python" - <<'PYTHON'
from river import anomaly, proba

scorer, gaussian = anomaly.GaussianScorer(grace_period=5), proba.Gaussian()
for _ in range(20):
    scorer.learn_one(None, 5.0)
    gaussian.update(5.0)
usual, large = scorer.score_one(None, 5.0), scorer.score_one(None, 50.0)
below = gaussian.cdf(50.0)
print(f"after 20 days of 5:  score of 5: {usual}, score of 50: {large}; cdf(50): {below}")
assert usual == large == 1.0, "the usual value is not the most anomalous any more"
assert below == 0.0, "cdf of a constant is not 0 above its mean any more"
PYTHON
