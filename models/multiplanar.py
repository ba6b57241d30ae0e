"""Multiplanar refinement: candidates are seen again in coronal and sagittal slices.

The top of a dome, the floor of a ventricle and a fold touched by one slice look like lesions in
that slice and in no other plane. Coronal and sagittal slices of the boxes around candidates
separate them from lesions, at a fraction of the work that the whole head in three planes would be.
Where one network is the scout, it alone answers every axial slice, and the others answer only the
boxes around what the scout does not rule out.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import cc3d
import numpy as np
from numpy.typing import NDArray

from imaging.boxes import widened
from imaging.connected import connected
from models.inputs import BATCH, CHANNELS, InputContract, PreparedHead, equalise, stack

# Candidates that are refined: components of probability GROW or more that reach PEAK somewhere and
# have LEAST_VOXELS voxels. Lesion rules ask for as high a peak at least.
GROW: Final = 0.25
PEAK: Final = 0.4
LEAST_VOXELS: Final = 8
# The same for what a scout does not rule out: it may doubt what the others are sure of.
SCOUT_GROW: Final = 0.05
SCOUT_PEAK: Final = 0.1
SCOUT_LEAST_VOXELS: Final = 3
# Voxels that a box is grown by, and how much more the networks see around it.
GROWN: Final = 3
CONTEXT: Final = 20
# The edges of squares of slices, in pixels: each edge is compiled once.
EDGES: Final = (64, 96, 128, 192)

Map = NDArray[np.float32]
Box = tuple[slice, slice, slice]


class Network(Protocol):
    """What is asked of an engine, such as `models.engines.keras_engine.Engine`."""

    def __call__(self, batch: Map) -> Map:
        """``(n, H, W, channels)`` to ``(n, H, W, outputs)`` in [0, 1]: lesion, then brain."""


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """A head as slices across `axis`, see `training.data.cases.Case.seen_along`."""

    axis: int
    normalised: Map
    clahe: Map
    air: float


@dataclass(frozen=True, slots=True)
class _Window:
    """A square of a slice: number of its box, slice, and first row and column of the square."""

    box: int
    index: int
    corner: tuple[int, int]


def refine(
    networks: Sequence[Network],
    head: PreparedHead,
    contract: InputContract,
    lesion: Sequence[Map],
    *,
    batch: int = BATCH,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Replace each network's lesion map, within boxes around candidates, by the mean of its answers
    for axial, coronal and sagittal slices.

    Parameters
    ----------
    networks, lesion
        Networks and their maps ``(z, h, w)`` of axial slices, changed in place. Candidates are
        found in the mean of the maps.
    batch
        Slices per call.
    """
    boxes = candidate_boxes(np.mean(lesion, axis=0))
    if not boxes:
        return
    total = [np.stack([own[box] for own in lesion]) for box in boxes]
    for step, axis in enumerate((1, 2)):
        view = _view(head, contract, axis, boxes)
        for number, network in enumerate(networks):
            for at, found in _answers(network, view, boxes, batch):
                total[at][number] += found
            if progress is not None:
                progress((step * len(networks) + number + 1) / (2 * len(networks)))
    for box, sums in zip(boxes, total, strict=True):
        for own, seen in zip(lesion, sums, strict=True):
            own[box] = seen / np.float32(3)


def follow_scout(
    network: Network,
    head: PreparedHead,
    contract: InputContract,
    lesion: Map,
    *,
    batch: int = BATCH,
) -> None:
    """Replace a scout's lesion map ``(z, h, w)``, within boxes around what the scout does not rule
    out, by the answer of another network for axial slices there; in place. `batch` is slices per
    call.
    """
    boxes = candidate_boxes(lesion, scouted=True)
    view = _view(head, contract, 0, boxes)
    for at, found in _answers(network, view, boxes, batch):
        lesion[boxes[at]] = found


def axes_across(axis: int) -> tuple[int, int, int]:
    """The axes of slices across `axis`: `axis` itself, then those of rows and of columns."""
    rows, columns = (other for other in range(3) if other != axis)
    return axis, rows, columns


