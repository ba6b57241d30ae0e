"""Which fragments of encapsulated pixel data belong to which frame (PS3.5 A.4)."""

from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_fragments, generate_frames

from imaging.dicom.files.codestream import coded_syntax
from metseg.errors import DicomError

_TABLES = ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")


def part_frames(dataset: Dataset) -> list[bytes]:
    """The encoded frames of a data set.

    How frames begin counts before the tables that say where they begin: these are often left over
    from another encoding, or missing. Pixel data of several frames or fragments are encapsulated
    again, in place, without tables, so that a decoder finds the same frames.

    Raises
    ------
    DicomError
        Neither says where the frames begin.
    """
    n_frames = int(dataset.get("NumberOfFrames") or 1)
    fragments = _fragments(dataset.PixelData)
    frames = _by_beginnings(fragments, n_frames)
    if frames is None:
        return _by_tables(dataset, n_frames)
    if len(frames) > 1 or len(fragments) > 1:
        dataset.PixelData = encapsulate(frames)
        dataset["PixelData"].is_undefined_length = True
        for keyword in _TABLES:
            dataset.pop(keyword, None)
    return frames


def _fragments(pixel_data: bytes) -> list[bytes]:
    """All but the offset table."""
    return list(generate_fragments(pixel_data))[1:]


def _by_beginnings(fragments: Sequence[bytes], n_frames: int) -> list[bytes] | None:
    """Frames by fragments: one each, all of the only one, or begun where a codestream begins."""
    if len(fragments) == n_frames:
        return list(fragments)
    if n_frames == 1:
        return [b"".join(fragments)]
    begun = [n for n, fragment in enumerate(fragments) if coded_syntax(fragment) is not None]
    if len(begun) != n_frames or begun[0] != 0:
        return None
    ends = [*begun[1:], len(fragments)]
    return [b"".join(fragments[a:b]) for a, b in zip(begun, ends, strict=True)]


def _by_tables(dataset: Dataset, n_frames: int) -> list[bytes]:
    tables = tuple(dataset[keyword].value for keyword in _TABLES if keyword in dataset)
    frames = list(
        generate_frames(
            dataset.PixelData,
            number_of_frames=n_frames,
            extended_offsets=tables if len(tables) == len(_TABLES) else None,
        )
    )
    if len(frames) != n_frames:
        raise DicomError(f"pixel data must hold {n_frames} encoded frames, got {len(frames)}")
    return frames
