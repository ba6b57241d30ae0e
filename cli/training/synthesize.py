"""`metseg synthesize`: drawn heads with metastases, for training and for tests."""

import enum
from pathlib import Path
from typing import Annotated

import typer

from cli.bars import bars
from cli.common import edge, out
from cli.training.extra import require_training
from metseg.notice import RESEARCH_NOTICE


class Part(enum.StrEnum):
    """Parts of the shared label maps, see `training.split`."""

    TRAIN = "train"
    CHOOSE = "choose"
    REPORT = "report"
    ALL = "all"


def synthesize(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="Folder, made if missing.")],
    label_maps: Annotated[
        Path,
        typer.Option(help="Folder of SynthSeg's label maps.", exists=True, file_okay=False),
    ],
    count: Annotated[int, typer.Option(min=1, help="Number of heads.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same heads.")] = 11,
    part: Annotated[
        Part, typer.Option(help="Maps 1-17, 18, 19-20, or all maps in the folder.")
    ] = Part.TRAIN,
    nifti: Annotated[
        bool, typer.Option("--nifti", help="Write nifti/HEAD/image.nii.gz and mask.nii.gz too.")
    ] = False,
    dicom: Annotated[
        bool, typer.Option("--dicom", help="Write a series and a DICOM SEG to dicom/HEAD too.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes, about 1.5 GB each.")] = 1,
) -> None:
    """Draw synthetic heads with metastases and exact masks, for training and for tests.

    OUT gets head_0000.npz and so on, which `metseg train` reads, lesions.csv and lesions.json, and
    contact-sheet.png, which you should look at. Heads that exist are kept. `docs/synthesis.md` says
    how heads are drawn.

    Example: `metseg synthesize heads/train --label-maps labelmaps --count 240 --workers 2`
    """
    with edge():
        require_training()
        from training.heads.head_commands import synthesize_command
        from training.heads.head_files import HeadFiles
    with edge(), bars() as report:
        sheet = synthesize_command(
            out=folder,
            label_maps=label_maps,
            part=part.value,
            count=count,
            seed=seed,
            files=HeadFiles(nifti=nifti, dicom=dicom),
            workers=workers,
            show=lambda done, of: report("heads", done / of),
        )
    out.print(f"{count} heads in {folder}, some of them shown in {sheet}", soft_wrap=True)
    out.print(f"[bold]SYNTHETIC - {RESEARCH_NOTICE}[/]")