def candidate_boxes(mean: Map, *, scouted: bool = False) -> list[Box]:
    """Boxes, `GROWN` voxels larger, around whatever a lesion rule may keep of a map ``(z, h, w)``;
    with `scouted`, around whatever the scout does not rule out.
    """
    grow, peak, least = (
        (SCOUT_GROW, SCOUT_PEAK, SCOUT_LEAST_VOXELS) if scouted else (GROW, PEAK, LEAST_VOXELS)
    )
    labels, count = connected(mean >= np.float32(grow))
    if count == 0:
        return []
    facts = cc3d.statistics(labels)
    boxes = []
    for label in range(1, count + 1):
        box = facts["bounding_boxes"][label]
        if facts["voxel_counts"][label] < least:
            continue
        if mean[box][labels[box] == label].max() >= peak:
            z, h, w = widened(box, GROWN, mean.shape)
            boxes.append((z, h, w))
    return boxes


def _view(head: PreparedHead, contract: InputContract, axis: int, boxes: Sequence[Box]) -> _View:
    """The head as slices across `axis`. CLAHE is computed for the slices that boxes touch only; its
    channel stays empty elsewhere.
    """
    if axis == 0:
        return _View(axis, head.normalised, head.clahe, float(head.normalised.min()))
    normalised = np.ascontiguousarray(np.moveaxis(head.normalised, axis, 0))
    touched = np.zeros(normalised.shape[0], dtype=np.bool_)
    for box in boxes:
        touched[box[axis]] = True
    clahe = np.zeros_like(normalised)
    air, brightest = float(normalised.min()), float(normalised.max())
    clahe[touched] = equalise(normalised[touched], contract, value_range=(air, brightest))
    return _View(axis, normalised, clahe, air)


def _answers(
    network: Network, view: _View, boxes: Sequence[Box], batch: int
) -> Iterator[tuple[int, Map]]:
    """The number of each box, and a network's answer ``(z, h, w)`` for it."""
    turned = [_turned(box, view.axis) for box in boxes]
    found = [np.zeros([s.stop - s.start for s in box], dtype=np.float32) for box in turned]
    for edge, windows in _by_edge(turned, view.normalised.shape).items():
        for start in range(0, len(windows), batch):
            some = windows[start : start + batch]
            # The last batch repeats its last window: another shape would be another trace.
            shown = _cut(view, [*some, *[some[-1]] * (batch - len(some))], edge)
            for window, said in zip(some, network(shown)[..., 0], strict=False):
                slices, rows, columns = turned[window.box]
                row, column = rows.start - window.corner[0], columns.start - window.corner[1]
                part = found[window.box][window.index - slices.start]
                part[:] = said[row : row + part.shape[0], column : column + part.shape[1]]
    for number, one in enumerate(found):
        yield number, np.moveaxis(one, 0, view.axis)


def _turned(box: Box, axis: int) -> Box:
    """A box in the order of slices across `axis`."""
    slices, rows, columns = axes_across(axis)
    return box[slices], box[rows], box[columns]


def _by_edge(boxes: Sequence[Box], shape: tuple[int, ...]) -> dict[int, list[_Window]]:
    """The windows of all boxes by the edge of their squares."""
    windows: dict[int, list[_Window]] = defaultdict(list)
    for number, (slices, rows, columns) in enumerate(boxes):
        longest = max(rows.stop - rows.start, columns.stop - columns.start) + 2 * CONTEXT
        edge = next((e for e in EDGES if e >= longest), longest + -longest % EDGES[0])
        corner = (_first(rows, edge, shape[1]), _first(columns, edge, shape[2]))
        windows[edge] += [_Window(number, i, corner) for i in range(slices.start, slices.stop)]
    return windows


def _first(span: slice, edge: int, size: int) -> int:
    """First pixel of a window of `edge` around a span: inside the head if it fits, else centred."""
    first = (span.start + span.stop - edge) // 2
    return min(max(first, 0), size - edge) if size >= edge else (size - edge) // 2


def _cut(view: _View, windows: Sequence[_Window], edge: int) -> Map:
    """Network input ``(n, edge, edge, 4)`` of windows; what lies outside the head is air."""
    _, height, width = view.normalised.shape
    batch = np.zeros((len(windows), edge, edge, CHANNELS), dtype=np.float32)
    batch[..., : CHANNELS - 1] = view.air
    for one, window in zip(batch, windows, strict=True):
        rows, from_rows = _overlap(window.corner[0], edge, height)
        columns, from_columns = _overlap(window.corner[1], edge, width)
        part = np.s_[:, from_rows, from_columns]
        one[rows, columns] = stack(view.normalised[part], view.clahe[part], [window.index])[0]
    return batch


def _overlap(corner: int, edge: int, size: int) -> tuple[slice, slice]:
    """Where a window lies over the head: in the window, and in the head."""
    first, stop = max(0, corner), min(size, corner + edge)
    return slice(first - corner, stop - corner), slice(first, stop)
