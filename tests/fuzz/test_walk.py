"""From header to artifacts: whatever the headers say, a result or an error of metseg."""

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from shutil import rmtree

import pydicom
import pytest
from hypothesis import event, given, note
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from imaging.dicom.files.parsing import parsing
from imaging.export.dicom.authorship import Authorship
from imaging.export.dicom.rtstruct import write_structures
from imaging.export.dicom.seg import write_segmentation
from metseg.errors import InputError
from metseg.outputs import OUTPUT_NAMES
from metseg.settings import Settings
from tests.fuzz.damage import often
from tests.fuzz.headers import changes
from tests.helpers.dicom.enhanced import write_enhanced
from tests.helpers.dicom.phantom import head_with_lesions, write_series
from tests.helpers.fakes import ThresholdEnsemble
from worker.files.artifacts import write_artifacts
from worker.pipeline import segment_study
from worker.study.stopwatch import Stopwatch

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SHAPE, SPACING = (26, 26, 26), (6.0, 6.0, 6.0)
Study = dict[str, Dataset]
"""Instances by their file names."""


class Files(dict[str, bytes]):
    """Contents by file name. Each search reads them anew, so that it does not change what the next
    one draws.
    """

    def __repr__(self) -> str:
        """Short: Hypothesis warns of a long one, and then hides what it has found."""
        return f"Files of {', '.join(self)}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("walk")


@pytest.fixture(scope="module")
def settings(place: Path) -> Settings:
    """Settings that write every output."""
    return Settings(home=place / "home", outputs=OUTPUT_NAMES)


@pytest.fixture(scope="module")
def classic(place: Path) -> Files:
    volume = head_with_lesions(SHAPE, SPACING).volume
    paths = write_series(volume, place / "classic")
    return Files({path.name: path.read_bytes() for path in paths})


@pytest.fixture(scope="module")
def enhanced(place: Path) -> Files:
    volume = head_with_lesions(SHAPE, SPACING).volume
    return Files({"one.dcm": write_enhanced(volume, place / "one.dcm").read_bytes()})


@pytest.fixture(scope="module")
def references(place: Path, classic: Files, settings: Settings) -> Files:
    """A segmentation and a structure set of the classic series, by somebody else."""
    files = sorted((place / "classic").glob("*.dcm"))
    found = segment_study(files, ensemble=ThresholdEnsemble(), settings=settings, watch=Stopwatch())
    segmented = found.segmentation
    assert segmented is not None
    author = Authorship("1", "1", NOW)
    labels, lesions, source = segmented.labels, segmented.lesions, segmented.source
    write_segmentation(place / "seg.dcm", labels, lesions, source, author)
    write_structures(place / "rt.dcm", labels, lesions, segmented.volume, source, author)
    for path in (place / "seg.dcm", place / "rt.dcm"):
        dataset = pydicom.dcmread(path)
        dataset.Manufacturer = "somebody else"
        dataset.save_as(path)
    return Files({name: (place / name).read_bytes() for name in ("seg.dcm", "rt.dcm")})


def fresh(files: Files) -> Study:
    """The instances of these files."""
    return {name: pydicom.dcmread(BytesIO(content)) for name, content in files.items()}


def spotless(said: str) -> str:
    """What is said; checks that it does not name the patient."""
    assert "CANARY" not in said
    return said


def walk(study: Study, folder: Path, settings: Settings) -> str:
    """Segment the study and write all its artifacts. Returns what became of it."""
    rmtree(folder, ignore_errors=True)
    (folder / "out").mkdir(parents=True)
    for name, dataset in study.items():
        try:
            with parsing("a file"):
                dataset.save_as(folder / name)
        except InputError:
            return "pydicom cannot write it"
    files = sorted(folder.glob("*.dcm"))
    try:
        found = segment_study(
            files, ensemble=ThresholdEnsemble(), settings=settings, watch=Stopwatch()
        )
    except InputError as error:
        return spotless(f"{error.code}: {error}").partition(":")[0]
    written = write_artifacts(found, folder / "out", settings=settings, made_at=NOW, seconds={})
    spotless("\n".join((*found.warnings, *written.warnings)))
    if found.segmentation is None:
        return "no series"
    return f"segmented, {len(found.segmentation.scores)} references"


@often(0.1)
@given(st.data())
def test_a_study_with_damaged_classic_headers_has_a_result_or_an_error(
    classic: Files, place: Path, settings: Settings, data: st.DataObject
) -> None:
    study = fresh(classic)
    note(data.draw(changes(list(study.values()))))
    event(walk(study, place / "study", settings))


@often(0.1)
@given(st.data())
def test_a_study_with_damaged_enhanced_headers_has_a_result_or_an_error(
    enhanced: Files, place: Path, settings: Settings, data: st.DataObject
) -> None:
    study = fresh(enhanced)
    note(data.draw(changes(list(study.values()))))
    event(walk(study, place / "study", settings))


@often(0.1)
@given(st.data())
def test_a_study_with_damaged_reference_headers_has_a_result_or_an_error(
    classic: Files, references: Files, place: Path, settings: Settings, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(references)))
    study = fresh(Files({**classic, name: references[name]}))
    note(data.draw(changes([study[name]])))
    event(walk(study, place / "study", settings))
