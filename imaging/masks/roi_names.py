"""What the name of a drawn region says: the tumour itself, or something made from it.

Names are free text. Planning systems write GTV into those of margins, rings and helper structures
too (AAPM TG-263 has the words in use).
"""

import re
import unicodedata
from enum import StrEnum


class Meaning(StrEnum):
    """What a region is by its name. The words appear in the record of the choice."""

    TUMOUR = "named like a tumour"
    DOUBTFUL = "a copy, a plan or a margin by its name, perhaps"
    MARGIN = "a margin"
    RING = "a ring or what surrounds the tumour"
    REST = "what is left without the tumour"
    PLAN = "made for planning"
    NO_TUMOUR = "a cavity, oedema or healthy tissue"
    ORGAN = "an organ or the outline"
    UNSAID = "a name that does not say"


_ACRONYM = re.compile(r"(gtv|ptv|ctv|itv|prv)", re.IGNORECASE)
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")

_TUMOUR = re.compile(
    r"\bgtv\b|\bmets?\b|\bmeta\b|metas|l[ae]?sion|\bletsel|\blaesion|tumou?r|tumeur|neoplas|\bbm\b"
    r"|метаст|опухол|очаг|转移|肿瘤|病灶|転移|腫瘍|전이|종양"
)
_WITHOUT = re.compile(
    r"\s(?:minus|without|w/o|wo|ohne|sans|sin|senza|zonder|excl\w*|less|subtr\w*|sub|not|non"
    r"|no(?!\W*\d)|минус|moins|menos|meno|utan|uden|bez|без)(?=\s)|\snon-"
)
_WHOLE = (
    r"brain|hirn|gehirn|grosshirn|cerveau|cerebro|cervello|encephal\w*|hersenen|wb|head|skull"
    r"|parenchym\w*|tissue|body|skin|external|мозг|脑|脳|뇌"
)
_BRAIN_MINUS = re.compile(rf"\b(?:{_WHOLE})\s*-\s*\(?\s*(?=gtv|[pci]tv)|\b(?:{_WHOLE}) - ")
_BRAIN_HYPHEN = re.compile(rf"\b(?:{_WHOLE})\s*-")
_KINDS = {
    Meaning.MARGIN: re.compile(
        r"\b(?:[pci]tv|prv|margins?|marg|marge|margen|margine|rand|\w*saum|exp|expan\w*|dilat\w*"
        r"|grown?|growth|enlarg\w*|uniform)\b|\+\s*\d"
    ),
    Meaning.RING: re.compile(
        r"\b(?:ring|rim)s?\b(?!\W*enh)|\b(?:shells?|rind|annul\w*|halo|anneau|anillo|anello"
        r"|peri|surround\w*|umgebung)\b|\bperi\W*(?:gtv|tum|l[ae]?s|lae|met|fo[ck]al)"
    ),
    Meaning.PLAN: re.compile(
        r"^z\b|^~|\b(?:opt(?!\W*(?:ic|nerve|chias))|optim\w*|dose|dosis|isodos\w*|iso|d\W?(?:max|min|mean)"
        r"|help\w*|hilf\w*|dummy|dum|tuning|avoid\w*|spar(?:e|ing)|block|crop\w*|couch|art[ei]fa[ck]t\w*"
        r"|hot\W*spot|idl|piv|rx|cold\W*spot)\b|\bv \d+ gy|\bd \d\d|\d\s*%"
        r"|^\d+(?:[.,]\d+)?\s*c?gy$"
    ),
    Meaning.NO_TUMOUR: re.compile(
        r"cavit|caviteit|h(?:oe?|o)hle\b|\bholte|\bresec|\bresek|resektion"
        r"|\b(?:\w*bed|\w*bett|sb|lit|lecho|leito|letto|ne[ck]ros\w*)\b"
        r"|ложе|отек|水肿|浮腫|부종|瘤床|o?edem[ae]|œdeme|\b\w*odem\b|\b\w*oedem\b|oedeem|\bflair\b|radio\W*ne[ck]ro|radionekro"
        r"|\b(?:normal\w*|healthy|gesund\w*|sain|sano|contra\W?lat\w*|kontra\W?lat\w*|mirror\w*"
        r"|background|control)\b"
    ),
}
_DOUBTFUL = re.compile(
    r"\b\d+(?:[.,]\d+)?\s*(?:mm|cm)\b|\bc?gy\b|\b(?:old|alt|cop(?:y|ie)|kopie|copia|back\W*up|bak"
    r"|prev\w*|prior|test|plan\w*|p(?:re|ost)\W*op\w*|pre|vorher|flip\w*|hull|(?:19|20)\d\d)\b"
    r"|\bi gtv\b"
)
_ORGAN = re.compile(
    rf"\b(?:{_WHOLE}|brain\W*stem|cerebell\w*|kleinhirn|thalam\w*|pons"
    r"|hirnstamm|\w*chias\w*|optic\w*|nerv\w*|lens\w*|linsen?|eyes?|augen?"
    r"|globes?|orbit\w*|retina\w*|cochlea\w*|hippoc\w*|pituit\w*|hypoph\w*|skull|outline|outer"
    r"|contour|lacrim\w*|ventric\w*|csf|scalp|bone|mandib\w*|parotid\w*|spinal|cord|mask|frame"
    r"|fiducial\w*|marker\w*)\b"
)


def meaning(name: str) -> Meaning:
    """What a name says, in the languages of the field; spelling, case and separators do not matter.

    A tumour named before a word like "without" is the tumour; one named after it means what is left
    without it.
    """
    words = _words(name)
    minus = _WITHOUT.search(f" {words} ")
    if minus is not None:
        head, tail = f" {words} "[: minus.start()], f" {words} "[minus.end() :]
        if not _TUMOUR.search(head) and _TUMOUR.search(tail):
            return Meaning.REST
        words = head.strip() or words
    if _BRAIN_MINUS.search(words):
        return Meaning.REST
    for kind, pattern in _KINDS.items():
        if pattern.search(words):
            return kind
    if _TUMOUR.search(words):
        is_doubtful = _DOUBTFUL.search(words) or _BRAIN_HYPHEN.search(words)
        return Meaning.DOUBTFUL if is_doubtful else Meaning.TUMOUR
    return Meaning.ORGAN if _ORGAN.search(words) else Meaning.UNSAID


def _words(name: str) -> str:
    """Lower case without accents; words, numbers and known acronyms apart."""
    plain = unicodedata.normalize("NFKD", name)
    plain = "".join(c for c in plain if not unicodedata.combining(c)).replace("ß", "ss")
    plain = re.sub(r"[\u2010-\u2015\u2212]", "-", plain)
    plain = _HUMP.sub(" ", _ACRONYM.sub(r" \1 ", plain.replace("_", " ")))
    return " ".join(plain.casefold().split())
