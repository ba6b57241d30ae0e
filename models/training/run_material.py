"""The real scans of a run: which are trained on, and which are held out."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from metseg.errors import ConfigurationError, MetsegError
from models.inputs import InputContract
from models.training.cases import Case, case_from_head, case_from_real
from models.training.heads import read_head
from models.training.implanting import HELD_OUT_SEED, implant_cases, slice_cases
from models.training.material import case_names
from models.training.own_cases import SkippedCase, read_own_cases
from models.training.real_cases import read_glioma, read_negative
from models.training.recipe import Material, Recipe
from models.training.split import clear_gliomas, split

Say = Callable[[str], None]
Names = tuple[list[str], list[str]]


def run_material(
    recipe: Recipe, contract: InputContract, *, say: Say
) -> tuple[list[Case], list[Case]]:
    """Real cases for training, and held-out cases: real ones, then synthetic heads.

    Raises
    ------
    MetsegError
        A folder is not there, or holds nothing of use.
    """
    material = recipe.material
    training, held_out = _shared(recipe, contract) if material.data is not None else ([], [])
    if material.slices is not None:
        training += slice_cases(material.slices, contract, seed=recipe.seed)
    if material.pairs:
        own = list(_own(material.pairs, contract, say=say))
        kept_out = own[:: material.hold_out] if material.hold_out and len(own) > 1 else []
        training += [case for case in own if case not in kept_out]
        held_out += kept_out
        say(f"{len(own)} own cases, {len(kept_out)} of them held out")
    if recipe.validation.heads is not None and recipe.validation.count:
        files = sorted(_folder(recipe.validation.heads, "validation.heads").glob("*.npz"))
        for path in files[: recipe.validation.count]:
            held_out.append(case_from_head(path.name, read_head(path), contract))
    return training, held_out


def names_by_use(names: Sequence[str], material: Material) -> Names:
    """Names for training and held-out names of the shared data, by the fold."""
    match material.fold:
        case "all":
            return sorted(names), []
        case "none":  # looked at, never trained on
            return [], split(names, fold=0)[1]
        case fold:
            return split(names, fold=fold)


def _shared(recipe: Recipe, contract: InputContract) -> tuple[list[Case], list[Case]]:
    material = recipe.material
    assert material.data is not None
    gliomas = _folder(material.data / "glioma", "material.data")
    negatives = _folder(material.data / "negatives", "material.data")
    by_use = zip(
        names_by_use(clear_gliomas(case_names(gliomas)), material),
        names_by_use(case_names(negatives), material),
        strict=True,
    )
    trained, looked_at = (
        [
            *(read_glioma(gliomas / name) for name in tumours),
            *(read_negative(negatives / name) for name in brains),
        ]
        for tumours, brains in by_use
    )
    cases = [case_from_real(scan, contract) for scan in trained]
    cases += implant_cases(trained, contract, copies=material.implants, seed=recipe.seed)
    held_out = [case_from_real(scan, contract) for scan in looked_at]
    if material.implants:
        held_out += implant_cases(looked_at, contract, copies=1, seed=HELD_OUT_SEED)
    return cases, held_out


def _own(folders: Sequence[Path], contract: InputContract, *, say: Say) -> Iterator[Case]:
    """Own cases one by one; those left out are said. Raises when none is left."""
    left = 0
    for folder in folders:
        for case in read_own_cases(_folder(folder, "material.pairs")):
            if isinstance(case, SkippedCase):
                say(case.line())
                continue
            left += 1
            yield case_from_real(case, contract)
    if not left:
        raise MetsegError("pairs must hold at least one case that can be used, got none")


def _folder(path: Path, key: str) -> Path:
    if not path.is_dir():
        raise ConfigurationError(f"{key} must be a folder that exists, got {path.name!r}")
    return path
