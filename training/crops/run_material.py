"""The real scans of a run: those that are trained on, and those held out."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from metseg.errors import ConfigurationError, MetsegError
from models.inputs import InputContract
from training.data.cases import Case, case_from_head, case_from_real
from training.data.implanting import HELD_OUT_SEED, implant_cases, slice_cases
from training.data.material import case_names
from training.data.own_cases import SkippedCase, read_own_cases
from training.data.real_cases import RealCase, read_glioma, read_negative
from training.heads.heads import read_head
from training.recipe import Material, Recipe
from training.split import clear_gliomas, split

Say = Callable[[str], None]
Names = tuple[list[str], list[str]]
EVERYTHING: Final = slice(None)


def training_cases(
    recipe: Recipe, contract: InputContract, *, say: Say, part: slice = EVERYTHING
) -> list[Case]:
    """Real cases to train on; of the single slices only `part`.

    Raises
    ------
    MetsegError
        A folder is missing, or holds nothing that can be used.
    """
    material = recipe.material
    scans = list(_shared(material, held_out=False))
    cases = [case_from_real(scan, contract) for scan in scans]
    cases += implant_cases(scans, contract, copies=material.implants, seed=recipe.seed)
    if material.slices is not None:
        slices = _file(material.slices, "material.slices")
        cases += slice_cases(slices, contract, seed=recipe.seed, part=part)
    own = list(_own(material, contract, say=say))
    kept_out = own[_held_out(material, len(own))]
    if material.pairs:
        say(f"{len(own)} own cases, {len(kept_out)} of them held out")
    return cases + [case for case in own if case not in kept_out]


def held_out_cases(recipe: Recipe, contract: InputContract) -> list[Case]:
    """What the run is validated on: real cases, the same with lesions drawn into them if the run
    trains on such, then synthetic heads. Raises the errors of `training_cases`.
    """
    material, validation = recipe.material, recipe.validation
    scans = list(_shared(material, held_out=True))
    cases = [case_from_real(scan, contract) for scan in scans]
    if material.implants:
        cases += implant_cases(scans, contract, copies=1, seed=HELD_OUT_SEED)
    own = list(_own(material, contract, say=_silent))
    cases += own[_held_out(material, len(own))]
    if validation.heads is not None and validation.count:
        files = sorted(_folder(validation.heads, "validation.heads").glob("*.npz"))
        cases += [
            case_from_head(path.name, read_head(path), contract)
            for path in files[: validation.count]
        ]
    return cases


def names_by_use(names: Sequence[str], material: Material) -> Names:
    """Names of the shared data to train on, and held-out names, by the fold."""
    match material.fold:
        case "all":
            return sorted(names), []
        case "none":  # validated on, never trained on
            return [], split(names, fold=0)[1]
        case fold:
            return split(names, fold=fold)


def _shared(material: Material, *, held_out: bool) -> Iterator[RealCase]:
    """Scans of the shared data that are held out, or trained on."""
    if material.data is None:
        return
    gliomas = _folder(material.data / "glioma", "material.data")
    negatives = _folder(material.data / "negatives", "material.data")
    for name in names_by_use(clear_gliomas(case_names(gliomas)), material)[held_out]:
        yield read_glioma(gliomas / name)
    for name in names_by_use(case_names(negatives), material)[held_out]:
        yield read_negative(negatives / name)


def _held_out(material: Material, count: int) -> slice:
    """Which of `count` own cases are held out."""
    if not material.hold_out or count < 2:
        return slice(0)
    return slice(None, None, material.hold_out)


def _own(material: Material, contract: InputContract, *, say: Say) -> Iterator[Case]:
    """Own cases one by one; those left out are reported. Raises when no case is left."""
    left = 0
    for folder in material.pairs:
        for case in read_own_cases(_folder(folder, "material.pairs")):
            if isinstance(case, SkippedCase):
                say(case.line())
                continue
            left += 1
            yield case_from_real(case, contract)
    if material.pairs and not left:
        raise MetsegError("pairs must hold at least one case that can be used, got none")


def _folder(path: Path, key: str) -> Path:
    if not path.is_dir():
        raise ConfigurationError(f"{key} must be a folder that exists, got {path.name!r}")
    return path


def _file(path: Path, key: str) -> Path:
    if not path.is_file():
        raise ConfigurationError(f"{key} must be a file that exists, got {path.name!r}")
    return path


def _silent(_: str) -> None:
    """`training_cases` has reported it."""
