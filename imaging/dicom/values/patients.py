"""Whether two headers are of one patient. Nothing of them is ever shown."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

from pydicom.dataset import Dataset

from imaging.dicom.values.raw_values import text


@dataclass(frozen=True, slots=True)
class Patient:
    """Who a header says the patient is, for comparison alone: empty where it says nothing."""

    id: str = field(default="", repr=False)
    names: frozenset[str] = field(default=frozenset(), repr=False)
    birth_date: str = field(default="", repr=False)
    sex: str = field(default="", repr=False)

    def differs(self, other: "Patient") -> bool:
        """Whether these are two patients.

        Different ids mean two patients. So do different birth dates, unless one may correct the
        other: the name and the year are the same. So do different names, unless the patient may
        have married: the birth date is the same, and so is the id or a part of the name.
        """
        if self.id and other.id and self.id != other.id:
            return True
        both_named = bool(self.names and other.names)
        named = both_named and not (self.names <= other.names or other.names <= self.names)
        sexed = bool(self.sex and other.sex) and self.sex != other.sex
        if self.birth_date and other.birth_date and self.birth_date != other.birth_date:
            same_year = self.birth_date[:4] == other.birth_date[:4]
            return named or sexed or not (both_named and same_year)
        married = bool(self.birth_date and other.birth_date) and bool(
            (self.id and self.id == other.id) or self.names & other.names
        )
        return named and (sexed or not married)


PATIENT_TAGS = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "SpecificCharacterSet",
)


def patient_of(dataset: Dataset) -> Patient:
    """The patient of a header. Case, accents, punctuation and leading zeros do not matter."""
    return Patient(
        id=re.sub(r"^0+(?=.)", "", re.sub(r"[\W_]+", "", _plain(text(dataset, "PatientID")))),
        names=frozenset(re.findall(r"\w+", _plain(text(dataset, "PatientName")))),
        birth_date=text(dataset, "PatientBirthDate").replace(".", "").strip(),
        sex=text(dataset, "PatientSex").strip().upper().replace("O", ""),
    )


def several(patients: Iterable[Patient]) -> bool:
    """Whether these are more than one patient."""
    known: list[Patient] = []
    for one in patients:
        if one in known:
            continue
        if any(one.differs(other) for other in known):
            return True
        known.append(one)
    return False


def _plain(value: str) -> str:
    decomposed = unicodedata.normalize("NFKD", value)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()
