"""What of a reference counts as tumour, as users write it: in the settings and for
`metseg evaluate`.
"""


def parse_labels(text: str) -> frozenset[int]:
    """Labels like ``1,3``.

    Raises
    ------
    ValueError
        The text is not a list of whole numbers above 0.
    """
    try:
        labels = frozenset(int(part) for part in text.split(","))
    except ValueError:
        labels = frozenset()
    if not labels or min(labels) < 1:
        raise ValueError(f"must be whole numbers above 0, like 1,3, got {text!r}")
    return labels


def parse_patterns(text: str) -> tuple[str, ...]:
    """Patterns of names, separated by commas; `imaging.masks.regions.matches` says what each means.

    Raises
    ------
    ValueError
        There is no pattern, or a ``!`` with nothing behind it.
    """
    patterns = tuple(part.strip() for part in text.split(",") if part.strip())
    if not patterns or "!" in patterns:
        raise ValueError(f"must be patterns of names, like GTV*,!*old, got {text!r}")
    return patterns
