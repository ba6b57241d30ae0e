"""Look at the pictures of a study where its headers leave contrast agent in doubt, and at the one
that was chosen.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from imaging.choice.agent_look import AgentLook, look_for_agent
from imaging.choice.asking import believed, doubts, next_to_look
from imaging.choice.choice import Choice
from imaging.dicom.series.series import Series, SourceSeries, check_spacing, read_series
from imaging.resample import to_axial
from imaging.volume import Volume
from metseg.errors import InputError
from models.inputs import find_head

Pictures = tuple[Volume, SourceSeries]


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """The choice after all looks, the picture of the chosen series where it was read, and
    warnings.
    """

    choice: Choice
    picture: Pictures | None
    warnings: tuple[str, ...]


def check_agent(
    series: Sequence[Series],
    choose: Callable[[Mapping[str, AgentLook]], Choice],
    *,
    any_t1: bool,
) -> Checked:
    """Choose, look, and choose again until nothing is open.

    A series that cannot be read is left to whoever segments it. With `any_t1` nobody minds a series
    without contrast agent, and no warning says so.
    """
    by_uid = {one.series_instance_uid: one for one in series}
    looks: dict[str, AgentLook] = {}
    asked: set[str] = set()
    picture: tuple[str, Pictures] | None = None
    choice = choose(looks)
    while (uid := next_to_look(choice, asked)) is not None:
        asked.add(uid)
        try:
            one = by_uid[uid]
            volume, source = read_series(one.files, parsed=one.parsed)
            check_spacing(volume)  # what is too coarse to segment is too coarse to look at
        except InputError:
            continue
        looks[uid] = believed(_look(volume), by_uid[uid].facts)
        choice = choose(looks)
        if uid == choice.chosen:
            picture = uid, (volume, source)
    chosen = choice.chosen
    return Checked(
        choice=choice,
        picture=picture[1] if picture and picture[0] == chosen else None,
        warnings=() if any_t1 or chosen is None else doubts(choice, looks.get(chosen)),
    )


def _look(volume: Volume) -> AgentLook:
    axial, _ = to_axial(volume)
    return look_for_agent(axial.voxels, find_head(axial.voxels))
