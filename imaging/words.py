"""Code words in series descriptions, as hospitals write them in English, German and French."""

import re

# One pattern a code word; the code word itself is all that is ever shown of a description.
_BEFORE = r"(?<![a-z])"  # digits may touch: 3dt1
_AFTER = r"(?![a-z])"


def _word(*alternatives: str) -> re.Pattern[str]:
    return re.compile(f"{_BEFORE}(?:{'|'.join(alternatives)}){_AFTER}")


T1 = {
    "T1": re.compile(r"t1(?![0-9])"),
    "MPRAGE": re.compile(r"mp2?rage|tfl3d"),
    "SPGR": re.compile(r"spgr|bravo"),
    "VIBE": _word("vibe"),
    "FLASH": _word("flash"),
}

NOT_T1 = {
    "T2": re.compile(r"t2(?![0-9])"),
    "FLAIR": re.compile(r"flair|tirm"),
    "STIR": _word("stir"),
    "PD": _word("pd", "pdw"),
    "diffusion": re.compile(r"dwi|dti|diff|adc|trace|resolve|tensor"),
    "susceptibility": _word("swi", "swan", "swip", "venobold", "gre?t2", "hemo"),
    "angiography": re.compile(r"angio|(?<![a-z])(?:tof|mra|mrv|pca?)(?![a-z])"),
    "perfusion": re.compile(r"perf|(?<![a-z])(?:dsc|dce|asl|pcasl|cbf|cbv|mtt|ttp|tmax)(?![a-z])"),
    "functional": _word("bold", "fmri", "epi"),
    "spectroscopy": re.compile(r"spectro|(?<![a-z])(?:mrs|csi|svs)(?![a-z])"),
    "cisternography": _word("ciss", "fiesta", "drive"),
    "map": _word("map", "t1map", "fieldmap"),
}

LOCALISER = {
    "localiser": re.compile(r"locali[sz]er|scout|survey|3[ -]?plane|(?<![a-z])loc(?![a-z])")
}

PROCESSED = {
    "subtraction": re.compile(r"subtr|(?<![a-z])(?:sub|subs)(?![a-z])"),
    "projection": _word("mip", "minip", "tmip", "vrt"),
    "reformat": _word("mpr", "reformat", "curved"),
}

BEFORE_CONTRAST = {
    "before contrast": re.compile(
        r"(?<![a-z])(?:pre|avant|vor)(?![a-z])|precontrast|nativ|noncon|unenhanced"
        r"|(?<![a-z])(?:without|w/o|wo|ohne|sans|non?)[ _.-]*"
        r"(?:contrast|kontrast|contraste|gado?|gd|km|kmg|c(?![a-z]))"
        r"|(?<![a-z])(?:without|w/o)(?![a-z])"
    )
}

CONTRAST = {
    "+C": re.compile(r"\+ ?c(?![a-z])|(?<![a-z0-9])c ?\+"),
    "Gd": re.compile(r"gado|(?<![a-z])(?:t1w?)?\+?(?:gd|gad)(?![a-z])"),
    "post": re.compile(
        r"(?<![a-z])post(?![ _-]?op)(?:[ _-]?(?:contrast|gad\w*|gd|km|inj\w*|c))?(?![a-z])|t1post"
    ),
    "CE": re.compile(r"(?<![a-z])(?:t1w?)?ce(?![a-z])|t1w?c(?![a-z])"),
    "KM": _word("km", "kmg", "nachkm", "mitkm"),
    "contrast": re.compile(r"[ck]ontraste?(?![a-z])|enhanced|inject"),
    "agent": re.compile(r"dotarem|prohance|magnevist|multihance|clariscan|vueway|elucirem"),
}

_NO_AGENT = re.compile(
    r"(?:no|none|nil|n|n/?a|nein|ohne|without|w/?o|sans|non|false|unknown|0|-+|\.)(?:[ ._-].*)?"
)


def find(patterns: dict[str, re.Pattern[str]], texts: tuple[str, ...]) -> list[str]:
    """Code words whose pattern is in any of the texts, in the order of the table."""
    lowered = [re.sub(r"[_^*]+", " ", text.lower()) for text in texts]
    return [word for word, pattern in patterns.items() if any(map(pattern.search, lowered))]


def names_agent(value: str) -> bool:
    """Whether ContrastBolusAgent names an agent: not empty, nor NO, NONE and the like."""
    text = value.strip().lower()
    return bool(text) and _NO_AGENT.fullmatch(text) is None
