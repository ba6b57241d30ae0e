"""The stream of training crops: choosing case and voxel, making batches."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metseg.errors import MetsegError
from models.inputs import InputContract
from models.multiplanar import axes_across
from training.crops.augmentation import cut, draw_changes
from training.data.cases import Case, Source, case_from_head
from training.heads.heads import read_head

Batch = tuple[NDArray[np.float32], NDArray[np.float32]]


class Aim(StrEnum):
    """What a crop is taken around."""

    LESION = "lesion"
    BRIGHT = "bright"
    ANYWHERE = "anywhere"


@dataclass(frozen=True, slots=True)
class CropMix:
    """Shares of the crops by source: real scans with a `tumour`, without (`negative`), with lesions
    drawn into them (`implant`), and single slices. The rest are of synthetic heads.

    `lesion` is the share of all crops around a lesion; the rest is halved between bright voxels
    away from lesions and anywhere. `jitter` is how far, in voxels, a crop's centre may be from the
    voxel it aims at along rows and along columns, before it is drawn in from the air.
    `small_weight` is the weight in the loss of a pixel of a small lesion. `sideways` is the share
    of crops from coronal and sagittal slices, half each.
    """

    tumour: float = 0.35
    negative: float = 0.08
    implant: float = 0.0
    single: float = 0.0
    lesion: float = 0.5
    size: int = 128
    jitter: int = 32
    small_weight: float = 3.0
    sideways: float = 0.0

    def __post_init__(self) -> None:
        total = sum(self.shares.values())
        if not 0 <= total <= 1 + 1e-9:
            raise ValueError(f"shares of real crops must be in [0, 1] together, got {total}")

    @property
    def shares(self) -> dict[Source, float]:
        """Of all crops, by real source."""
        return {
            Source.TUMOUR: self.tumour,
            Source.NEGATIVE: self.negative,
            Source.IMPLANT: self.implant,
            Source.SLICE: self.single,
        }


class CropSampler:
    """Crops from synthetic heads and real cases; the same seed and files give the same crops.

    Parameters
    ----------
    heads
        Folder of synthetic heads, about 7 MB each in memory. `first` are read at the start, then
        one every `crops_per_head` crops, new files as they appear. At most `pool` are kept; the
        oldest leave first.
    real
        Cases from `training.data.cases.case_from_real`.
    seed
        Seed of every draw.
    share
        ``(number, of)``: samplers that read the same folder side by side each take their own heads.

    Raises
    ------
    MetsegError
        There is neither a head nor a real case.
    """

    def __init__(
        self,
        heads: Path | None,
        real: Sequence[Case],
        *,
        seed: int | Sequence[int],
        mix: CropMix | None = None,
        contract: InputContract | None = None,
        share: tuple[int, int] = (0, 1),
        first: int = 16,
        pool: int = 320,
        crops_per_head: int = 48,
    ) -> None:
        self._rng = np.random.default_rng(seed)
        self._mix = mix or CropMix()
        self._contract = contract or InputContract()
        self._heads = heads
        self._share = share
        self._crops_per_head = crops_per_head
        self._pool: deque[Case] = deque(maxlen=max(1, pool // share[1]))
        self._used: set[str] = set()
        self._count = 0
        self._real = {source: [c for c in real if c.source is source] for source in Source}
        while heads is not None and len(self._pool) < first and self._take_in_head():
            pass
        if not self._pool and not real:
            raise MetsegError("a sampler needs at least one head or real case, got none")

    def crop(self) -> Batch:
        """One crop, ``(size, size, 4)`` twice, float32, as `cut` gives them."""
        if self._heads is not None and self._count % self._crops_per_head == 0 and self._count:
            self._take_in_head()
        self._count += 1
        case, aim = self._choose()
        axis = 0 if case.flat else self._axis()
        centre = self._centre(case, aim, axis)
        changes = draw_changes(self._rng)
        return cut(
            case,
            centre,
            self._mix.size,
            changes,
            self._contract,
            self._rng,
            axis=axis,
            small_weight=self._mix.small_weight,
        )

    def batches(self, size: int) -> Iterator[Batch]:
        """Endless batches ``(n, size, size, 4)`` twice, float32."""
        while True:
            crops = [self.crop() for _ in range(size)]
            yield np.stack([c[0] for c in crops]), np.stack([c[1] for c in crops])

    def _choose(self) -> tuple[Case, Aim]:
        """A case, and an aim that it can serve."""
        source = self._source()
        share = self._mix.lesion / (1 - self._mix.negative) if self._mix.negative < 1 else 0.0
        draw = self._rng.random()
        aim = Aim.LESION if draw < share else Aim.BRIGHT if draw < (1 + share) / 2 else Aim.ANYWHERE
        cases = list(self._pool) if source is Source.SYNTHETIC else self._real[source]
        if aim is Aim.LESION:
            cases = [case for case in cases if case.lesions] or cases
        return cases[int(self._rng.integers(len(cases)))], aim

    def _source(self) -> Source:
        draw = self._rng.random()
        for source, share in self._mix.shares.items():
            if draw < share and self._real[source]:
                return source
            draw -= share
        if self._pool:
            return Source.SYNTHETIC
        return next(source for source, cases in self._real.items() if cases)

    def _axis(self) -> int:
        if self._rng.random() >= self._mix.sideways:
            return 0
        return int(self._rng.integers(1, 3))

    def _centre(self, case: Case, aim: Aim, axis: int) -> tuple[int, int, int]:
        """Slice, row and column of slices across `axis`."""
        points = case.anywhere
        if aim is Aim.LESION and case.lesions:
            points = case.lesions[int(self._rng.integers(len(case.lesions)))]
        elif aim is not Aim.ANYWHERE and len(case.bright):
            points = case.bright
        point = points[int(self._rng.integers(len(points)))]
        index, *within = (int(point[at]) for at in axes_across(axis))
        shift = self._rng.integers(-self._mix.jitter, self._mix.jitter + 1, 2)
        row, column = (
            _draw_in(at + int(by), side, self._mix)
            for at, by, side in zip(within, shift, case.seen_along(axis).shape[1:], strict=True)
        )
        return index, row, column

    def _take_in_head(self) -> bool:
        """Read the next unread head file; when all are read and some have left, start again."""
        files = self._files()
        unread = [file for file in files if file.name not in self._used]
        if not unread and len(files) > (self._pool.maxlen or 0):
            self._used = {case.name for case in self._pool}
            unread = [file for file in files if file.name not in self._used]
        for file in unread:
            self._used.add(file.name)
            try:
                head = read_head(file)
            except FileNotFoundError:  # removed meanwhile, see `training.heads.drawing`
                continue
            self._pool.append(case_from_head(file.name, head, self._contract))
            return True
        return False

    def _files(self) -> list[Path]:
        number, of = self._share
        files = sorted(self._heads.glob("*.npz")) if self._heads else []
        return files[number::of]


def _draw_in(at: int, side: int, mix: CropMix) -> int:
    """Move a crop's centre inwards by up to `jitter`, so that it shows less air."""
    low = min(side // 2, mix.size // 2 - mix.jitter // 2)
    wanted = min(max(at, low), side - low)
    return at + min(max(wanted - at, -mix.jitter), mix.jitter)


def prefetch(batches: Iterator[Batch], *, depth: int = 4) -> Generator[Batch, None, None]:
    """Draw `batches` ahead in a thread that ends with this iterator; its errors rise here."""
    ready: queue.Queue[Batch | BaseException] = queue.Queue(maxsize=depth)
    stopped = threading.Event()
    worker = threading.Thread(target=_fill, args=(batches, ready, stopped), daemon=True)
    worker.start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, StopIteration):
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()


def _fill(
    batches: Iterator[Batch], ready: "queue.Queue[Batch | BaseException]", stopped: threading.Event
) -> None:
    offer = _offer(ready, stopped)
    try:
        for batch in batches:
            if not offer(batch):
                return
        offer(StopIteration())
    except Exception as error:  # passed to the consumer, which raises it
        offer(error)


def _offer(
    ready: "queue.Queue[Batch | BaseException]", stopped: threading.Event
) -> Callable[[Batch | BaseException], bool]:
    def offer(item: Batch | BaseException) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.5)
                return True
            except queue.Full:
                continue
        return False

    return offer
