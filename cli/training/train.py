"""`metseg train` and `metseg finetune`: one run of one network, from a recipe."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from cli.common import edge, err, out
from cli.training.extra import require_training
from metseg.notice import RESEARCH_NOTICE

if TYPE_CHECKING:
    from training.fit.journal import Standing
    from training.train_command import Say, Show

Config = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="TOML file, or the name of a shipped recipe.")
]
Folder = Annotated[
    Path, typer.Option("--out", help="Folder of the run, made if missing. A killed run continues.")
]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Overrides the file, such as seed=2."),
]


def train(config: Config, folder: Folder, changes: Changes = None) -> None:
    """Train one network from a small TOML file. A killed run continues when started again.

    The folder gets run.toml and run.json (the recipe and what was reached), log.csv,
    validation.jsonl, checkpoint.npz, and average.weights.h5 at the end. `docs/recipes.md` lists
    the keys.

    Example: `metseg train base_attention_unet --out runs/base --set material.heads=heads/train`
    """
    with edge():
        require_training()
        from training.train_command import train_command
    with edge(), display() as (say, show):
        standing = train_command(config, folder, changes=changes or (), say=say, show=show)
    _print(standing)
    out.print(f"averaged weights in {folder / 'average.weights.h5'}", soft_wrap=True)
    out.print(f"[bold]{RESEARCH_NOTICE}[/]")


def finetune(
    folder: Folder,
    config: Config = Path("finetune"),
    pairs: Annotated[
        list[Path] | None,
        typer.Option(help="Folder with a folder for each case: image and mask, NIfTI or DICOM."),
    ] = None,
    network: Annotated[
        str | None, typer.Option(help="Member to continue from: attention_unet or unet_plus_plus.")
    ] = None,
    changes: Changes = None,
) -> None:
    """Continue from shipped weights with labelled cases of your own, to weights ready for use.

    Every n-th case is held out for validation. OUT/weights is the new ensemble: set METSEG_WEIGHTS
    to it. `docs/training.md` says what a case must hold; one that cannot be used is left out.

    Example: `metseg finetune --pairs cases --network attention_unet --out runs/mine`
    """
    with edge():
        require_training()
        from training.finetuning import finetune_command
    given = list(changes or ())
    if pairs:
        given.append(f"material.pairs={[str(path) for path in pairs]}")
    if network is not None:
        given.append(f"network={network}")
    with edge(), display() as (say, show):
        standing, made = finetune_command(config, folder, changes=given, say=say, show=show)
    _print(standing)
    out.print(f"export METSEG_WEIGHTS={made.absolute()}", soft_wrap=True)
    out.print(f"[bold]{RESEARCH_NOTICE}[/]")


@contextmanager
def display() -> Iterator[tuple["Say", "Show"]]:
    """On a terminal, show a bar with loss and last validation, and the rarer lines above it.

    Elsewhere, write every line.
    """
    if not err.is_terminal:
        yield _plain, lambda _: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("reading cases", total=1.0)

        def say(line: str) -> None:
            if not line.startswith("step "):
                err.print(line, markup=False, soft_wrap=True)

        def show(standing: "Standing") -> None:
            words = escape(standing.line())
            bar.update(task, completed=min(1.0, standing.share), description=words)

        yield say, show


def _plain(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _print(standing: "Standing") -> None:
    out.print(
        f"{standing.step} steps in {standing.minutes:.1f} minutes,"
        f" {100 * standing.waiting:.1f} % of them waiting for data"
    )
    if standing.validation:
        out.print(", ".join(f"{name} {value:.3f}" for name, value in standing.validation.items()))
