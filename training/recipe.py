"""How one network is trained: a small TOML file, checked before any work is done."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from metseg.errors import ConfigurationError
from models.networks import BUILDERS

_BUDGETS = ("minutes", "steps")
SHIPPED_RECIPES = Path(__file__).parent / "recipes"

Share = Annotated[float, Field(ge=0, le=1)]
Filters = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=2)]


def _known_network(name: str) -> str:
    if name not in BUILDERS:
        raise ValueError(f"input should be {' or '.join(map(repr, BUILDERS))}")
    return name


Network = Annotated[str, AfterValidator(_known_network)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Material(_Table):
    """What is trained on. Folders are relative to where the command runs."""

    heads: Path | None = Field(
        None, description="Folder of synthetic heads, head_0000.npz and so on."
    )
    label_maps: Path | None = Field(
        None, description="Folder of label maps: new heads are drawn into `heads` during the run."
    )
    drawers: int = Field(1, ge=1, description="Number of processes that draw them.")
    keep: int = Field(400, ge=1, description="How many of these heads are kept, the newest.")
    data: Path | None = Field(None, description="Folder with glioma/ and negatives/.")
    fold: Literal[0, 1, 2, "all", "none"] = Field(
        "none",
        description="Fold of `data` that is held out; all: train on all of it; none: use none.",
    )
    pairs: tuple[Path, ...] = Field((), description="Folders that hold a folder for each own case.")
    implants: int = Field(
        0, ge=0, description="Copies of each real scan trained on with lesions drawn into them."
    )
    slices: Path | None = Field(
        None, description="File of `python -m training slices`: real single slices."
    )
    hold_out: int = Field(5, ge=0, description="Every n-th own case is held out; 0: no case.")


class Mix(_Table):
    """Shares of the crops, see `training.crops.crops.CropMix`."""

    tumour: Share = Field(0.35, description="From real scans with a lesion.")
    negative: Share = Field(0.08, description="From real scans without a lesion.")
    implant: Share = Field(0.0, description="From real scans with lesions drawn into them.")
    single: Share = Field(0.0, description="From real single slices.")
    lesion: Share = Field(0.5, description="Around a lesion.")
    small_weight: float = Field(3.0, gt=0, description="Weight of pixels of small lesions.")
    sideways: Share = Field(0.4, description="From coronal and sagittal slices, half each.")

    @model_validator(mode="after")
    def _leaves_room(self) -> Self:
        total = self.tumour + self.negative + self.implant + self.single
        if total > 1:
            raise ValueError(f"tumour, negative, implant and single must be at most 1, got {total}")
        return self


class Rates(_Table):
    """Learning rate over the budget, see `training.fit.schedule.Schedule`."""

    peak: float = Field(1e-3, gt=0, description="After the warm-up.")
    floor: float = Field(1e-5, gt=0, description="At the beginning and at the end.")
    warm_up: float = Field(
        0.03, ge=0, lt=1, description="Share of the budget that the warm-up takes."
    )


class Validation(_Table):
    """What the run is validated on while it goes."""

    heads: Path | None = Field(None, description="Folder of synthetic heads, held out.")
    count: int = Field(4, ge=0, description="How many of them are used.")
    minutes: float = Field(15.0, gt=0, description="Time between validations.")


class Finetune(_Table):
    """Where `metseg finetune` starts, and what it makes."""

    ensemble: str = Field("standard", description="Name of the card.")
    weights: Path | None = Field(None, description="Its folder. Default: the shipped one.")
    release: str = Field(
        "finetuned", pattern=r"^[A-Za-z0-9._-]+$", description="Release that the new card names."
    )


class Recipe(_Table):
    """One run of one network."""

    network: Network = Field(description="A name of `models/networks/__init__.py`.")
    filters: Filters = Field(
        (16, 32, 64, 128, 256), description="Width of each level, finest first."
    )
    start: Path | None = Field(None, description="Weights file to start from.")
    minutes: float | None = Field(
        None, gt=0, description="Budget of wall time. Give this or `steps`."
    )
    steps: int | None = Field(None, gt=0, description="Budget of batches. Give this or `minutes`.")
    batch: int = Field(12, ge=1, description="Crops per step.")
    crop: int = Field(
        128, ge=16, description="Side in pixels, a multiple of 2 for each level but one."
    )
    seed: int = Field(1, ge=0, description="Seed of weights and crops.")
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = Field(
        "auto",
        description="Precision of the arithmetic; weights are float32. auto: mixed_bfloat16 on a "
        "GPU and on processors that compute in bfloat16, else float32.",
    )
    loaders: int = Field(
        0, ge=0, description="Processes that draw crops; 0: a thread of the run's own process."
    )
    threads: int = Field(0, ge=0, description="Processor threads; 0: as many as there are.")
    clahe_clip: float = Field(
        2.0, ge=0, description="Clip limit of the CLAHE channel; 0: empty channel."
    )
    miss_weight: float = Field(
        0.5, gt=0, lt=1, description="Weight of missed pixels in the overlap loss; 0.5: soft Dice."
    )
    checkpoint_minutes: float = Field(3.0, gt=0, description="Time between checkpoints.")
    material: Material = Material()
    mix: Mix = Mix()
    schedule: Rates = Rates()
    validation: Validation = Validation()
    finetune: Finetune | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.minutes is None) == (self.steps is None):
            raise ValueError("exactly one of minutes and steps must be given")
        block = 2 ** (len(self.filters) - 1)
        if self.crop % block:
            raise ValueError(
                f"crop must be a multiple of {block} with {len(self.filters)} filters, "
                f"got {self.crop}"
            )
        material = self.material
        if material.fold != "none" and material.data is None:
            raise ValueError(f"material.data must be given with fold {material.fold}")
        if material.label_maps is not None and material.heads is None:
            raise ValueError("material.heads must be given with label_maps")
        real = material.fold != "none" or material.pairs or material.slices
        if material.heads is None and not real:
            raise ValueError("material must name heads, pairs, slices, or data with a fold")
        return self


def read_recipe(
    path: Path | str, changes: Sequence[str] = (), *, beneath: Mapping[str, Any] | None = None
) -> Recipe:
    """Read a recipe: a file, or the name of a shipped one.

    Parameters
    ----------
    changes
        ``key=value`` or ``table.key=value``, each overriding the file; values as in TOML, or plain
        words.
    beneath
        Defaults other than `Recipe`'s own.

    Raises
    ------
    ConfigurationError
        The file is not readable or not TOML, or a key breaks its rule; the message gives file, key,
        rule and value.
    """
    file = _find(Path(path))
    try:
        text = file.read_text()
        given = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{file.name} must be a readable file, got {type(error).__name__}"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file.name} must be TOML: {error}") from None
    fields = _merged(dict(beneath or {}), given)
    for change in changes:
        _override(fields, change)
    try:
        return Recipe.model_validate(fields)
    except ValidationError as error:
        problems = "; ".join(_words(dict(problem)) for problem in error.errors())
        raise ConfigurationError(f"{file.name}: {problems}") from None


def recipe_toml(recipe: Recipe) -> str:
    """The recipe with every value as TOML, defaults too; `read_recipe` reads it back."""
    fields = recipe.model_dump(mode="json", exclude_none=True)
    plain = {key: value for key, value in fields.items() if not isinstance(value, dict)}
    lines = [f"{key} = {json.dumps(value)}" for key, value in plain.items()]
    for name, table in fields.items():
        if isinstance(table, dict):
            lines += ["", f"[{name}]"]
            lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    return "\n".join(lines) + "\n"


def _find(path: Path) -> Path:
    shipped = SHIPPED_RECIPES / f"{path.name}.toml"
    if not path.exists() and path.parent == Path() and shipped.is_file():
        return shipped
    return path


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            value = _merged(below, value)
        result[key] = value
    return result


def _override(fields: dict[str, Any], change: str) -> None:
    name, found, text = change.partition("=")
    if not found:
        raise ConfigurationError(f"--set must be key=value, got {change!r}")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *tables, key = name.strip().split(".")
    if not tables and key in _BUDGETS:  # one replaces the other
        for budget in _BUDGETS:
            fields.pop(budget, None)
    for table in tables:
        fields[table] = dict(fields.get(table) or {})
        fields = fields[table]
    fields[key] = value


def _words(problem: Mapping[str, Any]) -> str:
    """One problem: key, rule, and the value unless that is a whole table."""
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"{key}: must be a key of a recipe, it is not"
    rule = str(problem["msg"]).removeprefix("Value error, ")
    rule = rule[:1].lower() + rule[1:]
    found = problem["input"]
    value = "" if isinstance(found, dict | BaseModel) else f", got {found!r}"
    return f"{key}: {rule}{value}" if key else f"{rule}{value}"
