"""A file is parsed once: volume and facts are made of the same headers."""

from collections import Counter

import numpy as np
import pydicom
import pytest

from imaging.dicom.files import parsing
from imaging.dicom.files.headers import read_header
from imaging.dicom.series import instances
from imaging.dicom.series.kept_headers import LONGEST_PRIVATE, HeaderKeeper
from imaging.dicom.series.series import group_series, read_series
from imaging.dicom.values.facts import FACT_TAGS
from tests.helpers.dicom.enhanced import write_enhanced
from tests.helpers.dicom.phantom import head_with_lesions, write_series

SHAPE = (6, 34, 32)


@pytest.fixture
def files(tmp_path):
    return write_series(head_with_lesions(SHAPE).volume, tmp_path)


@pytest.fixture
def parsings(monkeypatch):
    """Counts what pydicom parses, and header passes of `read_series`."""
    count = Counter()

    def counted(name, function):
        def wrapped(*args, **kwargs):
            count[name] += 1
            return function(*args, **kwargs)

        return wrapped

    monkeypatch.setattr(parsing, "read_elements", counted("parsed", parsing.read_elements))
    monkeypatch.setattr(pydicom, "dcmread", counted("parsed", pydicom.dcmread))
    monkeypatch.setattr(instances, "read_header", counted("passed", instances.read_header))
    return count


def test_each_file_of_a_study_is_parsed_once_however_often_its_series_is_read(files, parsings):
    (series,) = group_series(files)
    for _ in range(2):
        read_series(series.files, parsed=series.parsed)
    assert parsings == {"parsed": len(files)}


def test_the_volume_of_kept_headers_is_that_of_the_files(files):
    (series,) = group_series(files)
    volume, source = read_series(series.files, parsed=series.parsed)
    again, from_files = read_series(series.files)
    np.testing.assert_array_equal(volume.voxels, again.voxels)
    np.testing.assert_array_equal(volume.affine, again.affine)
    assert source.datasets == from_files.datasets
    assert source.slices == from_files.slices
    assert source.warnings == from_files.warnings


def test_the_frames_of_a_source_are_its_slices(tmp_path):
    volume = head_with_lesions(SHAPE).volume
    _, source = read_series([write_enhanced(volume, tmp_path / "one.dcm")])
    assert [frame.number for frame in source.frames] == [number for _, number in source.slices]


def test_facts_of_kept_headers_are_those_of_the_elements_asked_for(files):
    header = read_header(files[0], max_bytes=1 << 30)
    kept = HeaderKeeper().parse(files[0], header, FACT_TAGS)
    assert kept == HeaderKeeper(most_bytes=0).parse(files[0], header, FACT_TAGS)


def test_headers_beyond_the_limit_are_not_kept_and_the_series_is_read_all_the_same(files):
    headers = {path: read_header(path, max_bytes=1 << 30) for path in files}
    sizes = [one.layout.pixels - one.layout.dataset for one in headers.values()]
    keeper = HeaderKeeper(most_bytes=sum(sizes[:2]) + 1)
    for path, header in headers.items():
        keeper.parse(path, header, FACT_TAGS)
    assert len(keeper.of(files)) == 2
    volume, _ = read_series(files, parsed=keeper.of(files))
    assert volume.shape == SHAPE


def test_pixels_and_long_private_elements_are_not_kept(files):
    dataset = pydicom.dcmread(files[0])
    block = dataset.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    block.add_new(0x10, "OB", bytes(LONGEST_PRIVATE + 2))
    block.add_new(0x20, "OB", bytes(LONGEST_PRIVATE))
    dataset.save_as(files[0])
    (series,) = group_series(files)
    kept = series.parsed[files[0]].dataset
    assert "PixelData" not in kept
    assert (0x0029, 0x1010) not in kept
    assert (0x0029, 0x1020) in kept
