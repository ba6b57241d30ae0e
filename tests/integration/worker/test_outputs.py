"""Which files a result has according to `METSEG_OUTPUTS`, and how an output is added."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from db.tables.result_tables import ArtifactRow
from metseg.outputs import DEFAULT_OUTPUTS, OUTPUT_NAMES
from metseg.settings import Settings
from tests.helpers.places import ROOT
from tests.integration.worker.conftest import WorkerSite
from worker.files.outputs import OUTPUTS, Making, Output, is_output
from worker.job.execute import Ended, execute
from worker.study.renewal import WRITTEN_ANEW


def files_of_a_job(site: WorkerSite, outputs: str) -> set[str]:
    """The names of the files of a new job, all recorded."""
    job_id, _ = site.add_study()
    settings = site.settings.model_copy(update={"outputs": Settings(outputs=outputs).outputs})
    bench = replace(site.bench(), settings=settings)
    assert execute(site.claim(job_id, bench), bench).ended is Ended.RECORDED
    with site.sessions() as session:
        paths = [settings.results_dir / path for path in session.scalars(select(ArtifactRow.path))]
    assert set(paths) == {path for path in settings.results_dir.rglob("*") if path.is_file()}
    return {path.name for path in paths}


@pytest.mark.parametrize(
    ("outputs", "names"),
    [
        ("nifti", {"mask.nii.gz"}),
        ("seg,sr", {"lesions.dcm", "measurements.dcm"}),
        ("page", {"report.html"}),
        ("pictures", {"key-slices.png", "lesion-01.png", "lesion-02.png", "lesion-03.png"}),
    ],
)
def test_a_result_has_the_files_that_outputs_names_and_always_its_report(
    site: WorkerSite, outputs: str, names: set[str]
) -> None:
    assert files_of_a_job(site, outputs) == names | {"report.json"}


def test_the_page_shows_pictures_that_are_not_written_as_files(site: WorkerSite) -> None:
    files_of_a_job(site, "page")
    page = next(site.settings.results_dir.rglob("report.html")).read_bytes()
    assert page.count(b'alt="Lesion ') == 3
    assert b"data:image/png" in page


def test_the_settings_accept_the_names_of_the_table_in_its_order() -> None:
    assert tuple(dict.fromkeys(one.name for one in OUTPUTS if one.name)) == OUTPUT_NAMES
    assert set(DEFAULT_OUTPUTS) < set(OUTPUT_NAMES)


def test_outputs_that_a_later_reference_needs_and_changes_are_in_the_table() -> None:
    assert [one.kind for one in OUTPUTS if one.name is None] == ["report-json"]
    assert {one.kind for one in OUTPUTS} >= WRITTEN_ANEW


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("lesion-07.png", True),
        ("lesion-123.png", True),
        ("lesion-NN.png", False),
        ("report.json", True),
        ("reportXjson", False),
        ("notes.txt", False),
    ],
)
def test_output_files_are_recognised_by_name(name: str, ours: bool) -> None:
    assert is_output(name) is ours


def test_an_output_is_added_by_a_writer_a_row_and_a_name(
    site: WorkerSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recipe "An output" of CONTRIBUTING.md."""

    def volumes_csv(making: Making, _path: Path) -> bytes:
        rows = [f"{one.number},{one.volume_mm3:.0f}" for one in making.found.lesions]
        return "\n".join(rows).encode()

    row = Output(
        "volumes",
        "volumes-csv",
        "volumes.csv",
        "a line per lesion",
        "with lesions",
        lambda making: bool(making.found.lesions),
        volumes_csv,
    )
    table = (row, *OUTPUTS)
    monkeypatch.setattr("worker.files.outputs.OUTPUTS", table)
    monkeypatch.setattr("worker.files.artifacts.OUTPUTS", table)
    monkeypatch.setattr("metseg.outputs.OUTPUT_NAMES", ("volumes", *OUTPUT_NAMES))
    assert files_of_a_job(site, "volumes,nifti") == {"volumes.csv", "mask.nii.gz", "report.json"}
    with site.sessions() as session:
        path = session.scalars(select(ArtifactRow.path).filter_by(kind="volumes-csv")).one()
    lines = (site.settings.results_dir / path).read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["1", "2", "3"]
    assert is_output("volumes.csv"), "a result without it removes that of an earlier one"
    line = "| `volumes.csv` | `volumes` | `volumes-csv` | with lesions | a line per lesion |"
    assert line in _outputs_page(), "`make docs` writes it into docs/outputs.md"


def _outputs_page() -> str:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = module.outputs_page()
    assert isinstance(page, str)
    return page
