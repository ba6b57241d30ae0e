"""A real Orthanc takes a study and its results by C-STORE, and gives them back as one study."""

import subprocess
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

import pydicom
import pytest

from tests.helpers.dicom.exported import Exported, export
from tests.helpers.servers.orthanc import AE_TITLE, Orthanc
from tests.helpers.servers.services import require_binary

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def orthanc() -> Iterator[Orthanc]:
    server = Orthanc()
    try:
        yield server.start()
    finally:
        server.close()


def store(orthanc: Orthanc, files: Iterable[Path], *options: str) -> None:
    """Send files with dcmtk's storescu. Without -R it does not propose SEG."""
    command = [require_binary("storescu"), "-R", *options, "-aec", AE_TITLE, "127.0.0.1"]
    command += [str(orthanc.dicom_port), *map(str, files)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stderr


def stored(orthanc: Orthanc, exported: Exported) -> dict[str, pydicom.Dataset]:
    """All instances of the study in Orthanc, by SOPInstanceUID. There is one such study."""
    uid = exported.source.study_instance_uid
    studies = [
        study
        for study in orthanc.json("/studies?expand")
        if study["MainDicomTags"]["StudyInstanceUID"] == uid
    ]
    assert len(studies) == 1
    found = {}
    for instance in orthanc.json(f"/studies/{studies[0]['ID']}/instances"):
        content = orthanc.get(f"/instances/{instance['ID']}/file")
        dataset = pydicom.dcmread(BytesIO(content))
        found[dataset.SOPInstanceUID] = dataset
    return found


@pytest.mark.parametrize("deflated", [True, False], ids=["deflated", "plain"])
def test_a_study_and_its_results_come_back_from_orthanc_as_one_study(
    orthanc: Orthanc, tmp_path: Path, deflated: bool
) -> None:
    plane = "oblique" if deflated else "sagittal"
    exported = export(tmp_path, plane=plane, deflated=deflated, name=plane)
    files = [*exported.files, *exported.results]
    store(orthanc, files, *(["-xd"] if deflated else []))
    found = stored(orthanc, exported)
    assert len(found) == len(files) == 16 + 4
    for path in files:
        sent = pydicom.dcmread(path)
        assert found[sent.SOPInstanceUID] == sent, path.name
    modalities = [found[pydicom.dcmread(path).SOPInstanceUID].Modality for path in files[16:]]
    assert sorted(modalities) == ["RTSTRUCT", "SEG", "SEG", "SR"]
    assert len({one.SeriesInstanceUID for one in found.values()}) == 1 + 4


def test_a_deflated_segmentation_is_sent_even_by_a_sender_that_cannot_deflate(
    orthanc: Orthanc, tmp_path: Path
) -> None:
    exported = export(tmp_path, plane="coronal", deflated=True, name="coronal")
    store(orthanc, [exported.seg])
    (found,) = stored(orthanc, exported).values()
    assert found == pydicom.dcmread(exported.seg)
    assert not found.file_meta.TransferSyntaxUID.is_deflated


def test_the_report_of_a_study_without_lesions_joins_its_study(
    orthanc: Orthanc, tmp_path: Path
) -> None:
    exported = export(tmp_path, plane="left-handed", lesions=False, name="left-handed")
    store(orthanc, [*exported.files, exported.sr])
    assert len(stored(orthanc, exported)) == 16 + 1
