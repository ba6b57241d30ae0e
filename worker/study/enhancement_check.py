"""Look at the pictures of a study where its headers leave contrast agent in doubt, and at the one
that was chosen.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from imaging.choice.asking import believed, doubts, next_to_ask
from imaging.choice.enhancement import Enhancement, measure_enhancement
from imaging.choice.verdict import Choice
from imaging.dicom.series.series import Series, SourceSeries, check_spacing, read_series
from imaging.resample import to_axial
from imaging.volume import Volume
from metseg.errors import InputError
from models.inputs import find_head

Pictures = tuple[Volume, SourceSeries]


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """The choice after all enhancements, the picture of the chosen series where it was read, and
    warnings.
    """

    choice: Choice
    picture: Pictures | None
    warnings: tuple[str, ...]


def check_enhancement(
    series: Sequence[Series],
    choose: Callable[[Mapping[str, Enhancement]], Choice],
    *,
    any_t1: bool,
) -> Checked:
    """Choose, measure the enhancement, and choose again until nothing is open.

    A series that cannot be read is left to the code that segments it. With `any_t1` a series
    without contrast agent is as good as any, and there is no warning about it.
    """
    by_uid = {one.series_instance_uid: one for one in series}
    enhancements: dict[str, Enhancement] = {}
    asked: set[str] = set()
    picture: tuple[str, Pictures] | None = None
    choice = choose(enhancements)
    while (uid := next_to_ask(choice, asked)) is not None:
        asked.add(uid)
        try:
            one = by_uid[uid]
            volume, source = read_series(one.files, parsed=one.parsed)
            check_spacing(volume)  # what is too coarse to segment is too coarse to measure
        except InputError:
            continue
        enhancements[uid] = believed(_enhancement(volume), by_uid[uid].facts)
        choice = choose(enhancements)
        if uid == choice.chosen:
            picture = uid, (volume, source)
    chosen = choice.chosen
    return Checked(
        choice=choice,
        picture=picture[1] if picture and picture[0] == chosen else None,
        warnings=() if any_t1 or chosen is None else doubts(choice, enhancements.get(chosen)),
    )


def _enhancement(volume: Volume) -> Enhancement:
    axial, _ = to_axial(volume)
    return measure_enhancement(axial.voxels, find_head(axial.voxels))
