from pathlib import Path

import pytest

from benchmarks.rescan import make_known, scan_twice
from metseg.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", inbox=tmp_path / "inbox")


def test_a_watcher_finds_nothing_to_do_among_files_that_were_made_known(
    settings: Settings,
) -> None:
    make_known(settings, 3)
    seen = scan_twice(settings)
    assert seen.first_s > 0
    assert seen.next_s > 0
    assert seen.peak_mb > 10


def test_a_file_that_is_not_known_is_noticed(settings: Settings) -> None:
    make_known(settings, 3)
    (settings.inbox / "late.dcm").touch()
    with pytest.raises(RuntimeError, match="all files must be known"):
        scan_twice(settings)
