"""Networks and their material: ``python -m models.training COMMAND --help``."""

import argparse
from pathlib import Path
from typing import Any

NETWORKS = ("attention_unet", "unet_plus_plus")


def main() -> None:
    """Parse the arguments and start one command."""
    arguments = vars(parser().parse_args())
    command = arguments.pop("command").replace("-", "_") + "_command"
    # Keras is slow to import and must find the thread settings made: imported by the command.
    if command in ("synthesize_command", "demo_head_command"):
        from models.training import head_commands

        getattr(head_commands, command)(**arguments)
    else:
        from models.training import commands

        getattr(commands, command)(**arguments)


def parser() -> argparse.ArgumentParser:
    """All commands and their arguments."""
    whole = argparse.ArgumentParser(prog="python -m models.training", description=__doc__)
    commands = whole.add_subparsers(dest="command", required=True)
    _heads(commands)
    fit = commands.add_parser("fit", help="train a network on synthetic heads and real scans")
    fit.add_argument("--heads", type=Path, required=True, help="folder with train/ and val/")
    fit.add_argument("--data", type=Path, required=True, help="the shared data folder")
    _training(fit, minutes=75.0)
    tune = commands.add_parser("tune", help="go on from weights with labelled cases of your own")
    tune.add_argument("--cases", type=Path, required=True, help="CASE/image.nii.gz, mask.nii.gz")
    tune.add_argument("--start", type=Path, required=True, help="weights to begin with")
    tune.add_argument("--hold-out", type=int, default=5, help="every n-th case is for validation")
    _training(tune, minutes=20.0)
    finish = commands.add_parser("finish", help="temperatures, lesion rule, gate, card")
    finish.add_argument("--runs", type=Path, nargs="+", required=True, help="folders of runs")
    finish.add_argument("--unet-plus-plus-heads", type=int, nargs="+", help="default: all")
    _measuring(finish)
    finish.add_argument("--weights", type=Path, required=True, help="where the ensemble goes")
    finish.add_argument("--name", default="standard")
    finish.add_argument("--release", default="1.0.0")
    evaluate = commands.add_parser("evaluate", help="measure an ensemble on held-out heads")
    _measuring(evaluate)
    evaluate.add_argument("--weights", type=Path, help="folder, by default the one in the box")
    evaluate.add_argument("--name", default="standard")
    evaluate.add_argument("--flip", action="store_true")
    return whole


def _heads(commands: Any) -> None:
    synthesize = commands.add_parser("synthesize", help="draw synthetic heads")
    synthesize.add_argument("out", type=Path, help="folder")
    synthesize.add_argument("--label-maps", type=Path, required=True)
    synthesize.add_argument("--part", choices=["train", "val"], default="train")
    synthesize.add_argument("--count", type=int, required=True)
    synthesize.add_argument("--seed", type=int, required=True)
    demo = commands.add_parser("demo-head", help="draw the demonstration's head")
    demo.add_argument("out", type=Path, help="file")
    demo.add_argument("--label-maps", type=Path, required=True)


def _training(command: argparse.ArgumentParser, *, minutes: float) -> None:
    command.add_argument("--network", required=True, choices=NETWORKS)
    command.add_argument("--out", type=Path, required=True, help="folder of the run")
    command.add_argument("--minutes", type=float, default=minutes, help="of wall time, in all")
    command.add_argument("--batch", type=int, default=12)
    command.add_argument("--crop", type=int, default=128)
    command.add_argument("--filters", type=int, nargs="+", default=[16, 32, 64, 128, 256])
    command.add_argument("--threads", type=int, default=1)
    command.add_argument("--precision", default="mixed_bfloat16", help="Keras dtype policy")
    command.add_argument("--seed", type=int, default=1)
    command.add_argument("--validate-minutes", type=float, default=15.0)
    command.add_argument("--validation-heads", type=int, default=3)


def _measuring(command: argparse.ArgumentParser) -> None:
    command.add_argument("--heads", type=Path, required=True, help="synthetic validation heads")
    command.add_argument("--data", type=Path, required=True, help="the shared data folder")


if __name__ == "__main__":
    main()
