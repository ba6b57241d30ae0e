"""`metseg demo`: a synthetic head with known metastases, from the inbox to its result."""

from pathlib import Path
from typing import Annotated

import typer

from cli.common import ExitCode, database, edge, err, out
from cli.daemon.run import embedded_settings, run_embedded
from cli.results.render import print_reports
from db.results.results import study_reports


def demo(
    home: Annotated[
        Path, typer.Option("--home", help="Where the demo keeps its inbox and its state.")
    ] = Path("demo-home"),
) -> None:
    """Drop a synthetic study into a folder, wait until it is recorded, show what was found.

    A second run finds that the study is known and shows the same result.

    Example: `metseg demo --home demo-home`
    """
    from demo.study import STUDY_UID, write_study

    inbox = home.expanduser().absolute() / "inbox"
    settings = embedded_settings(inbox, home=home, once=True)
    with edge(settings):
        known = not write_study(inbox)
        out.print(
            "the demo study is in the inbox already: nothing is done twice"
            if known
            else "a synthetic head with known metastases is in the inbox"
        )
        run_embedded(settings, once=True)
        with database(settings) as session:
            reports = study_reports(session, results_dir=settings.results_dir, study_uid=STUDY_UID)
        print_reports(out, reports)
        out.print(f"database   {settings.home_dir / 'metseg.sqlite3'}", soft_wrap=True)
        if not any(report.status == "succeeded" for report in reports):
            err.print("the demo study was not segmented")
            raise typer.Exit(ExitCode.FAILED)
