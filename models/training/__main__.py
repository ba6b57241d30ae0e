"""Command line of training: ``python -m models.training fit ...``."""

import argparse
from pathlib import Path


def main() -> None:
    """Parse the arguments and start one command."""
    parser = argparse.ArgumentParser(prog="python -m models.training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    fit = commands.add_parser("fit", help="train one network within a budget of minutes")
    fit.add_argument("--network", required=True, choices=["attention_unet", "unet_plus_plus"])
    fit.add_argument("--heads", type=Path, required=True, help="folder with train/ and val/ heads")
    fit.add_argument("--data", type=Path, required=True, help="the shared data folder")
    fit.add_argument("--out", type=Path, required=True, help="folder of the run")
    fit.add_argument("--minutes", type=float, required=True)
    fit.add_argument("--batch", type=int, default=12)
    fit.add_argument("--crop", type=int, default=128)
    fit.add_argument("--filters", type=int, nargs="+", default=[16, 32, 64, 128, 256])
    fit.add_argument("--threads", type=int, default=1)
    fit.add_argument("--precision", default="mixed_bfloat16", help="Keras dtype policy")
    fit.add_argument("--seed", type=int, default=1)
    fit.add_argument("--validate-minutes", type=float, default=15.0)
    fit.add_argument("--validation-heads", type=int, default=3)
    arguments = parser.parse_args()
    # Keras is slow to import and must find the thread settings made.
    from models.training import commands as run

    run.fit_command(**{k: v for k, v in vars(arguments).items() if k != "command"})


if __name__ == "__main__":
    main()
