import json
import os
from pathlib import Path

from training.run_table import run_table


def run(folder: Path, ended: int, *records: dict[str, object]) -> None:
    folder.mkdir()
    (folder / "run.json").write_text("{}")
    os.utime(folder / "run.json", (ended, ended))
    lines = [json.dumps(record) for record in records]
    (folder / "validation.jsonl").write_text("\n".join(lines) + "\n")


def test_the_last_validation_of_each_run_is_a_row_and_the_first_to_end_comes_first(
    tmp_path: Path,
) -> None:
    early = {"step": 9, "minutes": 1, "summary": {"dice_tumour": 0.1}}
    late = {
        "step": 1234,
        "minutes": 5.04,
        "summary": {
            "dice_tumour": 0.8254,
            "sensitivity_tumour": 0.5,
            "false_tumour": 2.25,
            "false_negative": 1.0,
        },
    }
    drawn = {"step": 7, "minutes": 2, "summary": {"dice_synthetic": 0.5, "false_synthetic": 3}}
    run(tmp_path / "b", 1_000, early, late)
    run(tmp_path / "a", 2_000, drawn)
    (tmp_path / "heads").mkdir()
    assert list(run_table(tmp_path))[2:] == [
        "| b | 1,234 | 5.0 | 0.825, 0.50, 2.2 | 1.0 | - |",
        "| a | 7 | 2.0 | - | - | 0.500, 3.0 |",
    ]
