"""Step 1 of 7: bytes -> none too deeply nested to be read, or rejected."""

import re
from typing import Final

from streams.ingest.rejects import Rejected, RejectReason, rejected

# Possessive, and ended by the end of input too: linear, whatever the bytes.
_STRINGS: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_ONE_KIND: Final = bytes.maketrans(b"{}", b"[]")
# As signed bytes: a level deeper, or a level less deep.
_STEPS: Final = bytes.maketrans(b"[]", b"\x01\xff")
# Objects and arrays within one another, the event itself included.
NESTING_MAX: Final = 200
# The event, its participants, their ranges, and each of these.
_OWN_LEVELS: Final = 4
NESTED_BYTES_MIN: Final = NESTING_MAX * len("[]")


def nesting_problem(raw: bytes) -> Rejected | None:
    """Tell whether brackets nest too deeply, without recursion, in linear time.

    The decoder's own guard depends on how deep its caller stands, and would not be deterministic.
    """
    if raw.count(b"[") + raw.count(b"{") <= NESTING_MAX:
        return None
    brackets = _STRINGS.sub(b"", raw).translate(_ONE_KIND, _NO_BRACKETS)
    # Leaves are removed level by level, as many as an event has itself: mostly nothing is left.
    for _ in range(_OWN_LEVELS):
        brackets = brackets.replace(b"[]", b"")
    if not brackets:
        return None
    # Not before: what judges nothing reads configurations, and needs no arrays.
    import numpy as np  # noqa: PLC0415 - as above

    depths = np.cumsum(np.frombuffer(brackets.translate(_STEPS), np.int8), dtype=np.int32)
    if depths[-1] != 0 or depths.min() < 0:
        return rejected(RejectReason.NOT_JSON, "brackets without their partners")
    if depths.max() > NESTING_MAX - _OWN_LEVELS:
        detail = f"objects or arrays nest deeper than {NESTING_MAX}"
        return rejected(RejectReason.NESTING_TOO_DEEP, detail)
    return None
