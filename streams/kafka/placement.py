"""Step 2 of 7: an institution -> the partition that is its own, where it has its judge.

As Kafka's own clients place a key (murmur2), of the institution's identity. librdkafka and Sarama
place keys elsewhere unless they are told otherwise.
"""

from functools import lru_cache
from typing import Final

from aiokafka.partitioner import DefaultPartitioner

_INSTITUTIONS_CACHED_MAX: Final = 65_536
_partitioner: Final = DefaultPartitioner()


@lru_cache(_INSTITUTIONS_CACHED_MAX)
def partition_of(institution: str, *, partitions: int) -> int:
    """Return the partition of an institution by its identity, of so many.

    >>> partition_of("uni-bern", partitions=4)
    0
    """
    numbers = list(range(partitions))
    return int(_partitioner(institution.encode("utf-8", "replace"), numbers, numbers))
