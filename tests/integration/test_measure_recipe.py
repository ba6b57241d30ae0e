"""The recipe "A measure" of CONTRIBUTING.md, walked with a toy in a copy of the program."""

import filecmp
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.helpers.places import ROOT

PACKAGES = ("metseg", "imaging", "db", "cli")
PAGES = ("docs/measures.md", "docs/schema.md")
BY_HAND = {
    "imaging/metrics/evaluation.py": (
        "    detections: tuple[Detection, ...] = ()\n",
        "    detections: tuple[Detection, ...] = ()\n    toy_mm: float | None = None\n",
    ),
    "imaging/metrics/evaluate.py": ("dice=dice(*masks),", "dice=dice(*masks), toy_mm=42.5,"),
    "imaging/metrics/labels.py": (
        '    "dice": Measure("Dice", _fraction),\n',
        '    "dice": Measure("Dice", _fraction),\n    "toy_mm": Measure("toy, mm", _length),\n',
    ),
    "db/tables/result_tables.py": (
        "    volume_error_mm3: Mapped[float]\n",
        "    volume_error_mm3: Mapped[float]\n    toy_mm: Mapped[float | None]\n",
    ),
    "docs/measures.md": ("\n## ", "\n| toy (`toy_mm`) | 42.5 | mm |\n\n## "),
    "docs/schema.md": ("\n### evaluation\n", "\n### evaluation\n\n`toy_mm`\n"),
}
MIGRATES = "import sys; from db.upgrade import write_revision; write_revision('toy')"
USES = """
import io, sys
import numpy as np
from dataclasses import replace
from pathlib import Path
from rich.console import Console
from sqlalchemy import text
from cli.evaluate.measures import evaluation_table
from db import jobs
from db.results.results import study_reports
from db.results.study_reports import report_entry
from db.session import make_engine, session_factory
from db.upgrade import migrate
from imaging.export.page.html import _evaluation_rows
from imaging.metrics.evaluate import evaluate
from imaging.volume import Volume
from tests.helpers.rows import EVALUATION, T0, found, new_job, take

mask = np.zeros((4, 4, 4), bool)
mask[1:3, 1:3, 1:3] = True
measured = evaluate(mask, mask, Volume(np.zeros(mask.shape, "f4"), np.eye(4)))
url = sys.argv[1]
migrate(url)
with session_factory(make_engine(url)).begin() as session:
    claim = take(session, new_job(session))
    one = replace(EVALUATION, measures=measured)
    jobs.finalise(session, claim, replace(found(claim), evaluations=(one,)), now=T0)
    print("row", session.scalar(text("SELECT toy_mm FROM evaluation")))
    (report,) = study_reports(session, results_dir=Path("/results"))
entry = report_entry(report)["evaluations"][0]
print("json", entry["toy_mm"])
print("page", dict(_evaluation_rows(entry))["Toy, mm"])
terminal = Console(file=io.StringIO(), width=100)
terminal.print(evaluation_table(report.evaluations[0].measures))
print("terminal", next(line for line in terminal.file.getvalue().splitlines() if "toy" in line))
"""


def copy_of_the_program(folder: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=ignored)
    for page in PAGES:
        (folder / page).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / page, folder / page)


def run(folder: Path, code: str, *arguments: str) -> str:
    """Standard output of a program that imports the copy."""
    environment = os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def changed(folder: Path) -> set[str]:
    """Files of the copy that differ from ours, or that we have not."""
    copied = (one.relative_to(folder) for one in folder.rglob("*") if one.is_file())
    return {
        one.as_posix()
        for one in copied
        if "__pycache__" not in one.parts
        and not ((ROOT / one).is_file() and filecmp.cmp(ROOT / one, folder / one, shallow=False))
    }


def test_a_measure_that_is_printed_and_recorded_touches_seven_files(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.mkdir()
    copy_of_the_program(program)
    for path, (before, after) in BY_HAND.items():
        text = (program / path).read_text()
        assert before in text, path
        (program / path).write_text(text.replace(before, after, 1))
    run(program, MIGRATES)
    assert len(changed(program)) == 7, changed(program)
    said = dict(
        line.split(" ", 1)
        for line in run(program, USES, f"sqlite:///{tmp_path / 'toy.sqlite3'}").splitlines()
    )
    assert (said["row"], said["json"], said["page"]) == ("42.5", "42.5", "42.50")
    assert "42.50" in said["terminal"]
