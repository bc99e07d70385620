"""The operator's file that says which person of the cohort a project's pseudonym is."""

import sys
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from pyroaring import BitMap

from detectors.config import CohortConfig
from detectors.errors import ConfigError
from detectors.event import AccessEvent, Participants
from streams.cli.replay import command
from streams.ingest.codec import DecodeConfig, DecodeLimits, decode, decode_limits, encode
from streams.ingest.limits import opened_bridge
from tests.builders import event

SIZE = 1_000


def limits_of(path: Path) -> DecodeLimits:
    """Return the limits of a cohort whose projects have pseudonyms of their own."""
    cohort = CohortConfig(size=SIZE, id_space="project", bridge=str(path))
    return decode_limits(DecodeConfig(), cohort)


def written(rows: list[tuple[str, int, int]], path: Path) -> Path:
    """Return a bridge of rows of space, id and position."""
    lines = "".join(f"{space},{number},{position}\n" for space, number, position in rows)
    path.write_text("space,id,position\n" + lines)
    return path


def judged(people: Participants, path: Path, *, project: str | None = "p-1") -> AccessEvent:
    """Return an event of some people as it is judged."""
    raw = encode(event(participants=people, project=project))
    decoded = decode(raw, limits=limits_of(path))
    assert isinstance(decoded, AccessEvent)
    return decoded


