"""`metseg status`, `metseg retry`, `metseg health`: the queue, and hands on it."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table
from sqlalchemy import select
from sqlalchemy.orm import Session

from db import jobs
from db.results import quarantined_files
from db.tables import Job, JobState, Worker
from metseg.cli.common import ExitCode, HomeOption, database, edge, err, load_settings, out
