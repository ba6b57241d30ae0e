"""Words of series descriptions, as hospitals and vendors write them, and what they mean.

Of a description only the code words of these tables are ever shown.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping

from imaging.words.reasons import Reason

# Letters bound a word, digits do not: 3dt1, t1post.
_BEFORE = r"(?<![^\W\d_])"
_AFTER = r"(?![^\W\d_])"

MAX_TEXT = 256  # a description has 64 characters (PS3.5 6.2, LO)

Table = Mapping[str, re.Pattern[str]]
"""Code words and the patterns of plain text that mean them. Plain text has no accents, and no
Japanese voicing marks either: it writes ``サブ`` as ``サフ``.
"""


# Letters that have no accent to lose; the dotless i of Turkish is one.
_LETTERS = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "ё": "е"})
_EASTERN = "\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
# The T of T1 as Cyrillic and Greek keyboards write it.
_OTHER_T = re.compile(r"(?<![^\W\d_])[тτ](?=[ -]?[12](?![0-9]))")


def plain(text: str) -> str:
    """The text without accents, in lower case, words parted by single blanks: the form that
    patterns match.

    An upper-case letter after a lower-case one begins a word, and so does a change between the
    characters of China, Japan or Korea and others. The signs ``+ - / ( ) &`` stay.
    """
    parted = re.sub(r"(?<=[a-zß-öø-ÿ])(?=[A-ZÀ-ÖØ-Þ])", " ", text[:MAX_TEXT])
    marks = unicodedata.normalize("NFKD", parted)
    bare = "".join(c for c in marks if not unicodedata.combining(c)).casefold()
    whole = unicodedata.normalize("NFC", bare).translate(_LETTERS)
    whole = re.sub(rf"(?<=[{_EASTERN}])(?=[a-z0-9])|(?<=[a-z0-9])(?=[{_EASTERN}])", " ", whole)
    return _OTHER_T.sub("t", re.sub(r"(?:[^\w+\-/()&]|_)+", " ", whole)).strip()


def _word(*alternatives: str) -> re.Pattern[str]:
    return re.compile(f"{_BEFORE}(?:{'|'.join(alternatives)}){_AFTER}")


def site_word(word: str) -> re.Pattern[str]:
    """The pattern of a word that a site added: ``*`` stands for letters and digits."""
    pattern = r"\w*".join(re.escape(plain(part)) for part in word.split("*"))
    return re.compile(f"{_BEFORE}{pattern}{_AFTER}")


_PLANE = r"(?:ax|axi|sag|cor|kor|tra|trans|obl|s|e|d)?"

T1: Table = {
    "T1": re.compile(rf"{_BEFORE}{_PLANE}t1(?![0-9])"),
    "MPRAGE": re.compile(r"mp2?rage|(?<![a-z])tfl ?3d|(?<![a-z])rage"),
    "SPGR": re.compile(r"spgr|bravo"),
    "VIBE": re.compile(rf"vibe{_AFTER}"),
    "FLASH": _word("flash", "fl3d"),
    "TFE": _word("tfe"),
    "FFE": _word("ffe", "ffe3d", "fast ?ffe", "3d ?ffe"),
    "gradient echo": _word(
        "thrive", "e ?thrive", "lava", "tigre", "quick ?3d", "gre fsp", "fsp", "fast ?fe", "faster"
    ),
}

OTHER: Mapping[Reason, Table] = {
    Reason.T2: {"T2": re.compile(rf"{_BEFORE}{_PLANE}(?:tse|fse)?t2(?![0-9])")},
    Reason.FLAIR: {"FLAIR": re.compile(r"flair|tirm|dark ?-?fluid")},
    Reason.STIR: {"STIR": _word("stir")},
    Reason.PROTON_DENSITY: {"PD": _word("pd", "pdw", "proton ?(?:density)?", "dp", "rho")},
    Reason.DIFFUSION: {
        "diffusion": re.compile(
            r"dwi|dti(?![a-z])|diff(?!er|use(?![a-z]))|(?<![a-z])(?:e ?)?adc|difus|resolve"
            r"|tensor|tractogra|(?<![a-z])trace(?:w|s)?(?![a-z])|(?<![a-z])(?:dw|dwibs|dki|noddi|ivim|colfa)(?![a-z])"
            r"|(?<![a-z])b ?-?(?:value ?)?(?:[5-9]00|[1-4]000)(?![0-9])"
        )
    },
    Reason.SUSCEPTIBILITY: {
        "susceptibility": re.compile(
            r"venobold|hemo(?!r)|haemo(?!r)|hamo(?!r)|suscept|suszep"
            r"|(?<![a-z])(?:swi|swan|swip|bsi|swp|fsbb|qsm)(?![a-z])|(?:mag|pha|mip) ?images"
        )
    },
    Reason.ANGIOGRAPHY: {
        "angiography": re.compile(
            r"angio|血管造影|혈관조영|血管撮影|ангио"
            r"|phase ?-?contrast|tricks|(?<![a-z])twist|inhance"
            r"|(?<![a-z])(?:tof|tof3d|mtof"
            r"|3d ?tof|(?:ce|fce)?-?mra|(?:ce)?-?mrv|mr ?angio|veno|pca|pc ?[23]d|[23]d ?pc|venc"
            r"|willis|carotis|carotid\w*|circle of)(?![a-z])"
        )
    },
    Reason.PERFUSION: {
        "perfusion": re.compile(
            r"(?<!post )(?<!post-)(?:perf(?!ect|orm)|(?<![a-z])(?:dsc|dce)(?![a-z]))|permeab|ktrans"
            r"|dynami[ck]|dynam|(?<![a-z])(?:dyn|r?cb[fv]|mtt"
            r"|ttp|tmax|p?c?asl|pasl|pbp|gbp|4d|time ?-?resolved|smart ?prep|care ?bolus"
            r"|bolus ?track\w*|test ?bolus)(?![a-z])"
        )
    },
    Reason.FUNCTIONAL: {
        "functional": _word("bold", "f ?mri", "epi", "ep2d", "fe ?epi", "resting ?state")
    },
    Reason.SPECTROSCOPY: {
        "spectroscopy": re.compile(r"spectr|spektr|(?<![a-z])(?:mrs|mrsi|csi|svs)(?![a-z])")
    },
    Reason.CISTERNOGRAPHY: {
        "cisternography": _word(
            "ciss", "fiesta", "b ?-?ffe", "drive", "true ?fisp", "trufi", "fisp", "balanced"
        )
    },
    Reason.MAP: {
        "map": re.compile(
            r"(?<![a-z])(?:t1|t2|field|b0|b1|feld|rho)? ?-?(?:map|maps|mapping|mapit)(?![a-z])"
            r"|mp2rage.* t1 ?images|mp2rage(?: \S+)* inv ?-?[12](?![0-9])|inv ?-?[12] .*mp2rage"
            r"|(?<![a-z])(?:molli|t1 ?-?rho|shim|field ?echo ?map|quantitative)(?![a-z])"
        )
    },
    Reason.FAT_IMAGE: {
        "fat or opposed phase": re.compile(
            r"^\(? ?fat(?! ?-?(?:sat|s[au]p|free|frei|unter))(?: ?\))?(?: |$)|fat ?(?:only|image)"
            r"|(?:dixon|flex|lava|ideal).* fat$|(?<![a-z])f$"
            r"|(?:dixon|flex|lava|ideal).*(?<!post)(?<!pre)(?<!intra)[ -]op$"
            r"|(?<![a-z])(?:opp|oop|out ?-?(?:of ?-?)?phase|opposed ?-?phase)(?![a-z])"
        )
    },
}
SOFT = frozenset({Reason.FLAIR, Reason.CISTERNOGRAPHY})
"""T1 in the same text overrules these: T1 FLAIR is an inversion-recovery T1, DRIVE an option."""

GIVEN = r"(?:gd|gado?|km|contrast|kontrast|c|ce|post)"
"""How the rest of a name says that the agent was given."""

PROCESSED: Mapping[Reason, Table] = {
    Reason.PHASE_IMAGE: {
        "phase, real or imaginary part": re.compile(
            r"(?<!in )(?<!in-)(?<!early )(?<!late )(?<!delayed )(?<!venous )(?<!arterial )"
            r"(?<!swap )(?<!swapped )"
            r"(?<![a-z])(?:phase|pha|real|imag|imaginary)(?: ?(?:part|images?))?$"
        )
    },
    Reason.LOCALISER: {
        "localiser": re.compile(
            r"(?<!stereotactic )(?<!knife )lo[ck]ali[sz]|scout|(?<!whole brain )survey"
            r"|локализ|топограмм|скаут|разметк"
            r"|定位|位置決|スカウト|위치|스카우트|로컬라이저|εντοπισμ|τοπογραμμ"
            r"|(?<![a-z])(?:lokalizor|kilavuz|pilot|planowanie|planovaci|planeamento|centratore"
            r"|centraggio)(?![a-z])|(?:3|three) ?-?plane|smart ?brain|planscan|locator"
            r"|(?<![a-z])(?:loc|loca|3 ?-?pl|reperage|reperes|ubersicht|calibration|kalibr\w*|cal"
            r"|coil ?survey|ref(?:erence)? ?scan|sense ?ref|pre ?-?scan(?! ?-?norm)|positioning"
            r"|(?<!rt )(?<!gamma )plan)(?![a-z])|^asset(?: |$)"
        )
    },
    Reason.SUBTRACTION: {
        "subtraction": re.compile(
            r"subs?tr[ak]|s[ou]u?str[ac]|sottraz|soustr"
            r"|субтракц|вычитан|减影|減影|差分|減算|サフトラクション|감산|차감|αφαιρε"
            r"|odejmowan|odecet|odecten|cikarma|subtrac|differen[czst]"
            r"|(?<![a-z])(?:resta|subtr?|delta ?t1|pre ?minus ?post|km ?- ?nativ)(?![a-z])"
            r"|(?<![a-z])subs?(?![a-z])(?! ?-?(?:[0-9]|mm))(?!-\w+ (?:(?:ses|acq|ce|run|rec)-|t1))"
            rf"|(?<![a-z])(?:post|{GIVEN}) ?(?:-|minus) ?(?:pre|nativ\w*|plain)(?![a-z])"
            rf"|t1\S*(?: {GIVEN})? ?- ?t1|minus ?t1"
        )
    },
    Reason.PROJECTION: {
        "projection": _word(
            "mip", "mips", "min ?ip", "t ?mip", "mpvr?", "vrt", "vr", "ssd", "projection",
            "proj", "rendering", "3d ?model",
        )
    },
    Reason.REFORMAT: {
        "reformat": re.compile(
            r"re-?format|reformat|rekonst|(?<!dl )reconst|r[ei]costr"
            r"|рекон|реформат|再構成|再構築|재구성"
            r"|(?<!学习)(?<!學習)(?:重建|重组|重組)"
            r"|(?<![a-z])(?:(?:ax|tra|cor|kor|sag) ref|ref (?:ax|tra|cor|kor|sag))(?![a-z])"
            r"|(?<![a-z])(?:rekon|(?<!dl )recons?(?! ?-?dl)|refmt|rfmt|rfm|(?:co)?-?reg"
            r"|multi ?-?planar|mprs?|v ?mpr|curved|cpr|batch|resampled|fused|fusion|registered"
            r"|coregistered|mni|atlas|warped|normali[sz]ed ?to)(?![a-z])"
        )
    },
    Reason.DERIVED: {
        "derived": _word(
            "denois\\w*", "de-?noised?", "filtered", "smoothed", "n4", "super ?-?res\\w*",
            "upsampled",
        )
    },
    Reason.SYNTHETIC: {
        "synthetic": _word(
            "syn(?:th|thetic|thesi[sz]ed)?", "(?:subtle|ai|deep|v) ?-?(?:gad|gd)\\w*",
            "(?:virtual|pseudo|predicted|simulated|gan|ai|deep) ?-?"
            "(?:contrast|gad\\w*|gd|ce|t1\\w*)",
            "magic", "sy ?mri", "segmentation", "segm",
            "skull ?-?strip\\w*", "bet", "brain ?-?extract\\w*", "(?<!rt )mask(?:ed)?",
            "phantom", "fantom\\w*", "screen ?(?:save|shot)", "snap ?shots?(?! ?-?flash)",
            "key ?-?images?", "kin", "annotat\\w*", "(?<!nav )export\\w*", "secondary ?capture",
            "report",
        )
    },
}  # fmt: skip

NOT_HEAD: Table = {
    "another part of the body": re.compile(
        r"(?<![a-z])(?:knee|knie|genou|ginocchio|rodilla|joelho|shoulder|schulter|epaule|spalla"
        r"|hombro|ombro|hip|hips|hufte|hanche|ankle|foot|fuss|hand|wrist|handgelenk|elbow|ellbogen"
        r"|[ctlh][ -]?spine|[ctl][ -]?sp|spine|spinal\w*|wirbel\w*|[hbl]ws|rachis|columna|coluna"
        r"|colonna|rachide|vertebr\w*|cervical\w*|cervicale|thoracic|thorakal|lumbar|lumbal|lombaire"
        r"|lombare|sacr\w*|sakr\w*|isg|neck|hals|larynx|parotis|thyroid\w*|schilddruse|abdom\w*"
        r"|liver|leber|foie|fegato|higado|kidney|niere\w*|renal|pancreas|pankreas|mrcp|pelvis"
        r"|pelvic|becken|bassin|prostat\w*|uterus|rektum|rectum|breast|mamma|heart|herz|cardiac"
        r"|coeur|thorax|chest|lung|femur|tibia|thigh|oberschenkel|plexus|whole ?-?body|wb)(?![a-z])"
        r"|позвоноч|腰椎|颈椎|頸椎|胸椎|膝|척추|요추|경추|σπονδυλ|(?<![a-z])(?:omurga|kregosl\w*|pater\w*)(?![a-z])"
    )
}
PART_OF_HEAD: Table = {
    "a part of the head": re.compile(
        r"(?<![a-z])(?:sella|pituit\w*|hypophy\w*|hipofis\w*|ipofisi|iac|iacs|cai|cpa|khbw?|kbw"
        r"|gehorgang|innenohr|felsenbein\w*|rocher\w*|orbit\w*|orbes|augenhohle|eye|temporal"
        r"|trigemin\w*|cavernous|tmj|kiefer\w*|sinus|nnh|nasen\w*|schadelbasis"
        r"|skull ?base)(?![a-z])"
    )
}
HEAD: Table = {
    "head": re.compile(
        r"(?<![a-z])(?:head|brain|kopf|schadel\w*|hirn\w*|gehirn|neuro\w*|cereb\w*|cerveau|crani\w*"
        r"|crane|tete|encef\w*|enceph\w*|cabeza|cabeca|testa|hoofd|hersen\w*|skull|atama|toubu|headneck"
        r"|cerv[eè]au|mozg\w*|hjarn\w*|hjerne|beyin|kafa|kranial\w*|glow\w*|hlav\w*)(?![a-z])|頭|脳|头|颅|脑|顱|腦"
        r"|голов|мозг|мозк|κεφαλ|εγκεφ|뇌|두부"
    )
}


def find(table: Table, text: str, extra: Iterable[str] = ()) -> list[str]:
    """Code words of the table that a plain text holds, in its order; then the site's own."""
    found = [word for word, pattern in table.items() if pattern.search(text)]
    return found + [word for word in extra if site_word(word).search(text)]
