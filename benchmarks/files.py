"""Files per second in the header pass and the full read, beside plain pydicom: ``make bench``.

Two sets of uncompressed MR images are written to a temporary folder: many small files in series of
a hundred slices, and one study of one series. In each round every file of a set is read by pydicom
and by metseg, in turn; the round of median ratio is kept. Seconds are processor time: the files
have just been written and are in the system's cache, and other work on the machine does not count.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pydicom

from imaging.dicom.files.headers import read_header
from imaging.dicom.files.parsing import MAX_FILE_BYTES
from imaging.dicom.series.series import read_series
from imaging.export.dicom.series import write_series
from imaging.volume import Volume
from watcher.reading.header_pass import HeaderPass

SMALL, SLICES = (100, 64, 64), 100
STUDY = (384, 256, 256)
LINE = "  {:<34} {:>8}  {:<34} {:>8}  {:>5}  {}"

Set = Sequence[Sequence[Path]]
"""Files of one set, by series."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A way of metseg to read files beside pydicom's; `reach` is the largest ratio allowed."""

    name: str
    ours: Callable[[Set], None]
    beside: str
    plain: Callable[[Set], None]
    reach: float | None


@dataclass(frozen=True, slots=True)
class Timing:
    """Processor seconds for all files of a set."""

    ours: float
    plain: float

    @property
    def ratio(self) -> float:
        return self.ours / self.plain


def main() -> None:
    """Parse the arguments, write the files, read them, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000, help="how many small files")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"files, median of {options.rounds} rounds, processor time")
    print(LINE.format("ours", "files/s", "beside", "files/s", "ratio", "reach"))
    with tempfile.TemporaryDirectory(prefix="metseg-bench-") as folder:
        for name, files in _sets(Path(folder), options.files):
            print(f"{name}:")
            count = sum(map(len, files))
            for comparison in COMPARISONS:
                timings = [_round(comparison, files) for _ in range(options.rounds)]
                print(LINE.format(*_cells(comparison, _median(timings), count)), flush=True)


def _sets(folder: Path, count: int) -> Iterator[tuple[str, Set]]:
    yield f"one study of {STUDY[0]} slices", [_write(folder / "study", STUDY, 0)]
    series = [_write(folder / f"small{n}", SMALL, n) for n in range(max(1, count // SLICES))]
    yield f"{sum(map(len, series)):,} small files", series


def _write(folder: Path, shape: tuple[int, int, int], seed: int) -> list[Path]:
    """One axial series of noise."""
    values = np.random.default_rng(seed).integers(0, 1000, shape).astype(np.float32)
    volume = Volume(values, np.eye(4)[:, [2, 1, 0, 3]])
    uid = f"2.25.{shape[0]}{seed:05d}"
    return write_series(volume, folder, study_uid=uid, series_uid=f"{uid}.1")


def _headers(files: Set) -> None:
    for path in chain.from_iterable(files):
        read_header(path, max_bytes=MAX_FILE_BYTES)


def _headers_in_child(files: Set) -> None:
    with HeaderPass(max_bytes=MAX_FILE_BYTES) as headers:
        for path in chain.from_iterable(files):
            headers.read(path)


def _plain_headers(files: Set) -> None:
    for path in chain.from_iterable(files):
        pydicom.dcmread(path, stop_before_pixels=True)


def _volumes(files: Set) -> None:
    for series in files:
        read_series(series)


def _plain_pixels(files: Set) -> None:
    for series in files:
        _ = [pydicom.dcmread(path).pixel_array for path in series]  # a reader has all slices


HEADERS, PIXELS = "dcmread(stop_before_pixels=True)", "dcmread().pixel_array"
COMPARISONS = (
    Comparison("header pass", _headers, HEADERS, _plain_headers, 1.0),
    Comparison(
        "header pass in the watcher's child", _headers_in_child, HEADERS, _plain_headers, None
    ),
    Comparison("full read to a volume", _volumes, PIXELS, _plain_pixels, 1.3),
)


def _round(comparison: Comparison, files: Set) -> Timing:
    plain = _seconds(comparison.plain, files)
    return Timing(_seconds(comparison.ours, files), plain)


def _seconds(read: Callable[[Set], None], files: Set) -> float:
    started = _used()
    read(files)
    return _used() - started


def _used() -> float:
    """Processor seconds of this process and of the children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _median(timings: Sequence[Timing]) -> Timing:
    return sorted(timings, key=lambda one: one.ratio)[len(timings) // 2]


def _cells(comparison: Comparison, timing: Timing, count: int) -> list[str]:
    reach = "" if comparison.reach is None else f"<= {comparison.reach:.2f}"
    if comparison.reach is not None and timing.ratio > comparison.reach:
        reach += " missed"
    return [
        comparison.name,
        f"{count / timing.ours:,.0f}",
        comparison.beside,
        f"{count / timing.plain:,.0f}",
        f"{timing.ratio:.2f}",
        reach,
    ]


if __name__ == "__main__":
    main()
