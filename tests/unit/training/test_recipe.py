from pathlib import Path

import pytest

from metseg.errors import ConfigurationError
from training.recipe import SHIPPED_RECIPES, read_recipe, recipe_toml

LEAST = """
network = "attention_unet"
steps = 10
[material]
heads = "heads"
"""


def recipe(folder: Path, text: str = LEAST) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", sorted(SHIPPED_RECIPES.glob("*.toml")), ids=lambda p: p.stem)
def test_a_shipped_recipe_is_valid_and_comes_back_from_what_a_run_keeps(
    path: Path, tmp_path: Path
) -> None:
    read = read_recipe(path.stem)
    kept = tmp_path / "run.toml"
    kept.write_text(recipe_toml(read))
    assert read_recipe(kept) == read


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("batch=0", r"mine\.toml: batch: input should be greater than or equal to 1, got 0"),
        ("network=resnet", r"network: input should be 'attention_unet' or .*, got 'resnet'"),
        ("mix.tumor=0.2", r"mix\.tumor: must be a key of a recipe"),
        ("mix.tumour=0.95", r"implant and single must be at most 1, got 1\.03"),
        ("material.fold=3", r"material\.fold: input should be 0, 1, 2, 'all' or 'none', got 3"),
        ("material.fold=1", r"material\.data must be given with fold 1"),
        ("crop=100", r"crop must be a multiple of 16 with 5 filters, got 100"),
        ("miss_weight=1.0", r"miss_weight: input should be less than 1, got 1\.0"),
        ("seed", r"--set must be key=value, got 'seed'"),
    ],
)
def test_a_wrong_key_of_a_recipe_is_named_with_its_rule_and_value(
    tmp_path: Path, change: str, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        read_recipe(recipe(tmp_path), [change])


def test_the_budget_of_a_recipe_is_of_time_or_of_steps(tmp_path: Path) -> None:
    both = recipe(tmp_path, "minutes = 3\n" + LEAST)
    with pytest.raises(ConfigurationError, match="exactly one of minutes and steps"):
        read_recipe(both)
    timed = read_recipe(recipe(tmp_path), ["minutes=2"])
    assert (timed.minutes, timed.steps) == (2.0, None)


def test_a_recipe_must_name_its_material(tmp_path: Path) -> None:
    bare = recipe(tmp_path, 'network = "attention_unet"\nsteps = 1\n')
    with pytest.raises(ConfigurationError, match="must name heads, pairs, slices, or data"):
        read_recipe(bare)


def test_a_recipe_that_is_missing_or_is_not_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"mine\.toml must be TOML: .*line 1"):
        read_recipe(recipe(tmp_path, "network = ?\n"))
    with pytest.raises(ConfigurationError, match=r"none\.toml must be a readable file"):
        read_recipe(tmp_path / "none.toml")


def test_changes_override_the_recipe_file_and_the_file_its_base(tmp_path: Path) -> None:
    read = read_recipe(
        recipe(tmp_path),
        ["mix.lesion=0.25", "start=a.weights.h5"],
        beneath={"seed": 5, "steps": 99, "schedule": {"peak": 2e-4}},
    )
    assert (read.seed, read.steps, read.mix.lesion) == (5, 10, 0.25)
    assert (read.schedule.peak, read.schedule.floor) == (2e-4, 1e-5)
    assert read.start == Path("a.weights.h5")
