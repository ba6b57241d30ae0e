from pathlib import Path

import pytest

from db import upgrade


def test_a_new_migration_of_unchanged_tables_does_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Writes beside a copy of the migrations, not into the package."""
    import shutil

    copy = tmp_path / "migrations"
    shutil.copytree(upgrade.MIGRATIONS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(upgrade, "MIGRATIONS", copy)
    upgrade.write_revision("nothing new")
    (written,) = (copy / "versions").glob("*_nothing_new.py")
    assert written.read_text().count("pass") == 2
