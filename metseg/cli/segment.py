"""`metseg segment`: one series, no daemon, no database."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress

from metseg.cli.common import (
    RESEARCH_USE_ONLY,
    ExitCode,
    edge,
    err,
    load_settings,
    out,
)

if TYPE_CHECKING:
    from worker.findings import StudyFindings
    from worker.stopwatch import Progress as StageProgress


def segment(
    series_dir: Annotated[
        Path, typer.Argument(help="Folder of the DICOM files.", exists=True, file_okay=False)
    ],
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for the results; is made.")],
    accept_any_t1: Annotated[
        bool | None,
        typer.Option("--accept-any-t1", help="Also without any sign of a contrast agent."),
    ] = None,
) -> None:
    """Segment one series with the same pipeline, and write its files.

    Exit code 1 when no series is suitable or the series cannot be read.

    Example: `metseg segment ~/study/t1-post-contrast --out results`
    """
    from models.catalogue import load_ensemble
    from worker.artifacts import write_artifacts
    from worker.pipeline import segment_study
    from worker.stopwatch import Stopwatch

    settings = load_settings(accept_any_t1=accept_any_t1)
    files = sorted(path for path in series_dir.rglob("*") if path.is_file())
    with edge(), stages() as report:
        ensemble = load_ensemble(
            settings.ensemble,
            weights_dir=settings.weights,
            flip=settings.flip,
            device=settings.device,
        )
        watch = Stopwatch(report)
        findings = segment_study(files, ensemble=ensemble, settings=settings, watch=watch)
        out_dir.mkdir(parents=True, exist_ok=True)
        written = write_artifacts(
            findings, out_dir, made_at=datetime.now(UTC), seconds=watch.seconds
        )
    _print(findings)
    for file in written.files:
        out.print(str((out_dir / file.name).absolute()), soft_wrap=True)
    if findings.segmentation is None:
        raise typer.Exit(ExitCode.FAILED)


def _print(findings: "StudyFindings") -> None:
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
            f" at LPS {where}"
        )
    out.print(f"{len(found.lesions)} lesions, agreement {found.agreement:.3f}")
    for warning in findings.warnings:
        err.print(f"[yellow]warning[/] {warning}", soft_wrap=True)
    out.print(f"[bold]{RESEARCH_USE_ONLY}[/]")


@contextmanager
def stages() -> Iterator["StageProgress"]:
    """A bar for each stage on a terminal; nothing elsewhere."""
    with Progress(console=err, transient=True, disable=not err.is_terminal) as bars:
        tasks = {}

        def report(stage: str, fraction: float) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=1.0)
            bars.update(tasks[stage], completed=fraction)

        yield report
