"""Which material is for what. Fixed: after a change no earlier number could be compared."""

from collections.abc import Sequence
from typing import Final

# SynthSeg label maps by number. Number 20 is also the demonstration's: no weights ever see it.
TRAINING_LABELMAPS: Final = tuple(range(1, 18))
CHOOSING_LABELMAPS: Final = (18,)
REPORTING_LABELMAPS: Final = (19, 20)
DEMONSTRATION_LABELMAP: Final = 20

# Hardly enhancing: useless as examples of a bright rim, so no weights see them.
FAINT_GLIOMAS: Final = ("TCIA10_628", "TCIA10_637", "TCIA10_639", "TCIA13_623")

FOLDS: Final = 3


def split(names: Sequence[str], *, fold: int) -> tuple[list[str], list[str]]:
    """Training and held-out cases: sorted, every third one held out starting at `fold`.

    Raises
    ------
    ValueError
        `fold` is not 0, 1 or 2.
    """
    if not 0 <= fold < FOLDS:
        raise ValueError(f"fold must be 0 to {FOLDS - 1}, got {fold}")
    held_out = sorted(names)[fold::FOLDS]
    return [name for name in sorted(names) if name not in held_out], held_out


def clear_gliomas(names: Sequence[str]) -> list[str]:
    """Those that enhance well, sorted."""
    return sorted(name for name in names if not is_faint(name))


def is_faint(name: str) -> bool:
    """Whether a glioma hardly enhances."""
    return any(part in name for part in FAINT_GLIOMAS)
