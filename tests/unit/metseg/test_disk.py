from pathlib import Path

import pytest

from metseg.disk import spool_path


def test_a_spooled_file_lies_in_the_folder_of_its_first_two_digits() -> None:
    assert spool_path(Path("/spool"), "ab" + "0" * 62) == Path("/spool/ab/ab" + "0" * 62 + ".dcm")


@pytest.mark.parametrize("sha256", ["", "../../etc/passwd", "AB" + "0" * 62, "0" * 63])
def test_only_a_sha256_makes_a_spool_path(sha256: str) -> None:
    with pytest.raises(ValueError, match="sha256 must be 64"):
        spool_path(Path("/spool"), sha256)
