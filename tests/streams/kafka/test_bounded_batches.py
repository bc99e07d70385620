"""A batch that unpacks into more than memory should hold keeps its records, their values cut."""

import gzip
import tracemalloc
import zlib

import pytest
from aiokafka.record import MemoryRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from xxhash import xxh3_128_hexdigest

from streams.ingest.cut_records import cut_problem
from streams.ingest.rejects import RejectReason
from streams.kafka import bounded_batches
from streams.kafka.bounded_batches import VALUE_BYTES_MAX, unpacked

GZIP = 1
MIB = 2**20
POISON_BYTES = 300 * MIB


@pytest.fixture(autouse=True)
def _bounded() -> None:
    bounded_batches.install()


def batch(*values: bytes) -> bytes:
    """Return a packed batch of records with a key and two headers each."""
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=GZIP, is_transactional=0, producer_id=-1, producer_epoch=-1,
        base_sequence=-1, batch_size=sum(map(len, values)) + 10_000,
    )  # fmt: skip
    for offset, value in enumerate(values):
        headers = [("trace", b"x"), ("absent", None)]
        builder.append(offset, 1_000 + offset, b"north", value, headers=headers)
    return bytes(builder.build())


def test_a_poison_record_is_cut_and_its_neighbours_are_as_they_were() -> None:
    """Its place, key and time stay; a header says how large it is, with a digest."""
    poison = bytes(POISON_BYTES)
    packed = batch(b"before", poison, b"after")
    digest = xxh3_128_hexdigest(poison)
    del poison
    tracemalloc.start()
    before, cut, after = MemoryRecords(packed).next_batch()
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (before.value, after.value) == (b"before", b"after")
    assert after.headers == before.headers == [("trace", b"x"), ("absent", None)]
    assert (cut.offset, cut.timestamp, cut.key, cut.value) == (1, 1_001, b"north", bytes(4_096))
    problem = cut_problem(cut.headers)
    assert problem is not None
    assert problem.reason is RejectReason.TOO_LARGE
    assert problem.detail == f"a value of 314,572,800 bytes, XXH128 {digest}"
    assert peak_bytes < 250 * MIB


def test_many_large_records_are_cut_once_there_is_no_room() -> None:
    """Each is small enough by itself."""
    records = list(MemoryRecords(batch(*[bytes(40 * MIB)] * 4, b"small")).next_batch())
    assert [len(record.value or b"") for record in records] == [40 * MIB, 40 * MIB, 4_096, 4_096, 5]
    assert [cut_problem(record.headers) is None for record in records] == [
        True,
        True,
        False,
        False,
        True,
    ]


def test_what_is_within_bounds_is_as_gzip_has_it() -> None:
    """One member or several."""
    members = [b"a" * 1_000, b"b" * 3 * MIB, b""]
    assert unpacked(b"".join(map(gzip.compress, members))) == b"".join(members)
    assert VALUE_BYTES_MAX < POISON_BYTES


@pytest.mark.parametrize("raw", [gzip.compress(b"a" * 10_000)[:-20], b"noise"])
def test_what_is_no_gzip_is_an_error(raw: bytes) -> None:
    """As before."""
    with pytest.raises((EOFError, zlib.error)):
        unpacked(raw)
