"""Step 1 of 7: the headers of a Kafka record: names with bytes, in order, and names may repeat."""

from collections.abc import Sequence

# Kafka lets a header have no value; it counts as an empty one.
Headers = Sequence[tuple[str, bytes | None]]


def header_value(headers: Headers, name: str) -> bytes | None:
    """Return the value of the first header of that name, None where there is none."""
    for present, value in headers:
        if present == name:
            return value or b""
    return None
