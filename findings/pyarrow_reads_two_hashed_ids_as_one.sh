#!/usr/bin/env bash
# pyarrow 26.0.1: a column of whole numbers beyond 2**63 - 1, such as unsigned 64-bit hashes, is
# read from CSV and from JSON as `double` without a word: the inference knows int64 and then
# floating point, no uint64. Neighbours within 2,048 of each other become the same number, and none
# is what was written. DuckDB 2.0.1 reads the same two files exactly.
#
# Seen on 2026-11-28 with CPython 3.11.7:
#   pyarrow CSV:   double, distinct ids 1 of 3
#   pyarrow JSON:  double, distinct ids 1 of 3
#   DuckDB CSV:    HUGEINT, distinct ids 3 of 3
#   DuckDB JSON:   HUGEINT, distinct ids 3 of 3
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    pyarrow==26.0.1 duckdb==2.0.1
cd "$folder"
printf 'id\n18446744073709550592\n18446744073709550593\n18446744073709550600\n' > ids.csv
printf '{"id":18446744073709550592}\n{"id":18446744073709550593}\n{"id":18446744073709550600}\n' > ids.json
"$folder/venv/bin/python" - <<'PYTHON'
import duckdb
import pyarrow.csv
import pyarrow.json

for name, table in (
    ("CSV: ", pyarrow.csv.read_csv("ids.csv")),
    ("JSON:", pyarrow.json.read_json("ids.json")),
):
    kind, distinct = table.schema.field("id").type, len(set(table["id"].to_pylist()))
    print(f"pyarrow {name}  {kind}, distinct ids {distinct} of 3")
    assert str(kind) == "double" and distinct == 1, "pyarrow keeps the ids apart"
for name, reader in (("CSV: ", "read_csv('ids.csv')"), ("JSON:", "read_json('ids.json')")):
    kind, distinct = duckdb.sql(
        f"select any_value(typeof(id)), count(distinct id) from {reader}"
    ).fetchall()[0]
    print(f"DuckDB {name}   {kind}, distinct ids {distinct} of 3")
    assert distinct == 3, "DuckDB does not keep the ids apart"
PYTHON
