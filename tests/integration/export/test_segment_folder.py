"""`metseg segment` into a folder: every kind of file, whole, and nothing of an earlier study."""

import hashlib
import json
from itertools import product
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian

from metseg.outputs import OUTPUT_NAMES
from tests.helpers.dicom.phantom import CANARY_ID, CANARY_NAME, Ball, Mishaps, Recipe, write_study
from tests.integration.cli.program import Program

EVERY_OUTPUT = {"outputs": ",".join(OUTPUT_NAMES)}
NAMES = {
    "lesions.dcm": "dicom-seg",
    "probability.dcm": "dicom-seg",
    "measurements.dcm": "dicom-sr",
    "structures.dcm": "dicom-rtstruct",
    "mask.nii.gz": "mask-nifti",
    "probability.nii.gz": "probability-nifti",
    "key-slices.png": "preview-png",
    "lesion-01.png": "preview-png",
    "lesion-02.png": "preview-png",
    "lesion-03.png": "preview-png",
}


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path / "home")


def test_every_kind_of_result_file_is_written_with_its_hash_and_without_a_patient_name(
    program: Program, tmp_path: Path
) -> None:
    write_study(tmp_path / "series")
    folder = tmp_path / "out"
    ended = program.run(["segment", str(tmp_path / "series"), "--out", str(folder)], **EVERY_OUTPUT)
    assert ended.returncode == 0, ended.stderr
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(files) == {*NAMES, "report.json", "report.html"}
    report = json.loads(files["report.json"])
    assert {one["path"]: one["kind"] for one in report["artifacts"]} == NAMES
    for one in report["artifacts"]:
        assert hashlib.sha256(files[one["path"]]).hexdigest() == one["sha256"]
    for name in ("lesions.dcm", "probability.dcm"):
        syntax = pydicom.dcmread(folder / name).file_meta.TransferSyntaxUID
        assert syntax == ExplicitVRLittleEndian, name
    nameless = {name: content for name, content in files.items() if not name.endswith(".dcm")}
    for word in (CANARY_NAME.split("^")[0], CANARY_ID):
        assert word not in "".join(files)
        assert word.encode() in files["measurements.dcm"], "DICOM files belong to the patient"
        assert all(word.encode() not in content for content in nameless.values())


def test_no_file_of_an_earlier_result_stays_beside_a_new_one(
    program: Program, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    write_study(tmp_path / "first")
    write_study(tmp_path / "second", Recipe(name="second"), balls=())
    assert program.run(["segment", str(tmp_path / "first"), "--out", str(folder)]).returncode == 0
    assert (folder / "lesions.dcm").exists()
    (folder / "notes.txt").write_text("mine")
    ended = program.run(["segment", str(tmp_path / "second"), "--out", str(folder)])
    assert ended.returncode == 0, ended.stderr
    assert {path.name for path in folder.iterdir()} == {
        "key-slices.png",
        "mask.nii.gz",
        "measurements.dcm",
        "report.json",
        "report.html",
        "notes.txt",
    }
    assert json.loads((folder / "report.json").read_text())["n_lesions"] == 0


def test_other_files_beside_the_series_are_ignored_and_other_studies_refused(
    program: Program, tmp_path: Path
) -> None:
    folder = tmp_path / "series"
    write_study(folder)
    (folder / "README.md").write_text("about these images")
    (folder / ".DS_Store").write_bytes(bytes(8))
    ended = program.run(["segment", str(folder), "--out", str(tmp_path / "out")])
    assert ended.returncode == 0, ended.stderr
    write_study(folder / "more", Recipe(name="another"))
    ended = program.run(["segment", str(folder), "--out", str(tmp_path / "mixed")])
    assert ended.returncode == 1
    assert "the folder must hold one study, it holds 2" in ended.stderr
    assert not (tmp_path / "mixed").exists()


def test_segment_of_a_damaged_series_reports_what_is_wrong(
    program: Program, tmp_path: Path
) -> None:
    write_study(tmp_path / "series", Recipe(mishaps=Mishaps(missing=[5])))
    ended = program.run(["segment", str(tmp_path / "series"), "--out", str(tmp_path / "out")])
    assert ended.returncode == 1
    assert ended.stderr.startswith("geometry_invalid")
    assert not (tmp_path / "out").exists()


def test_two_hundred_lesions_have_pictures_of_the_twenty_largest_and_a_light_page(
    program: Program, tmp_path: Path
) -> None:
    grid = list(product(range(-36, 37, 12), range(-36, 37, 12), range(-24, 37, 12)))
    centres = sorted(grid, key=lambda one: sum(x * x for x in one))[:200]
    # They are 4 mm wide, but one in ten, 20 in all, is 4.9 mm wide.
    balls = [Ball(tuple(map(float, c)), 4.0 if n % 10 else 4.9) for n, c in enumerate(centres)]
    write_study(tmp_path / "series", shape=(64, 128, 128), spacing=(2.0, 1.2, 1.2), balls=balls)
    folder = tmp_path / "out"
    ended = program.run(["segment", str(tmp_path / "series"), "--out", str(folder)])
    assert ended.returncode == 0, ended.stderr
    report = json.loads((folder / "report.json").read_text())
    assert report["n_lesions"] == len(report["lesions"]) == 200
    pictures = sorted(path.name for path in folder.glob("lesion-*.png"))
    assert pictures == [f"lesion-{number:02d}.png" for number in range(1, 21)]
    volumes = [one["volume_mm3"] for one in report["lesions"]]
    assert min(volumes[:20]) > max(volumes[20:]), "the twenty are the large ones"
    page = (folder / "report.html").read_bytes()
    assert len(page) < 10_000_000
    assert b"20 largest of 200 lesions" in page
    assert page.count(b'alt="Lesion ') == 20
    assert "200 lesions" in ended.stdout
