import re

import pytest
from pydantic import ValidationError

from metseg.settings import Settings
from metseg.variables import unknown_variables
from tests.helpers.places import ROOT

KNOWN = {"quiet_s", "inbox", "database_url"}


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("METSEG_QUIET", "METSEG_QUIET_S"),
        ("METSEG_QUIET_SECONDS", "METSEG_QUIET_S"),
        ("METSEG_QUITE_S", "METSEG_QUIET_S"),
        ("metseg_qiet_s", "METSEG_QUIET_S"),
        ("METSEG_INBOXES", "METSEG_INBOX"),
        ("METSEG_DATABASE", "METSEG_DATABASE_URL"),
        ("METSEG_DB_URL", "METSEG_DATABASE_URL"),
    ],
)
def test_a_misspelt_variable_is_reported_with_the_nearest_name(name: str, nearest: str) -> None:
    assert unknown_variables([name], KNOWN) == [
        f"{name} is not a setting; the nearest name is {nearest}"
    ]


@pytest.mark.parametrize(
    "name",
    [
        "METSEG_QUIET_S",
        "metseg_quiet_s",
        "METSEG_IMAGE",
        "METSEG_REQUIRE_DATA",
        "METSEG_PORT",
        "METSEG_SERVICE_HOST",
        "METSEG_POSTGRES_SERVICE_PORT",
        "METSEG_POSTGRES_PORT_5432_TCP_ADDR",
        "QUIET_S",
        "METSEGQUIET",
    ],
)
def test_variables_of_settings_and_of_other_programs_are_accepted(name: str) -> None:
    assert unknown_variables([name], KNOWN) == []


def test_every_variable_that_compose_and_the_image_use_is_known() -> None:
    files = [ROOT / "Dockerfile", ROOT / "example.env", *ROOT.glob("docker-compose*.yml")]
    used = {
        name
        for file in files
        for name in re.findall(r"METSEG_[A-Z0-9_]*[A-Z0-9]", file.read_text())
    }
    assert "METSEG_STATE_PATH" in used
    assert unknown_variables(used, Settings.model_fields) == []


def test_settings_refuse_a_misspelt_variable_and_do_not_show_its_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("METSEG_DATABASE_URI", "postgresql://metseg:geheim@db/metseg")
    with pytest.raises(ValidationError, match="nearest name is METSEG_DATABASE_URL") as caught:
        Settings()
    assert "geheim" not in str(caught.value.errors(include_input=False))
