"""The report as a page: all that the JSON report says, and nothing that must be fetched."""

from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser

from imaging.export.page.html import Pictures, report_html
from imaging.export.page.report import ReportFacts, build_report
from imaging.metrics.evaluation import RefusedReference
from tests.unit.imaging.export.conftest import CHOICE

STAMP = "RESEARCH USE ONLY - NOT FOR DIAGNOSIS"
PICTURES = Pictures(b"montage", ((1, b"first"), (2, b"second")))


class Page(HTMLParser):
    """The words of a page, its table rows, and what its elements refer to."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.rows: list[list[str]] = []
        self.words = ""
        self._in_row = False
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]
        if tag == "tr":
            self.rows.append([])
        self._in_row = self._in_row or tag == "tr"

    def handle_endtag(self, tag: str) -> None:
        self._in_row = self._in_row and tag != "tr"

    def handle_data(self, data: str) -> None:
        self.words += data
        if self._in_row and data.strip():
            self.rows[-1].append(data.strip())


def page_of(facts: ReportFacts, pictures: Pictures = PICTURES) -> Page:
    return Page(report_html(build_report(facts), pictures))


def test_a_page_needs_no_other_file(facts):
    page = page_of(facts)
    assert not {"script", "link", "iframe", "object", "embed"} & set(page.tags)
    assert [link.split(",")[0] for link in page.links] == ["data:image/png;base64"] * 3
    assert [b64decode(link.split(",")[1]) for link in page.links] == [
        b"montage",
        b"first",
        b"second",
    ]
    assert "default-src 'none'" in report_html(build_report(facts), PICTURES).decode()


def test_a_page_shows_each_lesion_with_its_sizes(facts):
    rows = {row[0]: row for row in page_of(facts).rows if row}
    for lesion in facts.lesions:
        row = rows[str(lesion.number)]
        assert row[1] == f"{lesion.volume_mm3:,.0f}"
        assert row[2] == f"{lesion.longest_diameter_mm:.1f}"
        assert row[3] == f"{lesion.perpendicular_diameter_mm:.1f}"


def test_a_page_says_what_the_json_report_says(facts):
    page = page_of(replace(facts, run="3/7-1-c0ffee00", made_at="2024-01-02 03:04 UTC"))
    assert "3 brain lesions found" in page.words
    assert page.words.count(STAMP) >= 2
    wanted = {
        "a warning",
        "3/7-1-c0ffee00",
        "2024-01-02 03:04 UTC",
        "smaller than the minimum volume",
        "fake-1",
        "ab" * 32,
    }
    wanted |= {reason for verdict in CHOICE.verdicts for reason in verdict.reasons_against}
    assert [words for words in wanted if words not in page.words] == []
    assert ["dicom-seg", "/x", "00"] in page.rows
    assert ["metseg", "0.1.0"] in page.rows
    assert "These are the 2 largest of 3 lesions" in page.words


def test_words_from_elsewhere_are_escaped_in_a_page(facts):
    page = page_of(replace(facts, warnings=("<script>alert(1)</script>",)))
    assert "script" not in page.tags
    assert "<script>alert(1)</script>" in page.words


def test_a_page_without_lesions_says_so_and_why_there_is_no_segmentation(facts):
    page = page_of(replace(facts, lesions=()), Pictures(b"montage"))
    assert "No lesion was found" in page.words
    assert "Without lesions no DICOM segmentation and no RT structure set are written" in page.words
    assert len(page.links) == 1


def test_a_page_without_a_suitable_series_gives_the_reasons():
    page = page_of(ReportFacts("1", None, "no_series", "fake-1", CHOICE), Pictures())
    assert "No series of this study was suitable" in page.words
    assert "Without lesions no DICOM segmentation" not in page.words
    assert all(
        reason in page.words for verdict in CHOICE.verdicts for reason in verdict.reasons_against
    )
    assert page.links == []


def test_a_study_without_images_has_a_page_too(facts):
    nothing = replace(CHOICE, verdicts=())
    page = page_of(ReportFacts("1", None, "no_series", "fake-1", nothing), Pictures())
    assert "No image series came with this study" in page.words


def test_pages_of_the_same_report_have_the_same_bytes(facts):
    report = build_report(facts)
    assert report_html(report, PICTURES) == report_html(dict(report), PICTURES)


def test_a_page_says_how_references_were_read_and_which_were_refused(facts):
    read = replace(facts.evaluations[0], labels=(1, 3), notes=("labels that counted: 1, 3", "<b>"))
    refused = RefusedReference("cd" * 32, "nifti", "got nothing")
    told = replace(facts, evaluations=(read,), refused_references=(refused,))
    report = build_report(told)
    assert report["evaluations"][0]["labels"] == [1, 3]
    page = report_html(report, Pictures()).decode()
    assert "Labels that counted: 1, 3. &lt;b&gt;." in page
    assert "<code>cdcdcdcdcdcd</code> (nifti): got nothing" in page
    assert "refused" not in report_html(build_report(facts), Pictures()).decode()