@given(
    pseudonyms=st.dictionaries(
        st.tuples(st.sampled_from(["p-1", "p-2", "ü/é"]), st.integers(0, 2**64 - 1)),
        st.integers(0, SIZE - 1),
        min_size=1,
        max_size=40,
    ),
    data=st.data(),
)
def test_each_projects_ids_become_positions(
    pseudonyms: dict[tuple[str, int], int],
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """As the file says for that project, whatever the number is in another one."""
    path = tmp_path_factory.mktemp("bridge") / "bridge.csv"
    written([(space, number, place) for (space, number), place in pseudonyms.items()], path)
    project, _ = data.draw(st.sampled_from(sorted(pseudonyms)))
    ids = [number for space, number in pseudonyms if space == project]
    seen = judged(Participants(ids=ids), path, project=project)
    positions = sorted(pseudonyms[project, number] for number in ids)
    assert (seen.participants, seen.repairs) == (Participants(ids=positions), None)


def test_bitmaps_are_mapped_too(tmp_path: Path) -> None:
    """They are ids like others."""
    path = written([("p-1", 70, 3), ("p-1", 90, 5)], tmp_path / "bridge.csv")
    people = Participants(bitmap=BitMap([70, 90]).serialize())
    assert judged(people, path).participants == Participants(ids=[3, 5])


def test_who_is_not_in_the_file_is_left_out_and_counted(tmp_path: Path) -> None:
    """And where most are not, all are only counted: few known ones hide nobody."""
    path = written([("p-1", 70, 3), ("p-1", 90, 5)], tmp_path / "bridge.csv")
    some = judged(Participants(ids=[70, 90, 91]), path)
    assert (some.participants, some.repairs) == (Participants(ids=[3, 5]), {"id_unbridged": 1})
    most = judged(Participants(ids=[70, 1, 2, 4]), path)
    assert (most.participants, most.repairs) == (Participants(count=4), {"id_unbridged": 3})
    elsewhere = judged(Participants(ids=[70, 90]), path, project=None)
    assert elsewhere.participants == Participants(count=2)


@pytest.mark.parametrize("rows_count", [0, 4, 5, 9])
def test_a_file_is_read_in_batches_of_any_number(
    rows_count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the last one is empty, or all are."""
    monkeypatch.setattr("streams.ingest.bridge.BATCH_ROWS", 2)
    rows = [(f"p-{number % 3}", 100 + number, number) for number in range(rows_count)]
    path = written(rows, tmp_path / "bridge.csv")
    for space, number, position in rows:
        seen = judged(Participants(ids=[number]), path, project=space)
        assert seen.participants == Participants(ids=[position])
    assert judged(Participants(ids=[7]), path).participants == Participants(count=1)


def test_a_file_that_has_changed_is_read_again(tmp_path: Path) -> None:
    """Otherwise its sorted folder is used as it is."""
    path = written([("p-1", 70, 3)], tmp_path / "bridge.csv")
    assert judged(Participants(ids=[70]), path).participants == Participants(ids=[3])
    (folder,) = (each for each in tmp_path.iterdir() if each.is_dir())
    made_ns = folder.stat().st_mtime_ns
    opened_bridge.cache_clear()
    assert judged(Participants(ids=[70]), path).participants == Participants(ids=[3])
    assert folder.stat().st_mtime_ns == made_ns
    written([("p-1", 70, 4), ("p-1", 71, 5)], path)
    opened_bridge.cache_clear()
    assert judged(Participants(ids=[70]), path).participants == Participants(ids=[4])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("project,id,position\n", "expected the columns space, id, position"),
        ("space,id,position\np-1,x,3\n", "bridge.csv:2: expected a space and two numbers"),
        ("space,id,position\np-1,7,1000\n", "position 1000 of a cohort of 1000"),
    ],
)
def test_a_file_that_is_no_bridge_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    """With the key, the file and the line."""
    path = tmp_path / "bridge.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=problem):
        judged(Participants(ids=[7]), path)


def test_without_a_bridge_a_replay_says_what_is_not_known(tmp_path: Path) -> None:
    """Rings are not looked for, and what is held lies between two bounds."""
    log, file = tmp_path / "log.ndjson", tmp_path / "headgate.toml"
    events = [
        event(id=project, project=project, participants=Participants(ids=[*range(70_000, 70_300)]))
        for project in ("p-1", "p-2")
    ]
    log.write_bytes(b"".join(encode(each) + b"\n" for each in events))
    file.write_text('[cohort]\nsize = 1000\nid_space = "project"\n')
    result = CliRunner().invoke(command, [str(log), "--config", str(file)])
    assert "rings of institutions are not looked for" in result.stdout
    assert "people held, at least and at most: north 300 to 600" in result.stdout
    bridge = written(
        [(project, 70_000 + n, n) for project in ("p-1", "p-2") for n in range(300)],
        tmp_path / "bridge.csv",
    )
    file.write_text(f'[cohort]\nsize = 1000\nid_space = "project"\nbridge = "{bridge}"\n')
    result = CliRunner().invoke(command, [str(log), "--config", str(file)])
    assert "rings of institutions" not in result.stdout
    assert "(300 participants)" in result.stdout


def test_parquet_is_read_as_csv_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In batches; texts of any kind, and numbers of any width."""
    monkeypatch.setattr("streams.ingest.bridge.BATCH_ROWS", 2)
    path = tmp_path / "bridge.parquet"
    columns = {
        "id": pa.array([70, 90, 70, 2**64 - 1, 5], pa.uint64()),
        "space": pa.array(["p-1", "p-1", "ü/é", "p-1", "ü/é"]).dictionary_encode(),
        "more": pa.array([1.5] * 5),
        "position": pa.array([3, 5, 4, 9, 999], pa.int16()),
    }
    parquet.write_table(pa.table(columns), path)
    people = Participants(ids=[70, 90, 2**64 - 1])
    assert judged(people, path).participants == Participants(ids=[3, 5, 9])
    assert judged(Participants(ids=[5, 70]), path, project="ü/é").participants == Participants(
        ids=[4, 999]
    )


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        (
            {"id": [7], "position": [3]},
            "expected the columns space, id, position; got id, position",
        ),
        ({"space": ["p-1"], "id": ["x"], "position": [3]}, "a space and two numbers"),
        ({"space": ["p-1"], "id": [None], "position": [3]}, "a space and two numbers"),
        ({"space": ["p-1"], "id": [-7], "position": [3]}, "a space and two numbers"),
        ({"space": ["p-1"], "id": [7], "position": [1_000]}, "position 1000 of a cohort of 1000"),
    ],
)
def test_parquet_that_is_no_bridge_is_refused(
    columns: dict[str, list[object]], problem: str, tmp_path: Path
) -> None:
    """In one sentence with the file."""
    path = tmp_path / "bridge.parquet"
    parquet.write_table(pa.table(columns), path)
    with pytest.raises(ConfigError, match=problem):
        judged(Participants(ids=[7]), path)


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    """Whatever its name says."""
    path = tmp_path / "bridge.parquet"
    path.write_text("space,id,position\n")
    with pytest.raises(ConfigError, match="expected Parquet with a space and two numbers"):
        judged(Participants(ids=[7]), path)


def test_parquet_without_its_library_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is optional; whoever writes CSV needs none."""
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    path = tmp_path / "bridge.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(
        ConfigError, match=r"Parquet needs pyarrow: pip install headgate\[parquet\]"
    ):
        judged(Participants(ids=[7]), path)
