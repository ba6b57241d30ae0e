"""Destinations are read, or refused with what they must be."""

import pytest
from pydantic import ValidationError

from metseg.destination import Destination
from metseg.settings import Settings


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("ARCHIVE@pacs.example.org:104", ("ARCHIVE", "pacs.example.org", 104)),
        (" PACS 1@10.0.0.7:11112 ", ("PACS 1", "10.0.0.7", 11112)),
        ("ORTHANC@[::1]:4242", ("ORTHANC", "::1", 4242)),
        ("Orthanc@PACS.Example.org:0104", ("Orthanc", "pacs.example.org", 104)),
    ],
)
def test_a_destination_has_a_title_a_host_and_a_port(
    text: str, parts: tuple[str, str, int]
) -> None:
    found = Destination.parse(text)
    assert (found.title, found.host, found.port) == parts
    assert Destination.parse(str(found)) == found


@pytest.mark.parametrize(
    "text",
    ["", "host:104", "A@host", "A@:104", "A@host:0", "A@host:65536", "@host:104", "A@h o:1",
     "ABCDEFGHIJKLMNOPQ@host:104", "A\\B@host:104", "  @host:104", "A@host:104/x"],
)  # fmt: skip
def test_a_destination_of_any_other_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be AET@HOST:PORT"):
        Destination.parse(text)


def test_the_destination_setting_is_checked_and_changes_no_result() -> None:
    with pytest.raises(ValidationError, match="AET@HOST:PORT"):
        Settings(push_to="nowhere")
    assert Settings(push_to="").push_to is None
    assert Settings(push_to="A@b:1").result_digest(None) == Settings().result_digest(None)
    with pytest.raises(ValidationError):
        Settings(ae_title="A\\B")
