"""The commands of `metseg`, put together."""

import typer

from cli.daemon.doctor import doctor
from cli.daemon.run import run
from cli.daemon.services import migrate_database, watch, work
from cli.daemon.status import health, status
from cli.demo import demo
from cli.evaluate.evaluate import evaluate
from cli.operator.audit import audit
from cli.operator.verbs import cancel, first, retry
from cli.results.push import list_pushes, push
from cli.results.results import results
from cli.segment import segment
from cli.training.synthesize import synthesize
from cli.training.train import finetune, train
from metseg.notice import RESEARCH_NOTICE

app = typer.Typer(
    name="metseg",
    help=f"Finds brain metastases in contrast-enhanced T1 MRI. **{RESEARCH_NOTICE}**",
    epilog="Exit codes: 0 success, 1 a job or check failed, 2 wrong usage, 3 nothing could be "
    "tried. Every setting is an environment variable METSEG_…: `metseg doctor --settings` lists "
    "them.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
    add_completion=False,
)

app.command()(run)
app.command()(segment)
app.command()(results)
app.command()(evaluate)
app.command()(push)
app.command(name="pushes")(list_pushes)
app.command()(status)
app.command()(retry)
app.command()(cancel)
app.command()(first)
app.command()(audit)
app.command()(doctor)
app.command()(demo)
app.command()(synthesize)
app.command()(train)
app.command()(finetune)
app.command()(watch)
app.command()(work)
app.command(name="migrate")(migrate_database)
app.command()(health)


def main() -> None:
    """Run the program."""
    app()
