"""The header pass on damaged files: always a verdict, which names nobody."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from pydicom import uid as transfer

from imaging.dicom.files.parsing import parsing, read_dataset
from metseg.errors import DicomError
from tests.fuzz.damage import Sample, damaged, dicom_sample, often
from tests.helpers.dicom.phantom import Recipe, head_with_lesions, write_series
from tests.integration.watcher.hostile import INVALID, TRUNCATED
from watcher.reading.header_child import answer
from watcher.reading.header_pass import Header, Refusal, _understand

MAX_BYTES = 1 << 20
SYNTAXES = (
    transfer.ExplicitVRLittleEndian,
    transfer.ImplicitVRLittleEndian,
    transfer.ExplicitVRBigEndian,
    transfer.DeflatedExplicitVRLittleEndian,
    transfer.RLELossless,
    transfer.JPEGLSLossless,
    transfer.JPEG2000Lossless,
)
CODE = re.compile(r"[a-z_]{3,30}: .{10,200}", re.DOTALL)


def samples(folder: Path) -> list[Sample]:
    """A small slice in every encoding, and files with false headers."""
    made = []
    volume = head_with_lesions((4, 32, 32), (5.0, 5.0, 5.0)).volume
    for syntax in SYNTAXES:
        (path, *_) = write_series(volume, folder / syntax, Recipe(transfer_syntax=syntax))
        deflated = syntax == transfer.DeflatedExplicitVRLittleEndian
        made.append(dicom_sample(path.read_bytes(), deflated=deflated))
    lies = [one.data for one in (*TRUNCATED, *INVALID) if not one.costly]
    return made + [dicom_sample(data(1)) for data in lies if callable(data)]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    return samples(tmp_path_factory.mktemp("samples"))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("door") / "CANARY.dcm"


def verdict_on(path: Path, content: bytes) -> Header | Refusal:
    """What the watcher learns of these bytes: always one line, and well-formed."""
    path.write_bytes(content)
    line = json.dumps(answer(path, MAX_BYTES))
    assert "\n" not in line
    verdict = _understand(json.loads(line))
    assert isinstance(verdict, (Header, Refusal))
    event(verdict.code if isinstance(verdict, Refusal) else "taken")
    return verdict


@often(12)
@given(st.data())
def test_damaged_files_get_a_verdict(corpus: list[Sample], path: Path, data: st.DataObject) -> None:
    verdict = verdict_on(path, data.draw(damaged(corpus)))
    if isinstance(verdict, Refusal):
        assert CODE.fullmatch(verdict.reason)
        assert "CANARY" not in verdict.reason
        assert not verdict.again
        return
    for uid in (verdict.study, verdict.series, verdict.sop):
        assert re.fullmatch(r"[0-9.]{1,64}", uid)
    assert re.fullmatch(r"[A-Z0-9 _]{0,16}", verdict.modality)
    try:
        with parsing("a file"):  # pydicom warns of UIDs like 1.02
            uid = str(read_dataset(path, max_bytes=MAX_BYTES).StudyInstanceUID)
    except DicomError:
        event("pydicom refuses it")
        return
    assert uid == verdict.study


@often(3)
@given(st.binary(max_size=2000))
def test_random_bytes_get_a_verdict(path: Path, content: bytes) -> None:
    assert isinstance(verdict_on(path, bytes(128) + b"DICM" + content), Refusal)
    assert isinstance(verdict_on(path, content), Refusal)
