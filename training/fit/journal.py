"""What a run writes while it goes: ``log.csv``, ``validation.jsonl`` and log lines."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from training.fit.checkpoints import Progress
from training.fit.validation import Score, summary

LOG = "log.csv"
VALIDATION = "validation.jsonl"


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a run is: `share` of the budget used up, mean `loss` of the last steps, and the last
    validation as `training.fit.validation.summary` gives it.
    """

    step: int
    share: float
    minutes: float
    loss: float
    waiting: float
    validation: Mapping[str, float]

    def line(self) -> str:
        """Plain words for a log."""
        measures = [f"{name} {value:.3f}" for name, value in self.validation.items()]
        return ", ".join([f"step {self.step}", f"loss {self.loss:.3f}", *measures])


class Journal:
    """Rows and lines of one run. Those that a killed process wrote after `progress` are dropped.

    `log_steps` is the number of steps a row of ``log.csv`` stands for.
    """

    def __init__(
        self,
        folder: Path,
        progress: Progress,
        *,
        log_steps: int,
        say: Callable[[str], None],
        show: Callable[[Standing], None] | None = None,
    ) -> None:
        self._folder, self._log_steps = folder, log_steps
        self._say, self._show = say, show
        self._losses: list[float] = []
        self._mean = float("nan")
        self._waited = progress.waited
        self.validation: dict[str, float] = {}
        _keep_lines(folder / LOG, lambda row: _step_of_row(row) <= progress.step)
        _keep_lines(folder / VALIDATION, lambda line: json.loads(line)["step"] <= progress.step)

    def step(self, progress: Progress, *, loss: float, rate: float, share: float) -> None:
        """Note a step; a row and a line after every `log_steps`."""
        self._losses.append(loss)
        if progress.step % self._log_steps == 0 or np.isnan(self._mean):
            self._mean = float(np.mean(self._losses))
        if progress.step % self._log_steps == 0:
            self._row(progress, rate)
            self._losses = []
        if self._show is not None:
            self._show(self.standing(progress, share))

    def standing(self, progress: Progress, share: float) -> Standing:
        """How far the run is now."""
        return Standing(
            progress.step,
            share,
            progress.seconds / 60,
            self._mean,
            progress.waiting,
            self.validation,
        )

    def validated(self, progress: Progress, scores: Sequence[Score], seconds: float) -> None:
        """Note a validation."""
        self.validation = summary(scores)
        for item in scores:
            self._say(item.line())
        words = ", ".join(f"{name} {value:.3f}" for name, value in self.validation.items())
        self._say(f"validation in {seconds:.0f} s: {words}")
        record = {
            "step": progress.step,
            "minutes": progress.seconds / 60,
            "summary": self.validation,
            "heads": [asdict(item) for item in scores],
        }
        with (self._folder / VALIDATION).open("a") as stream:
            stream.write(json.dumps(record) + "\n")

    def _row(self, progress: Progress, rate: float) -> None:
        row = {
            "step": progress.step,
            "minutes": round(progress.seconds / 60, 2),
            "loss": round(self._mean, 4),
            "rate": round(rate, 7),
            "waited_s": round(progress.waited - self._waited, 2),
        }
        self._waited = progress.waited
        path = self._folder / LOG
        fresh = not path.exists()
        with path.open("a", newline="") as stream:
            writer = csv.DictWriter(stream, fieldnames=list(row))
            if fresh:
                writer.writeheader()
            writer.writerow(row)
        self._say(", ".join(f"{name} {value}" for name, value in row.items()))


def _keep_lines(path: Path, wanted: Callable[[str], bool]) -> None:
    if path.exists():
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if line.endswith("\n") and wanted(line)))


def _step_of_row(row: str) -> int:
    first = row.split(",", 1)[0]
    return int(first) if first.isdigit() else 0
