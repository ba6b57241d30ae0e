"""Names of the outputs that `METSEG_OUTPUTS` may list. `worker.files.outputs.OUTPUTS` says what
each is and how it is written; the names are here so that the settings can check them.
"""

OUTPUT_NAMES = (
    "seg",
    "sr",
    "rtstruct",
    "fractional-seg",
    "nifti",
    "probability-nifti",
    "pictures",
    "page",
)
"""In the order in which they are written."""

DEFAULT_OUTPUTS = ("seg", "sr", "nifti", "pictures", "page")


def parse_outputs(text: str) -> tuple[str, ...]:
    """Names like ``seg,sr,nifti``, each once, in the order of `OUTPUT_NAMES`.

    Raises
    ------
    ValueError
        An unknown name, no name at all, or ``sr`` without ``seg``.
    """
    names = {part.strip() for part in text.split(",") if part.strip()}
    unknown = names.difference(OUTPUT_NAMES)
    if unknown or not names:
        got = ", ".join(map(repr, sorted(unknown))) or repr(text)
        raise ValueError(f"must be names among {','.join(OUTPUT_NAMES)}, got {got}")
    if "sr" in names and "seg" not in names:
        raise ValueError("sr needs seg: the structured report refers to the segments of the SEG")
    return tuple(name for name in OUTPUT_NAMES if name in names)
