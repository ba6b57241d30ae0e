"""Exponential backoff: how long to wait after failures in a row."""

LONGEST_S = 600.0
"""Ten minutes: by then a person may be at work on the fault, who should not wait for long."""


def backoff(failures: int, *, first_s: float, longest_s: float = LONGEST_S) -> float:
    """Seconds to wait after this many `failures` in a row, from 1: doubles up to `longest_s`."""
    return float(min(first_s * 2 ** min(failures - 1, 30), longest_s))
