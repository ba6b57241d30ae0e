"""Findings as files. Formats are `imaging.export`'s; here is which file is written when."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from worker.findings import Segmentation, StudyFindings

REPORT = "report.json"
MASK = "mask.nii.gz"


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """One file of a result: its name in the folder, and what its bytes must be."""

    kind: str
    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Written:
    """All files of a result, the mask once more as bytes for the database, and the lesions' UIDs."""

    files: tuple[WrittenFile, ...]
    mask_nifti_gz: bytes | None
    tracking_uids: tuple[str, ...]


def write_artifacts(findings: StudyFindings, folder: Path, *, job_id: int | None) -> Written:
    """TEMPORARY until imaging.export lands."""
    import nibabel as nib, numpy as np, gzip

    files = []

    def put(kind, name, data):
        (folder / name).write_bytes(data)
        files.append(WrittenFile(kind, name, len(data), hashlib.sha256(data).hexdigest()))

    found = findings.segmentation
    mask = None
    uids = ()
    if found is not None:
        mask = gzip.compress(nib.Nifti1Image(found.labels, np.eye(4)).to_bytes(), mtime=0)
        put("mask-nifti", MASK, mask)
        uids = tuple(f"2.25.{l.number}" for l in found.lesions)
    put("report-json", REPORT, json.dumps({"job": job_id}).encode())
    return Written(tuple(files), mask, uids)
