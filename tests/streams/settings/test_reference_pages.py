"""Pages that are generated: written from the code, and refused where they have fallen behind."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.settings import reference_pages
from streams.settings.reference_pages import main, pages


@pytest.mark.parametrize("path", list(pages()), ids=lambda path: path.stem)
def test_generated_pages_are_up_to_date(path: Path) -> None:
    """If not: `python -m streams.settings.reference_pages` writes them anew."""
    assert path.read_text() == pages()[path]


def test_a_check_writes_nothing_and_names_what_has_fallen_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that is absent, or old; written anew they pass."""
    monkeypatch.setattr(reference_pages, "DOCS", tmp_path)
    (tmp_path / "detectors").mkdir()
    (tmp_path / "examples").mkdir()
    runner = CliRunner()
    assert runner.invoke(main).exit_code == 0
    assert runner.invoke(main, ["--check"]).exit_code == 0

    (tmp_path / "config.md").write_text("as it was")
    (tmp_path / "metrics.md").unlink()
    checked = runner.invoke(main, ["--check"])
    assert checked.exit_code == 1
    assert "metrics.md, config.md" in checked.output
    assert (tmp_path / "config.md").read_text() == "as it was"
    assert not (tmp_path / "metrics.md").exists()
