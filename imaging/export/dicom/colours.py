"""Colours of lesions, the same in every DICOM file of a result."""

# Okabe & Ito's palette, for the colour-blind, without its black.
PALETTE = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)


def lesion_colour(number: int) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, of a lesion by its number, counted from 1."""
    return PALETTE[(number - 1) % len(PALETTE)]
