"""The notice on everything that metseg prints, writes or draws."""

from typing import Final

RESEARCH_USE_ONLY: Final = "RESEARCH USE ONLY"
"""For places with little room, such as a DICOM series description (64 characters)."""

RESEARCH_NOTICE: Final = f"{RESEARCH_USE_ONLY} - NOT FOR DIAGNOSIS"
