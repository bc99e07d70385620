#!/usr/bin/env bash
# confusable_homoglyphs 3.3.1 keeps the marks of direction that Unicode's table of confusables puts
# around its samples of what is written from right to left. Such a character is a key of its data
# only between two U+200E, so `is_confusable` does not find it: ARABIC-INDIC DIGIT ONE is listed as
# a look-alike of `l`, and asked for it, the library says no.
#
# Seen on 2026-11-28 with CPython 3.11.7:
#   ARABIC-INDIC DIGIT ONE: not confusable
#   between two marks of direction: in the data
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check confusable-homoglyphs==3.3.1
"$folder/venv/bin/python" - <<'PYTHON'
from confusable_homoglyphs.confusables import confusables_data, is_confusable

ONE = "\N{ARABIC-INDIC DIGIT ONE}"
MARK = "\N{LEFT-TO-RIGHT MARK}"
is_listed = MARK + ONE + MARK in confusables_data
print(f"ARABIC-INDIC DIGIT ONE: {'confusable' if is_confusable(ONE) else 'not confusable'}")
print(f"between two marks of direction: {'in the data' if is_listed else 'not in the data'}")
assert not is_confusable(ONE), "it is found"
assert is_listed, "the marks are gone"
PYTHON
