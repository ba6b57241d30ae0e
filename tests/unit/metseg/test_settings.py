from pathlib import Path

import pytest
from pydantic import ValidationError

from metseg.outputs import DEFAULT_OUTPUTS, OUTPUT_NAMES
from metseg.settings import Settings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("METSEG_"):
            monkeypatch.delenv(name)


def test_environment_variables_set_the_settings_they_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METSEG_QUIET_S", "7.5")
    monkeypatch.setenv("METSEG_HOME", "/state")
    settings = Settings()
    assert settings.quiet_s == 7.5
    assert settings.database == "sqlite:////state/metseg.sqlite3"
    assert settings.spool_dir == Path("/state/spool")
    assert settings.results_dir == Path("/state/results")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"warn_spacing_mm": 5, "refuse_spacing_mm": 4}, "refuse_spacing_mm must not be below"),
        ({"seed_threshold": 1.5}, "less than 1"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    values: dict[str, float], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        Settings(**values)


OTHER_RESULTS: dict[str, object] = {
    "flip": True,
    "accept_any_t1": True,
    "seed_threshold": 0.25,
    "grow_threshold": 0.25,
    "minimum_volume_mm3": 0.25,
    "warn_spacing_mm": 2,
    "refuse_spacing_mm": 5.5,
    "outputs": "nifti",
    "reference_labels": "1",
    "reference_regions": "GTV*",
}


@pytest.mark.parametrize("name", OTHER_RESULTS)
def test_settings_that_change_a_result_change_the_digest(name: str) -> None:
    assert Settings(**{name: OTHER_RESULTS[name]}).result_digest(None) != Settings().result_digest(
        None
    )


def test_the_digest_covers_all_settings_that_are_marked_as_changing_a_result() -> None:
    # A file of rules changes it too: unit/imaging/choice/test_rules.py
    assert set(Settings.result_settings()) == {*OTHER_RESULTS, "series_rules"}
    assert set(Settings().result_values(None)) == set(Settings.result_settings())


@pytest.mark.parametrize(
    ("text", "outputs"),
    [
        ("seg", ("seg",)),
        ("page, sr ,seg,page", ("seg", "sr", "page")),
        (",".join(reversed(OUTPUT_NAMES)), OUTPUT_NAMES),
    ],
)
def test_outputs_are_names_separated_by_commas_in_any_order(
    monkeypatch: pytest.MonkeyPatch, text: str, outputs: tuple[str, ...]
) -> None:
    monkeypatch.setenv("METSEG_OUTPUTS", text)
    assert Settings().outputs == outputs
    assert Settings(outputs=outputs).result_digest(None) == Settings().result_digest(None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seg,sge", "must be names among seg,sr,rtstruct,.*page, got 'sge'"),
        ("", "must be names among seg,sr,"),
        ("sr,page", "sr needs seg"),
    ],
)
def test_unknown_outputs_are_refused_with_the_known_names(
    monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.setenv("METSEG_OUTPUTS", text)
    with pytest.raises(ValidationError, match=message) as caught:
        Settings()
    assert caught.value.errors()[0]["loc"] == ("outputs",)


def test_the_default_outputs_leave_out_what_few_need() -> None:
    assert Settings().outputs == DEFAULT_OUTPUTS == ("seg", "sr", "nifti", "pictures", "page")


def test_intervals_and_limits_follow_from_three_settings() -> None:
    settings = Settings()
    assert (settings.lease_s, settings.beat_s, settings.reconcile_s) == (90, 10, 5)
    assert (settings.backoff_s, settings.republish_s) == (30, 120)
    assert (settings.time_limit_s, settings.hard_time_limit_s) == (840, 900)
    assert Settings(time_limit_s=20).hard_time_limit_s == 40


def test_settings_that_change_no_result_leave_the_digest_alone() -> None:
    changed = Settings(quiet_s=1, log_level="DEBUG", device="cpu")
    assert changed.result_digest(None) == Settings().result_digest(None)


def test_passwords_in_settings_are_not_shown() -> None:
    settings = Settings(broker_url="redis://:geheim@redis/0", database_url="sqlite://geheim")
    assert "geheim" not in repr(settings)
    assert settings.broker == "redis://:geheim@redis/0"


def test_labels_and_regions_of_references_are_checked_and_change_the_digest() -> None:
    settings = Settings(reference_labels=" 3, 1", reference_regions="GTV*, !*old")
    assert settings.reference_labels == "1,3"
    assert settings.counted_labels == {1, 3}
    assert settings.counted_regions == ("GTV*", "!*old")
    assert settings.result_digest(None) != Settings().result_digest(None)
    same = Settings(reference_labels="1,3", reference_regions="GTV*,!*old")
    assert settings.result_digest(None) == same.result_digest(None)
    assert Settings().counted_labels is None
    empty = Settings(reference_labels="", reference_regions="")
    assert empty.result_digest(None) == Settings().result_digest(None)
    for wrong in (
        {"reference_labels": "core"},
        {"reference_labels": "0"},
        {"reference_regions": "!"},
    ):
        with pytest.raises(ValidationError, match="must be"):
            Settings(**wrong)
