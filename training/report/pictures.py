"""Pictures of the best and the worst answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from imaging.export.pictures.preview import preview_png
from imaging.lesions.lesion import Lesion
from training.data.material import HeldOut
from training.finish.evaluation import Row

_SHRUNK = 0.7  # a page with six pictures is read on a screen
_QUALITY = 82


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture beside the accuracy page."""

    title: str
    file: str


@dataclass(frozen=True, slots=True, eq=False)
class _Picture:
    row: Row
    jpeg: bytes


class Gallery:
    """The pictures of the answers of highest and lowest Dice, `count` of each."""

    def __init__(self, count: int = 3) -> None:
        self._count = count
        self._best: list[_Picture] = []
        self._worst: list[_Picture] = []

    def offer(
        self, row: Row, head: HeldOut, labels: NDArray[np.uint16], lesions: Sequence[Lesion]
    ) -> None:
        """Draw the answer if it is among the best or the worst so far; heads with lesions only."""
        if not head.reference.any():
            return
        dice = row.evaluation.dice
        good = len(self._best) < self._count or dice > self._best[-1].row.evaluation.dice
        bad = len(self._worst) < self._count or dice < self._worst[-1].row.evaluation.dice
        if not (good or bad):
            return
        png = preview_png(head.volume, labels, lesions, reference=head.reference)
        picture = _Picture(row, _jpeg(png))
        if good:
            self._best = sorted([*self._best, picture], key=_dice, reverse=True)[: self._count]
        if bad:
            self._worst = sorted([*self._worst, picture], key=_dice)[: self._count]

    def write(self, folder: Path) -> list[Shown]:
        """Write ``accuracy-good-1.jpg`` and so on, the best and the worst first."""
        shown = []
        for kind, pictures in (("good", self._best), ("bad", self._worst)):
            for number, picture in enumerate(pictures, start=1):
                file = f"accuracy-{kind}-{number}.jpg"
                (folder / file).write_bytes(picture.jpeg)
                shown.append(Shown(_title(kind, picture.row), file))
        return shown


def _title(kind: str, row: Row) -> str:
    one = row.evaluation
    return (
        f"{kind.capitalize()}: {row.head} ({row.group}), Dice {one.dice:.3f}, "
        f"{one.true_positives} of {one.lesions} found, {one.false_positives} false"
    )


def _dice(picture: _Picture) -> float:
    return picture.row.evaluation.dice


def _jpeg(png: bytes) -> bytes:
    whole = cv2.imdecode(np.frombuffer(png, dtype=np.uint8), cv2.IMREAD_COLOR)
    assert whole is not None
    small = cv2.resize(whole, None, fx=_SHRUNK, fy=_SHRUNK, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise RuntimeError("the picture could not be encoded as JPEG")
    return bytes(data)
