"""A batch that unpacks into more than memory should hold keeps its records, their values cut."""

import gzip
import random
import resource
import tracemalloc
import zlib

import aiokafka.codec
import cramjam
import pytest
from aiokafka.record import MemoryRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from xxhash import xxh3_128_hexdigest

from streams.ingest.cut_records import cut_problem
from streams.ingest.rejects import RejectReason
from streams.kafka import bounded_batches
from streams.kafka.bounded_batches import VALUE_BYTES_MAX, gzip_unpacked, snappy_unpacked

CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
MIB = 2**20
POISON_BYTES = 300 * MIB


@pytest.fixture(autouse=True)
def _bounded() -> None:
    bounded_batches.install()


def batch(*values: bytes, codec: str = "gzip") -> bytes:
    """Return a packed batch of records with a key and two headers each."""
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=CODECS[codec],
        is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=sum(map(len, values)) + 10_000,
    )  # fmt: skip
    for offset, value in enumerate(values):
        headers = [("trace", b"x"), ("absent", None)]
        builder.append(offset, 1_000 + offset, b"north", value, headers=headers)
    return bytes(builder.build())


@pytest.mark.parametrize("codec", CODECS)
def test_a_poison_record_is_cut_and_its_neighbours_are_as_they_were(codec: str) -> None:
    """Its place, key and time stay; a header says how large it is, with a digest."""
    poison = bytes(POISON_BYTES)
    packed = batch(b"before", poison, b"after", codec=codec)
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


@pytest.mark.parametrize("codec", CODECS)
def test_many_large_records_are_cut_once_there_is_no_room(codec: str) -> None:
    """Each is small enough by itself."""
    packed = batch(*[bytes(40 * MIB)] * 4, b"small", codec=codec)
    records = list(MemoryRecords(packed).next_batch())
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
    assert gzip_unpacked(b"".join(map(gzip.compress, members))) == b"".join(members)
    assert VALUE_BYTES_MAX < POISON_BYTES


@pytest.mark.parametrize("raw", [gzip.compress(b"a" * 10_000)[:-20], b"noise"])
def test_what_is_no_gzip_is_an_error(raw: bytes) -> None:
    """As before."""
    with pytest.raises((EOFError, zlib.error)):
        gzip_unpacked(raw)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("size_bytes", [0, 1, 100_000, 9 * MIB])
def test_what_is_within_bounds_is_as_aiokafka_has_it(codec: str, size_bytes: int) -> None:
    """The smallest batches, and those for which the kept memory has no room."""
    records = random.Random(1).randbytes(size_bytes)
    packed = getattr(aiokafka.codec, f"{codec}_encode")(records)
    assert getattr(bounded_batches, f"{codec}_unpacked")(packed) == records


def test_snappy_of_other_clients_is_one_block() -> None:
    """Librdkafka writes no frame around it."""
    records = random.Random(1).randbytes(100_000)
    assert snappy_unpacked(bytes(cramjam.snappy.compress_raw(records))) == records


@pytest.mark.parametrize(
    "raw",
    [b"noise", b"", b"\xff\xff\xff\xff\x0f" + b"x" * 20],
    ids=["noise", "nothing", "4 GiB, it says"],
)
@pytest.mark.parametrize("codec", ["snappy", "lz4", "zstd"])
def test_what_is_damaged_is_an_error_and_takes_no_memory(codec: str, raw: bytes) -> None:
    """Whatever it says of its size; nothing waits for what never comes."""
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises((cramjam.DecompressionError, EOFError)):
        getattr(bounded_batches, f"{codec}_unpacked")(raw)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before_kib + 50 * 1_024


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_what_ends_in_the_middle_is_an_error(codec: str) -> None:
    """Beyond the bound, where it is read piece by piece."""
    packed = getattr(aiokafka.codec, f"{codec}_encode")(bytes(POISON_BYTES))
    with pytest.raises((cramjam.DecompressionError, EOFError)):
        getattr(bounded_batches, f"{codec}_unpacked")(packed[:-1_000])
