"""The learning curve of a run as a picture: loss, and each validation on the held-out heads."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from training.fit.journal import LOG, VALIDATION

CURVE: Final = "curve.png"
_WIDTH: Final = 900
_HEIGHT: Final = 220
_LEFT: Final = 70
_TOP: Final = 34
_INK: Final = (60, 60, 60)
_COLOURS: Final = ((180, 90, 30), (40, 120, 40), (40, 40, 190), (150, 60, 150), (30, 140, 190))

Points = list[tuple[float, float]]


def write_curve(folder: Path) -> None:
    """Draw ``curve.png`` from ``log.csv`` and ``validation.jsonl``, a panel for each kind of
    measure; nothing is written where there is nothing to draw.
    """
    panels = _panels(folder)
    if not panels:
        return
    drawn = [_panel(title, lines) for title, lines in panels.items()]
    done, data = cv2.imencode(".png", np.vstack(drawn))
    if not done:
        raise RuntimeError("the curve could not be encoded as PNG")
    partial = folder / f"{CURVE}.partial"
    partial.write_bytes(data.tobytes())
    partial.replace(folder / CURVE)


def _panels(folder: Path) -> dict[str, dict[str, Points]]:
    """Lines by panel and name, of points (step, value)."""
    panels: dict[str, dict[str, Points]] = {}
    if (folder / LOG).exists():
        with (folder / LOG).open(newline="") as stream:
            loss = [(float(r["step"]), float(r["loss"])) for r in csv.DictReader(stream)]
        if loss:
            panels["loss"] = {"loss": loss}
    if (folder / VALIDATION).exists():
        for line in (folder / VALIDATION).read_text().splitlines():
            record = json.loads(line)
            for name, value in record["summary"].items():
                measure, _, kind = name.partition("_")
                points = panels.setdefault(measure, {}).setdefault(kind, [])
                points.append((float(record["step"]), float(value)))
    return panels


def _panel(title: str, lines: dict[str, Points]) -> NDArray[np.uint8]:
    canvas = np.full((_HEIGHT, _WIDTH, 3), 255, dtype=np.uint8)
    every = np.array([point for points in lines.values() for point in points])
    (first, least), (last, most) = every.min(axis=0), every.max(axis=0)
    least, most = min(least, 0.0), max(most, 1e-6)
    box = (_LEFT, _TOP, _WIDTH - 20, _HEIGHT - 30)
    cv2.rectangle(canvas, box[:2], box[2:], _INK, 1)
    _write(canvas, title, (8, 22))
    for value, y in ((most, box[1] + 5), (least, box[3])):
        _write(canvas, f"{value:.3g}", (8, y))
    for step, x in ((first, box[0]), (last, box[2] - 60)):
        _write(canvas, f"{step:,.0f}", (x, _HEIGHT - 10))
    for number, (name, points) in enumerate(lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        _write(canvas, name, (_LEFT + 80 + 130 * number, 22), colour)
        placed = _placed(points, (first, last), (least, most), box)
        cv2.polylines(canvas, [placed], False, colour, 1, cv2.LINE_AA)
        for x, y in placed if len(placed) < 60 else ():
            cv2.circle(canvas, (int(x), int(y)), 3, colour, -1, cv2.LINE_AA)
    return canvas


def _placed(
    points: Points,
    steps: tuple[float, float],
    values: tuple[float, float],
    box: tuple[int, int, int, int],
) -> NDArray[np.int32]:
    """Points as pixels in a box of left, top, right and bottom."""
    left, top, right, bottom = box
    found = np.array(points)
    x = left + (found[:, 0] - steps[0]) / max(steps[1] - steps[0], 1.0) * (right - left)
    y = bottom - (found[:, 1] - values[0]) / (values[1] - values[0]) * (bottom - top)
    return np.rint(np.stack([x, y], axis=1)).astype(np.int32)


def _write(
    canvas: NDArray[np.uint8],
    words: str,
    at: tuple[int, int],
    colour: Sequence[int] = _INK,
) -> None:
    cv2.putText(canvas, words, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, tuple(colour), 1, cv2.LINE_AA)
