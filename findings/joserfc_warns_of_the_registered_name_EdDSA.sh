#!/usr/bin/env bash
# joserfc 1.8.0 raises a SecurityWarning for the JWS algorithm "EdDSA", the name that RFC 8037
# registered and that most tools still write, since RFC 9864 deprecates it in favour of "Ed25519";
# and it leaves both out of the algorithms that it allows unless told otherwise. Whoever runs with
# warnings as errors cannot verify a signature that other libraries make by default.
#
# Seen on 2026-11-28 with CPython 3.11.7:
#   EdDSA by default: UnsupportedAlgorithmError
#   EdDSA, allowed: SecurityWarning
#   Ed25519, allowed: no warning
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check joserfc==1.8.0
"$folder/venv/bin/python" - <<'PYTHON'
import warnings

from joserfc import jws
from joserfc.jwk import OKPKey


def outcome(algorithm: str, allowed: list[str] | None) -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            jws.serialize_compact({"alg": algorithm}, b"decision", key, algorithms=allowed)
        except Exception as error:
            return type(error).__name__
    return ", ".join(sorted({warning.category.__name__ for warning in caught})) or "no warning"


key = OKPKey.generate_key("Ed25519", private=True)
seen = {
    "EdDSA by default": outcome("EdDSA", None),
    "EdDSA, allowed": outcome("EdDSA", ["EdDSA"]),
    "Ed25519, allowed": outcome("Ed25519", ["Ed25519"]),
}
for case, result in seen.items():
    print(f"{case}: {result}")
assert seen["EdDSA by default"] == "UnsupportedAlgorithmError", "EdDSA is allowed by default"
assert seen["EdDSA, allowed"] == "SecurityWarning", "EdDSA is not warned of any more"
assert seen["Ed25519, allowed"] == "no warning", "Ed25519 is warned of"
PYTHON
