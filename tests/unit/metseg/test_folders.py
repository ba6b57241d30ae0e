from pathlib import Path

import pytest

from metseg.errors import ConfigurationError
from metseg.folders import check_folders, folder_problem
from metseg.settings import Settings


def settings_at(place: Path, **folders: Path) -> Settings:
    return Settings(home=place / "home", **folders)


def fstab_of(place: Path, *points: Path | str) -> Path:
    """One line per mount point, as in fstab(5)."""
    path = place / "fstab"
    lines = ["# <file system> <mount point> <type>", "", "UUID=1 / ext4 defaults 0 1"]
    lines += ["UUID=2 none swap sw 0 0"]
    lines += [
        f"//server/share {str(one).replace(' ', chr(92) + '040')} cifs ro 0 0" for one in points
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("name", ["spool", "results"])
def test_a_folder_that_a_setting_names_must_exist(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "disk" / name
    settings = settings_at(tmp_path, **{name: folder})
    problem = folder_problem(settings, name, fstab=fstab_of(tmp_path))
    assert problem is not None
    assert f"METSEG_{name.upper()} must be a folder that exists" in problem
    with pytest.raises(ConfigurationError, match="must be a folder that exists"):
        check_folders(settings, fstab=fstab_of(tmp_path))
    folder.mkdir(parents=True)
    check_folders(settings, fstab=fstab_of(tmp_path))


def test_folders_below_the_home_need_not_exist_yet(tmp_path: Path) -> None:
    check_folders(settings_at(tmp_path), fstab=fstab_of(tmp_path))
    assert not (tmp_path / "home").exists(), "looking makes nothing"


@pytest.mark.parametrize("below", ["", "a", "a/b"])
def test_a_folder_on_a_disk_that_is_not_mounted_is_refused(tmp_path: Path, below: str) -> None:
    point = tmp_path / "big disk"
    folder = point / below
    folder.mkdir(parents=True)
    settings = settings_at(tmp_path, spool=folder)
    problem = folder_problem(settings, "spool", fstab=fstab_of(tmp_path, point))
    assert problem == f"spool must be on its own disk, but {point} is not mounted: mount it"


def test_a_home_on_a_disk_that_is_not_mounted_is_refused(tmp_path: Path) -> None:
    fstab = fstab_of(tmp_path, tmp_path / "home")
    with pytest.raises(ConfigurationError, match="is not mounted"):
        check_folders(settings_at(tmp_path), fstab=fstab)


def test_unrelated_disks_that_are_not_mounted_do_no_harm(tmp_path: Path) -> None:
    fstab = fstab_of(tmp_path, tmp_path / "cdrom", tmp_path / "hom", "/proc")
    check_folders(settings_at(tmp_path), fstab=fstab)


def test_a_system_without_fstab_has_nothing_to_check(tmp_path: Path) -> None:
    check_folders(settings_at(tmp_path), fstab=tmp_path / "no-fstab")


def test_a_file_in_the_place_of_a_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("")
    problem = folder_problem(
        settings_at(tmp_path, spool=tmp_path / "spool"), "spool", fstab=fstab_of(tmp_path)
    )
    assert problem == f"METSEG_SPOOL must be a folder, got a file: {tmp_path / 'spool'}"
