"""The volume reader on series with a damaged file: a sound volume, or an error of metseg."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from pydicom import uid as transfer

from imaging.dicom.files.headers import read_header
from imaging.dicom.series.series import group_series
from metseg.errors import DicomError
from tests.fuzz.damage import Sample, damaged, dicom_sample, often
from tests.fuzz.reader_child import outcome
from tests.helpers.dicom.encodings import Stored, ramp, write_stored
from tests.helpers.dicom.phantom import Recipe, head_with_lesions, write_series

PURE = (transfer.ExplicitVRLittleEndian, transfer.ImplicitVRLittleEndian, transfer.RLELossless)
CODECS = (
    transfer.JPEGLSLossless,
    transfer.JPEG2000Lossless,
    transfer.HTJ2KLossless,
    transfer.JPEGExtended12Bit,
    transfer.JPEGLosslessSV1,
)
"""Read by C and C++."""
HURT = 2
GOOD = "1.2.97"
MAX_BYTES = 1 << 20
CODES = (
    *("not_dicom", "dicom_invalid", "dicom_truncated"),
    *("series_invalid", "several_patients", "geometry_invalid", "blank_image"),
)
"""Of what the reader may refuse."""


@dataclass(frozen=True)
class Series:
    """Five small slices, one of which is to be damaged."""

    paths: list[Path] = field(repr=False)
    sample: Sample = field(repr=False)

    def hurt(self, data: st.DataObject) -> Path:
        """Damage the slice anew."""
        self.paths[HURT].write_bytes(data.draw(damaged([self.sample])))
        return self.paths[HURT]


def series_of(folder: Path, syntax: str, name: str = "a") -> Series:
    """A series in that transfer syntax."""
    volume = head_with_lesions((5, 12, 12), (5.0, 14.0, 14.0)).volume
    recipe = Recipe(series_uid=f"1.2.{ord(name)}", transfer_syntax=syntax)
    paths = write_series(volume, folder / name, recipe)
    return Series(paths, dicom_sample(paths[HURT].read_bytes()))


@pytest.fixture(scope="module")
def pure(tmp_path_factory: pytest.TempPathFactory) -> list[Series]:
    return [series_of(tmp_path_factory.mktemp("pure"), syntax) for syntax in PURE]


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> list[Series]:
    made = []
    for syntax in CODECS:
        values = ramp((5, 32, 32), Stored())
        paths = write_stored(values, tmp_path_factory.mktemp("coded"), Stored(), syntax)
        made.append(Series(paths, dicom_sample(paths[HURT].read_bytes())))
    return made


@pytest.fixture(scope="module")
def child() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.fuzz.reader_child"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        yield running
        assert running.stdin is not None
        running.stdin.close()


def judge(said: str) -> None:
    event(said.partition(":")[0])
    assert said.partition(":")[0] in ("volume", *CODES)
    assert "CANARY" not in said


@often(2)
@given(st.data())
def test_a_series_with_a_damaged_file_is_a_volume_or_refused(
    pure: list[Series], data: st.DataObject
) -> None:
    series = data.draw(st.sampled_from(pure))
    series.hurt(data)
    judge(outcome(series.paths[0].parent))


@often(2)
@given(st.data())
def test_damaged_codestreams_do_not_end_the_process(
    coded: list[Series], child: subprocess.Popen[str], data: st.DataObject
) -> None:
    series = data.draw(st.sampled_from(coded))
    series.hurt(data)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(f"{series.paths[0].parent}\n")
    child.stdin.flush()
    said = child.stdout.readline()
    assert said, f"the reading process ended with {child.wait(10)}"
    judge(json.loads(said))


@often(2)
@given(st.data())
def test_a_damaged_file_that_the_header_pass_accepts_spoils_no_other_series(
    neighbours: tuple[Series, Series], data: st.DataObject
) -> None:
    good, bad = neighbours
    path = bad.hurt(data)
    try:
        read_header(path, max_bytes=MAX_BYTES)
    except DicomError:
        event("refused at the door")
        return
    found = {series.series_instance_uid: series for series in group_series([*good.paths, path])}
    assert len(found[GOOD].files) >= len(good.paths)


@pytest.fixture(scope="module")
def neighbours(tmp_path_factory: pytest.TempPathFactory) -> tuple[Series, Series]:
    folder = tmp_path_factory.mktemp("neighbours")
    syntax = transfer.ExplicitVRLittleEndian
    return series_of(folder, syntax, "a"), series_of(folder, syntax, "b")
