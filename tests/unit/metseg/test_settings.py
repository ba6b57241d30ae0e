from pathlib import Path

import pytest
from pydantic import ValidationError

from metseg.settings import RESULT_SETTINGS, Settings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("METSEG_"):
            monkeypatch.delenv(name)


def test_the_environment_sets_what_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METSEG_QUIET_S", "7.5")
    monkeypatch.setenv("METSEG_HOME", "/state")
    settings = Settings()
    assert settings.quiet_s == 7.5
    assert settings.database == "sqlite:////state/metseg.sqlite3"
    assert settings.spool_dir == Path("/state/spool")
    assert settings.results_dir == Path("/state/results")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"beat_s": 10, "lease_s": 20}, "lease_s must be more than twice beat_s"),
        ({"soft_time_limit_s": 900, "hard_time_limit_s": 900}, "hard_time_limit_s must exceed"),
        ({"warn_spacing_mm": 5, "refuse_spacing_mm": 4}, "refuse_spacing_mm must not be below"),
        ({"seed_threshold": 1.5}, "less than 1"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    values: dict[str, float], told: str
) -> None:
    with pytest.raises(ValidationError, match=told):
        Settings(**values)


@pytest.mark.parametrize("name", RESULT_SETTINGS)
def test_what_changes_a_result_changes_the_digest(name: str) -> None:
    switch = Settings.model_fields[name].annotation is bool
    other = {"refuse_spacing_mm": 5.5, "warn_spacing_mm": 2}.get(name, 0.25)
    changed = Settings(**{name: True if switch else other})
    assert changed.result_digest(None) != Settings().result_digest(None)


def test_what_changes_no_result_leaves_the_digest_alone() -> None:
    changed = Settings(quiet_s=1, log_level="DEBUG", device="cpu")
    assert changed.result_digest(None) == Settings().result_digest(None)


def test_passwords_are_not_shown() -> None:
    settings = Settings(broker_url="redis://:geheim@redis/0", database_url="sqlite://geheim")
    assert "geheim" not in repr(settings)
    assert settings.broker == "redis://:geheim@redis/0"


def test_labels_and_regions_of_references_are_checked_and_make_a_new_run() -> None:
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
