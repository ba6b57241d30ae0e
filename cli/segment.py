"""`metseg segment`: one series, no daemon, no database."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from cli.bars import bars
from cli.common import (
    ExitCode,
    edge,
    err,
    load_settings,
    out,
)
from metseg.disk import MB
from metseg.errors import InputError, SeriesError
from metseg.notice import RESEARCH_NOTICE
from metseg.settings import Settings

if TYPE_CHECKING:
    from worker.files.artifacts import Written
    from worker.study.findings import StudyFindings


def segment(
    series_dir: Annotated[
        Path, typer.Argument(help="Folder of the DICOM files.", exists=True, file_okay=False)
    ],
    out_dir: Annotated[
        Path, typer.Option("--out", help="Folder for the results, made if missing.")
    ],
    accept_any_t1: Annotated[
        bool | None,
        typer.Option("--accept-any-t1", help="Accept a T1 series without signs of contrast agent."),
    ] = None,
) -> None:
    """Segment one series with the pipeline of the daemon, and write the files of the result.

    The files of an earlier result in the folder are replaced; others stay.
    Exit code 1 when no series is suitable or the series cannot be read.

    Example: `metseg segment ~/study/t1-post-contrast --out results`
    """
    settings = load_settings(accept_any_t1=accept_any_t1)
    with edge(), _unreadable():
        files = _study_files(series_dir, max_bytes=int(settings.max_file_mb * MB))
        findings, written = _segment(files, out_dir, settings)
    _print(findings, written.warnings)
    for file in written.files:
        out.print(str((out_dir / file.path).absolute()), soft_wrap=True)
    if findings.segmentation is None:
        raise typer.Exit(ExitCode.FAILED)


@contextmanager
def _unreadable() -> Iterator[None]:
    """A fault of the study itself ends with exit code 1, not with that of a faulty installation."""
    try:
        yield
    except InputError as error:
        err.print(f"[red]{error.code}[/]: {error}", soft_wrap=True)
        raise typer.Exit(ExitCode.FAILED) from None


def _study_files(folder: Path, *, max_bytes: int) -> list[Path]:
    """The DICOM instances below a folder; a README or a DICOMDIR beside them is passed over.

    Raises
    ------
    SeriesError
        There are none, or they are of several studies.
    DicomError
        One is damaged.
    """
    from imaging.dicom.files.encoding import NotDicomError
    from imaging.dicom.files.headers import read_header

    files, studies = [], set()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with suppress(NotDicomError):
            studies.add(read_header(path, max_bytes=max_bytes).study_instance_uid)
            files.append(path)
    if len(studies) != 1:
        raise SeriesError(f"the folder must hold one study, it holds {len(studies)}")
    return files


def _segment(
    files: Sequence[Path], out_dir: Path, settings: Settings
) -> "tuple[StudyFindings, Written]":
    """Segment, and write to a temporary folder: files in `out_dir` are replaced only at the end."""
    from models.catalogue import load_ensemble
    from worker.files.artifacts import write_artifacts
    from worker.pipeline import segment_study
    from worker.study.stopwatch import Stopwatch

    with bars() as report:
        ensemble = load_ensemble(
            settings.ensemble,
            weights_dir=settings.weights,
            flip=settings.flip,
            device=settings.device,
            engine=settings.engine,
            cache=settings.engines_dir,
        )
        watch = Stopwatch(report)
        findings = segment_study(files, ensemble=ensemble, settings=settings, watch=watch)
        out_dir.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".metseg-", dir=out_dir) as staged:
            written = write_artifacts(
                findings,
                Path(staged),
                settings=settings,
                made_at=datetime.now(UTC),
                seconds=watch.seconds,
            )
            written.move_to(out_dir)
    return findings, written


def _print(findings: "StudyFindings", left_out: Sequence[str]) -> None:
    found = findings.segmentation
    if found is None:
        for verdict in findings.choice.verdicts:
            reasons = "; ".join(verdict.reasons_against)
            err.print(f"series {verdict.series_instance_uid}: {reasons}", soft_wrap=True)
        err.print("no suitable series (try --accept-any-t1)")
        return
    for lesion in found.lesions:
        where = "  ".join(f"{value:.1f}" for value in lesion.centroid_lps_mm)
        out.print(
            f"lesion {lesion.number}: {lesion.volume_mm3:,.0f} mm3,"
            f" {lesion.longest_diameter_mm:.1f} x {lesion.perpendicular_diameter_mm:.1f} mm,"
            f" at LPS {where}{' (possible)' if lesion.possible else ''}"
        )
    agreed = "" if found.agreement is None else f", agreement {found.agreement:.3f}"
    out.print(f"{len(found.lesions)} lesions{agreed}")
    for warning in (*findings.warnings, *left_out):
        err.print(f"[yellow]warning[/] {warning}", soft_wrap=True)
    out.print(f"[bold]{RESEARCH_NOTICE}[/]")
