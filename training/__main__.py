"""What the maintainers make once for a release: the demo's head, weights and their report.

``python -m training demo-head | finish | report | slices | table --help``
"""

import argparse
import functools
from pathlib import Path

from models.catalogue import import_quietly

say = functools.partial(print, flush=True)
RELEASE = "3.0.0"


def main() -> None:
    """Parse the arguments and run the command."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(required=True)
    demo = commands.add_parser("demo-head", help="draw the demo's head")
    demo.add_argument("out", type=Path, help="file")
    demo.add_argument("--label-maps", type=Path, required=True)
    demo.set_defaults(run=_demo_head)
    finish = commands.add_parser("finish", help="an ensemble from runs: rule, gate, card")
    finish.add_argument("runs", type=Path, help="folder of make crossvalidate")
    finish.add_argument("--release", default=RELEASE)
    finish.set_defaults(run=_finish)
    report = commands.add_parser("report", help="accuracy page and model card")
    report.add_argument("--docs", type=Path, default=Path("docs"))
    report.add_argument("--kept", type=Path, help="folder that keeps the networks' answers")
    report.set_defaults(run=_report)
    slices = commands.add_parser("slices", help="the brain in real single slices, by a network")
    slices.add_argument("out", type=Path, help="file, .npz")
    slices.add_argument("--data", type=Path, required=True, help="folder that holds slices/")
    slices.add_argument("--part", choices=("train", "held-out"), default="train")
    slices.add_argument("--every", type=int, default=1, help="every n-th slice")
    slices.set_defaults(run=_slices)
    table = commands.add_parser("table", help="what finished runs reached, as Markdown")
    table.add_argument("runs", type=Path, help="folder of run folders")
    table.set_defaults(run=_table)
    for command in (finish, report):
        command.add_argument("--heads", type=Path, required=True, help="synthetic heads")
        command.add_argument("--data", type=Path, required=True, help="glioma/ and negatives/")
        command.add_argument("--weights", type=Path, default=Path("models/weights"))
        command.add_argument("--name", default="standard")
    arguments = vars(parser.parse_args())
    arguments.pop("run")(**arguments)


def _demo_head(*, out: Path, label_maps: Path) -> None:
    from training.heads.head_commands import demo_head_command

    demo_head_command(out=out, label_maps=label_maps)


def _finish(*, runs: Path, heads: Path, data: Path, weights: Path, name: str, release: str) -> None:
    import_quietly("training.finish.finish_command").finish_command(
        runs=runs, heads=heads, data=data, weights=weights, name=name, release=release, say=say
    )


def _report(
    *, heads: Path, data: Path, weights: Path, name: str, docs: Path, kept: Path | None
) -> None:
    import_quietly("training.report.report_command").report_command(
        heads=heads, data=data, weights=weights, name=name, docs=docs, kept=kept, say=say
    )


def _slices(*, out: Path, data: Path, part: str, every: int) -> None:
    import_quietly("training.data.slice_command").slice_command(
        out=out, data=data, part=part, every=every, say=say
    )


def _table(*, runs: Path) -> None:
    for line in import_quietly("training.run_table").run_table(runs):
        say(line)


if __name__ == "__main__":
    main()
