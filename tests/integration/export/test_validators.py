"""Written files are judged and read by the programs of others: dicom3tools and dcmtk."""

import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pydicom
import pytest

from tests.helpers.dicom.exported import PLANES, Exported, export
from tests.helpers.servers.services import require_binary

pytestmark = pytest.mark.services

CASES = (*PLANES, "enhanced", "no lesions")
STAMP = "RESEARCH USE ONLY - NOT FOR DIAGNOSIS"


@pytest.fixture(scope="module", params=CASES)
def exported(request, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A study in every plane, from an enhanced image, and without a lesion."""
    return export(
        tmp_path_factory.mktemp("study"),
        plane=request.param if request.param in PLANES else "axial",
        enhanced=request.param == "enhanced",
        lesions=request.param != "no lesions",
    )


@pytest.fixture(scope="module")
def deflated(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A study whose segmentations are deflated, by setting."""
    return export(tmp_path_factory.mktemp("deflated"), deflated=True)


def run(name: str, *words: object) -> subprocess.CompletedProcess[str]:
    """Run another program and return its output."""
    command = [require_binary(name), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def complaints(path: Path) -> list[str]:
    """What dciodvfy calls an error. It must have recognised the kind of object."""
    told = run("dciodvfy", path)
    lines = (told.stdout + told.stderr).splitlines()
    kinds = {"SEG": "Segmentation", "SR": "Comprehensive3DSR", "RTSTRUCT": "RTStructureSet"}
    assert kinds[pydicom.dcmread(path).Modality] in lines
    return [line for line in lines if line.startswith(("Error", "Abort")) or "- Error" in line]


def test_dciodvfy_finds_no_error_in_written_files(exported: Exported) -> None:
    assert len(exported.results) == (4 if exported.lesions else 2)
    for path in exported.results:
        assert complaints(path) == [], path.name


def test_dciodvfy_does_find_the_errors_of_a_spoilt_file(exported: Exported, tmp_path: Path) -> None:
    """This shows that the test above can fail."""
    dataset = pydicom.dcmread(exported.sr)
    del dataset.VerificationFlag
    dataset.save_as(tmp_path / "spoilt.dcm")
    assert any("VerificationFlag" in line for line in complaints(tmp_path / "spoilt.dcm"))


def test_dcmtk_reads_every_written_file(exported: Exported) -> None:
    for path in exported.results:
        dataset = pydicom.dcmread(path)
        dump = run("dcmdump", "+L", "+P", "SOPInstanceUID", path)
        assert dump.returncode == 0, dump.stderr
        assert dump.stderr == ""
        assert dataset.SOPInstanceUID in dump.stdout
        xml = run("dcm2xml", path)
        assert xml.returncode == 0, xml.stderr
        names = {element.get("name") for element in ElementTree.fromstring(xml.stdout).iter()}
        assert "SOPInstanceUID" in names


def test_dcmtk_reads_the_structured_report_as_a_valid_tree(exported: Exported) -> None:
    told = run("dsrdump", "+Pl", exported.sr)
    assert told.returncode == 0, told.stderr
    assert told.stderr == ""
    assert "Verification Flag   : UNVERIFIED" in told.stdout
    assert f'"{STAMP}"' in told.stdout
    assert told.stdout.count('"Referenced Segment"') == len(exported.lesions)
    for lesion in exported.lesions:
        assert f'NUM:(,,"Volume")="{round(lesion.volume_mm3, 3)}"' in told.stdout
    if not exported.lesions:
        assert '"No lesion was found. No segmentation was written."' in told.stdout


def test_deflated_segmentations_are_the_same_once_dcmtk_inflates_them(
    deflated: Exported, tmp_path: Path
) -> None:
    """dciodvfy itself cannot inflate."""
    for path in (deflated.seg, deflated.fractional):
        inflated = tmp_path / path.name
        assert run("dcmconv", "+te", path, inflated).returncode == 0
        assert pydicom.dcmread(path).file_meta.TransferSyntaxUID.is_deflated
        assert not pydicom.dcmread(inflated).file_meta.TransferSyntaxUID.is_deflated
        assert pydicom.dcmread(inflated).PixelData == pydicom.dcmread(path).PixelData
        assert complaints(inflated) == []
