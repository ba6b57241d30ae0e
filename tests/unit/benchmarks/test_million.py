from pathlib import Path

from benchmarks.million import milliseconds
from benchmarks.questions import READS, WRITES
from db.session import make_engine
from db.upgrade import migrate
from tests.helpers.many_studies import MADE, make_studies


def test_every_question_is_answered_and_timed_in_each_round(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'metseg.sqlite3'}"
    migrate(url)
    engine = make_engine(url)
    try:
        make_studies(engine, MADE)
        times = milliseconds(engine, MADE // 2, rounds=2)
    finally:
        engine.dispose()
    assert list(times) == [*WRITES, *READS]
    assert all(spent > 0 for spent in times.values())
