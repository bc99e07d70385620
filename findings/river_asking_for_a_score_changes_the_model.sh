#!/usr/bin/env bash
# River 0.26.1: anomaly.PredictiveAnomalyDetection moves its own threshold in score_one, and not in
# learn_one. In River score_one asks and learn_one teaches, and the other supervised anomaly
# detectors keep to that. So a detector that was only trained has no threshold and calls every
# example a full anomaly; two that were taught the same and asked differently disagree; and one that
# is built again from its history does not give the scores of the one that it replaces.
#
# Seen on 2026-11-28 with CPython 3.11.7 (the score of the same example by models that were taught
# the same 100 examples, and were asked for a score before each or never):
#   asked before each: 0.150
#   never asked: 1.000
#   never asked, and again after one other question: 0.018
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check river==0.26.1
"$folder/venv/bin/python" - <<'PYTHON'
import pickle

from river import anomaly


def taught(*, asked: bool) -> anomaly.PredictiveAnomalyDetection:
    model = anomaly.PredictiveAnomalyDetection(warmup_period=24)
    for step in range(100):
        features, rows = {"hour": float(step % 24)}, 100.0 + step % 7
        if asked:
            model.score_one(features, rows)
        model.learn_one(features, rows)
    return model


question = ({"hour": 3.0}, 104.0)
first, second = taught(asked=True), taught(asked=False)
print(f"asked before each: {first.score_one(*question):.3f}")
before = pickle.dumps(second)
once = second.score_one(*question)
changed = pickle.dumps(second) != before
second.score_one({"hour": 3.0}, 200.0)
again = second.score_one(*question)
print(f"never asked: {once:.3f}")
print(f"never asked, and again after one other question: {again:.3f}")
assert taught(asked=True).score_one(*question) != once, "asking no longer matters"
assert changed and once != again, "score_one no longer changes the model"
scorer = anomaly.GaussianScorer()
scorer.learn_one(None, 1.0)
before = pickle.dumps(scorer)
scorer.score_one(None, 2.0)
assert pickle.dumps(scorer) == before, "GaussianScorer changes as well"
PYTHON
