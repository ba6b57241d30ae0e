"""What of a reference counts, as users write it: labels of a NIfTI, names of regions."""


def parse_labels(text: str) -> frozenset[int]:
    """Labels like ``1,3``.

    Raises
    ------
    ValueError
        Other than whole numbers above 0, or none.
    """
    try:
        labels = frozenset(int(part) for part in text.split(","))
    except ValueError:
        labels = frozenset()
    if not labels or min(labels) < 1:
        raise ValueError(f"must be whole numbers above 0, like 1,3, got {text!r}")
    return labels


def parse_patterns(text: str) -> tuple[str, ...]:
    """Patterns of names, separated by commas; `imaging.masks.regions.matches` says what they mean.

    Raises
    ------
    ValueError
        There is none, or one that only takes away and does not say what.
    """
    patterns = tuple(part.strip() for part in text.split(",") if part.strip())
    if not patterns or "!" in patterns:
        raise ValueError(f"must be patterns of names, like GTV*,!*old, got {text!r}")
    return patterns
