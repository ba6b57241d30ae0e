"""A file of rules is read, or refused with its line."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from metseg.series_rules import DEFAULT_RULES, DEFAULT_WEIGHTS, Reason, SeriesRules, read_rules
from metseg.settings import Settings
from tests.helpers.places import ROOT


def write(folder: Path, text: str) -> Path:
    path = folder / "rules.toml"
    path.write_text(text)
    return path


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
def test_a_broken_rule_is_named_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_rules(write(tmp_path, text))


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be a file that can be read"):
        read_rules(tmp_path / "none.toml")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="must be UTF-8"):
        read_rules(binary)


def test_settings_with_a_broken_file_of_rules_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(series_rules=write(tmp_path, "wieghts = 3"))
    assert caught.value.errors()[0]["loc"] == ("series_rules",)


def test_rules_that_change_nothing_leave_the_identity_of_jobs_alone(tmp_path: Path) -> None:
    plain = Settings()
    same = Settings(series_rules=write(tmp_path, "[weights]\nt1_words = 2\n[limits]\nthin_mm=1.5"))
    assert same.digest == plain.digest
    assert same.result_values == plain.result_values


def test_rules_that_change_something_make_another_identity(tmp_path: Path) -> None:
    digests = {Settings().digest}
    for text in (
        "[weights]\nt2 = -1",
        'exclude = ["x"]',
        '[words]\nt2 = ["x"]',
        "limits.thin_mm=1",
    ):
        digests.add(Settings(series_rules=write(tmp_path, text)).digest)
    assert len(digests) == 5
    text = '# a remark\nexclude = [ "x",\n ]'
    assert Settings(series_rules=write(tmp_path, text)).digest in digests


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
