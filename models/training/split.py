"""Which material is for what. Fixed: a change makes every earlier number incomparable."""

from collections.abc import Sequence

# SynthSeg label maps by number. Number 20 is the demonstration's head: no weights ever see it.
TRAINING_LABELMAPS = tuple(range(1, 18))
VALIDATION_LABELMAPS = (18, 19)
DEMONSTRATION_LABELMAP = 20

# Hardly enhancing: useless as examples of a bright rim.
FAINT_GLIOMAS = ("TCIA10_628", "TCIA10_637", "TCIA10_639", "TCIA13_623")
TRAINING_NEGATIVES = ("patient07", "patient19")
VALIDATION_NEGATIVES = ("patient26",)

_FOLDS = 3


def split_gliomas(names: Sequence[str], *, fold: int = 0) -> tuple[list[str], list[str]]:
    """Training and held-out cases: faint ones left out, sorted, every third one held out starting
    at `fold`.

    Raises
    ------
    ValueError
        `fold` is not 0, 1 or 2.
    """
    if not 0 <= fold < _FOLDS:
        raise ValueError(f"fold must be 0 to {_FOLDS - 1}, got {fold}")
    clear = sorted(name for name in names if not any(faint in name for faint in FAINT_GLIOMAS))
    held_out = clear[fold::_FOLDS]
    return [name for name in clear if name not in held_out], held_out
