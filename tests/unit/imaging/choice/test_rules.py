"""A file of rules is read, or refused with its line."""

from pathlib import Path

import pytest

from imaging.choice.rules import (
    DEFAULT_RULES,
    DEFAULT_WEIGHTS,
    SeriesRules,
    read_rules,
    rules_in_force,
)
from imaging.words.reasons import Reason
from metseg.errors import ConfigurationError
from metseg.settings import Settings
from tests.helpers.places import ROOT


def write(folder: Path, text: str) -> Path:
    path = folder / "rules.toml"
    path.write_text(text)
    return path


def identity(path: Path) -> str:
    """The identity of the jobs of a program with this file of rules."""
    return Settings(series_rules=path).result_digest(read_rules(path).digest)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\n[weights]\nreformt = -3\n", "line 3, weights.reformt: "),
        ('[weights]\nt2 = "no"\n', "line 2, weights.t2: "),
        ("[weights]\nt2 = 1e9\n", "line 2, weights.t2: "),
        ("weights.t2 = nan\n", "line 1, weights.t2: "),
        ('[words]\nvolumetric = ["x"]\n', "line 2, words.volumetric: "),
        ('[words]\n\nt2 = ["x", ""]\n', "line 3, words.t2: "),
        ('exclude = ["--"]\n', "line 1, exclude: "),
        ("[limits]\nthin_mm = -1\n", "line 2, limits.thin_mm: "),
        ("[limits]\nthick = 1\n", "line 2, limits.thick: "),
        ("wieghts = 3\n", "line 1, wieghts: "),
        ("\na = [\n", "must be TOML: .*"),
    ],
)
def test_a_broken_rule_is_reported_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_rules(write(tmp_path, text))


def test_a_file_of_rules_that_is_missing_or_is_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be a file that can be read"):
        read_rules(tmp_path / "none.toml")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="must be UTF-8"):
        read_rules(binary)


def test_a_setting_that_names_a_broken_file_of_rules_is_a_configuration_error(
    tmp_path: Path,
) -> None:
    path = write(tmp_path, "wieghts = 3")
    with pytest.raises(ConfigurationError, match="line 1, wieghts: "):
        rules_in_force(path)


def test_a_file_of_rules_that_changes_counts_when_the_program_starts_again(tmp_path: Path) -> None:
    path = write(tmp_path, 'exclude = ["x"]')
    before = rules_in_force(path)
    write(tmp_path, 'exclude = ["y"]')
    assert rules_in_force(path) is before
    assert rules_in_force(None) is DEFAULT_RULES


def test_rules_that_change_nothing_leave_the_identity_of_jobs_alone(tmp_path: Path) -> None:
    path = write(tmp_path, "[weights]\nt1_words = 2\n[limits]\nthin_mm=1.5")
    assert read_rules(path).digest is None
    assert identity(path) == Settings().result_digest(None)


def test_rules_that_change_something_make_another_identity(tmp_path: Path) -> None:
    digests = {Settings().result_digest(None)}
    for text in (
        "[weights]\nt2 = -1",
        'exclude = ["x"]',
        '[words]\nt2 = ["x"]',
        "limits.thin_mm=1",
    ):
        digests.add(identity(write(tmp_path, text)))
    assert len(digests) == 5
    text = '# a remark\nexclude = [ "x",\n ]'
    assert identity(write(tmp_path, text)) in digests


def test_every_reason_weighs_something_and_the_example_of_the_page_is_read(tmp_path: Path) -> None:
    assert set(DEFAULT_WEIGHTS) == set(Reason)
    assert DEFAULT_RULES.digest is None
    page = (ROOT / "docs" / "series-choice.md").read_text()
    example = page.split("```toml\n")[1].split("```")[0]
    rules = read_rules(write(tmp_path, example))
    assert isinstance(rules, SeriesRules)
    assert rules.digest is not None


def test_the_page_lists_every_reason_with_its_weight() -> None:
    page = (ROOT / "docs" / "series-choice.md").read_text()
    for reason, weight in DEFAULT_WEIGHTS.items():
        shown = "excludes" if weight == "exclude" else f"{weight:+g}"
        assert f"| `{reason}` | {shown} |" in page
