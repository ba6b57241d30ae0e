import json
from pathlib import Path

import cv2
import numpy as np

from training.fit.curve import write_curve


def test_a_learning_curve_has_a_panel_for_each_measure(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("step,minutes,loss\n25,1,1.5\n50,2,0.5\n")
    records = [
        {"step": step, "summary": {"dice_tumour": dice, "dice_synthetic": 0.4, "false_tumour": 3.0}}
        for step, dice in ((25, 0.2), (50, 0.6))
    ]
    (tmp_path / "validation.jsonl").write_text("".join(json.dumps(x) + "\n" for x in records))
    write_curve(tmp_path)
    drawn = cv2.imread(str(tmp_path / "curve.png"))
    assert drawn is not None
    # Loss, Dice and false components: three panels of 220 rows.
    assert drawn.shape == (660, 900, 3)
    blue = np.array([180, 90, 30])
    falls = np.argwhere((np.abs(drawn[34:190, 71:880].astype(int) - blue) < 8).all(axis=-1))
    left, right = falls[falls[:, 1] < 200], falls[falls[:, 1] > 600]
    assert left[:, 0].mean() < right[:, 0].mean()  # rows grow downwards: the loss falls


def test_a_run_without_a_log_has_no_learning_curve(tmp_path: Path) -> None:
    write_curve(tmp_path)
    assert not (tmp_path / "curve.png").exists()
