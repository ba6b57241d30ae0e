"""Studies whose results are new, for a line at the end of each job."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.tables.result_tables import EvaluationRow, Result
from db.tables.tables import Outcome


@dataclass(frozen=True, slots=True)
class EndedStudy:
    """A result that was recorded. `study_id` is our own number of the study."""

    result_id: int
    study_id: int
    segmented: bool
    n_lesions: int
    total_volume_mm3: float
    dice: float | None
    """Against the last real reference; None without one."""
    n_warnings: int


def newest_result(session: Session) -> int:
    """Id of the newest result; 0 where there is none."""
    return session.scalar(select(func.max(Result.id))) or 0


def ended_after(session: Session, result_id: int) -> list[EndedStudy]:
    """The results that are newer than this one, oldest first."""
    newest = (
        select(EvaluationRow.dice)
        .where(EvaluationRow.result_id == Result.id)
        .order_by(EvaluationRow.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows = session.execute(select(Result, newest).where(Result.id > result_id).order_by(Result.id))
    return [
        EndedStudy(
            result_id=result.id,
            study_id=result.study_id,
            segmented=result.outcome is Outcome.SEGMENTED,
            n_lesions=result.n_lesions or 0,
            total_volume_mm3=result.total_volume_mm3 or 0.0,
            dice=dice,
            n_warnings=len(result.warnings),
        )
        for result, dice in rows
    ]
