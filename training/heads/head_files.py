"""Synthetic heads as files that other programs read: NIfTI, and DICOM with a segmentation."""

import multiprocessing
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from pydicom.uid import generate_uid

from imaging.export.dicom.series import SeriesWords, series_instances, write_instance
from imaging.export.known import known_segmentation
from imaging.export.nifti import nifti_bytes
from training.heads.head_list import HeadEntry, entry_of
from training.heads.heads import HeadPlan, Show, StoredHead, plan_heads, read_head

IMAGE = "image.nii.gz"
MASK = "mask.nii.gz"
SEGMENTATION = "segmentation.dcm"


@dataclass(frozen=True, slots=True)
class HeadFiles:
    """What is written of each head besides npz: ``nifti/HEAD`` and ``dicom/HEAD``."""

    nifti: bool = False
    dicom: bool = False


def generate_files(
    out: Path,
    *,
    label_maps: Sequence[Path],
    count: int,
    seed: int,
    files: HeadFiles | None = None,
    workers: int = 1,
    show: Show | None = None,
) -> list[HeadEntry]:
    """Draw the heads of `training.heads.heads.plan_heads` and write them in every wanted form.

    What exists is kept. Each of `workers` processes draws one head at a time, in some 1.5 GB.
    """
    out.mkdir(parents=True, exist_ok=True)
    plans = plan_heads(out, label_maps=label_maps, count=count, seed=seed)
    entries = []
    for entry in _each(plans, files or HeadFiles(), workers):
        entries.append(entry)
        if show is not None:
            show(len(entries), count)
    return entries


def write_nifti(head: StoredHead, folder: Path) -> None:
    """Write ``image.nii.gz`` and ``mask.nii.gz``, the numbers of the lesions, into a new folder."""
    with _new(folder) as part:
        volume = head.volume()
        (part / IMAGE).write_bytes(nifti_bytes(head.voxels.astype(np.uint16), volume))
        (part / MASK).write_bytes(nifti_bytes(head.lesions, volume))


def write_dicom(head: StoredHead, folder: Path) -> None:
    """Write a series, ``t1-post-contrast/0001.dcm`` and on, and ``segmentation.dcm``, a segment for
    each lesion, into a new folder.

    A head without lesions gets ``mask.nii.gz`` instead: there is no segmentation without a segment.
    UIDs follow from label map and seed.
    """
    key = ["metseg", "synthetic head", str(head.meta["label_map"]), str(head.meta["seed"])]
    words = SeriesWords(
        description="T1 MPRAGE +C (metseg, drawn)",
        contrast_agent="simulated agent: enhancement was drawn",
        patient_name="SYNTHETIC^HEAD",
        patient_id=f"SYNTHETIC-{head.meta['seed']}",
    )
    study, series = (str(generate_uid(entropy_srcs=[*key, kind])) for kind in ("study", "series"))
    instances = series_instances(head.volume(), study_uid=study, series_uid=series, words=words)
    with _new(folder) as part:
        (part / "t1-post-contrast").mkdir()
        for number, instance in enumerate(instances, start=1):
            write_instance(instance, part / "t1-post-contrast" / f"{number:04d}.dcm")
        if head.lesions.any():
            known_segmentation(instances, head.lesions, entropy=key).save_as(part / SEGMENTATION)
        else:
            (part / MASK).write_bytes(nifti_bytes(head.lesions, head.volume()))


@contextmanager
def _new(folder: Path) -> Iterator[Path]:
    """A folder under another name, which gets its own when the block ends well."""
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    yield part
    part.rename(folder)


def _each(plans: Sequence[HeadPlan], files: HeadFiles, workers: int) -> Iterator[HeadEntry]:
    make = partial(_make, files=files)
    if workers <= 1:
        yield from map(make, plans)
        return
    # Spawned, not forked: the libraries have threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread) as pool:
        yield from pool.map(make, plans)


def _one_thread() -> None:
    cv2.setNumThreads(1)


def _make(plan: HeadPlan, *, files: HeadFiles) -> HeadEntry:
    plan.draw()
    head = read_head(plan.path)
    name = plan.path.stem
    for wanted, write, kind in (
        (files.nifti, write_nifti, "nifti"),
        (files.dicom, write_dicom, "dicom"),
    ):
        folder = plan.path.parent / kind / name
        if wanted and not folder.exists():
            write(head, folder)
    return entry_of(name, head)
