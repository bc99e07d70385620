"""Step 5 of 7: p-values of all channels -> one. The weighted harmonic mean stands dependence.

Source: D. J. Wilson (2019), "The harmonic mean p-value for combining dependent tests",
Proceedings of the National Academy of Sciences 116, 1195-1200. Each channel's share of the sum
is its share of the evidence, which is what the explanation shows.
"""

from collections.abc import Mapping
from math import fsum
from typing import Final

# Smaller ones carry no meaning that a person could check.
P_VALUE_MIN: Final = 1e-12


def combine(
    p_values: Mapping[str, float], *, weights: Mapping[str, float]
) -> tuple[float, dict[str, float]]:
    """Return (combined p-value, share of the evidence by channel); silent channels count as 1.

    >>> p_value, shares = combine({"a": 0.001}, weights={"a": 1.0, "b": 1.0})
    >>> round(p_value, 6), {channel: round(share, 3) for channel, share in shares.items()}
    (0.001998, {'a': 1.0})
    """
    # Exact sums: the built-in one rounds otherwise in Python 3.12 than in 3.11.
    total = fsum(weights.values())
    evidence = {
        channel: weights.get(channel, 0.0) / max(p_value, P_VALUE_MIN)
        for channel, p_value in p_values.items()
    }
    spoken = fsum(evidence.values())
    silent = fsum(weight for channel, weight in weights.items() if channel not in p_values)
    if spoken <= 0.0:
        return 1.0, {}
    p_value = min(1.0, total / (spoken + silent))
    return p_value, {channel: amount / spoken for channel, amount in evidence.items()}
