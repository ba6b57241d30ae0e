"""Whether a description says that a series was taken before or after contrast agent."""

import enum
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from imaging.words import phrases
from imaging.words.words import plain


class Timing(enum.Enum):
    """What words say about contrast agent. `BOTH`: they are about the study, not the series."""

    UNSAID = enum.auto()
    BEFORE = enum.auto()
    AFTER = enum.auto()
    BOTH = enum.auto()


@dataclass(frozen=True, slots=True)
class Told:
    """What a text says, and by which code words."""

    timing: Timing
    words: tuple[str, ...] = ()


_B, _A = r"(?<![^\W\d_])", r"(?![^\W\d_])"

_BRANDS: Final = (
    r"dotarem|clariscan|cyclolux|artirem|prohance|magnevist|multihance|omniscan|optimark|vueway"
    r"|elucirem|gadavist|magnegita|pixxoscan|primovist|eovist|vasovist|ablavar|feraheme|dtpa|dota"
)
_AGENT: Final = (
    rf"(?:gado?\w*|gd ?-? ?(?:dtpa|dota|bt ?do3a)?|km[gi]?|k ?m(?![a-z])|mdc|m ?d ?c|cte|cm|gbca"
    rf"|kl|kst|[ck]ontrast\w*|contrat|kontr|contr?|inj\w*|enhanc\w*|enh|zou?ei\w*|iv"
    rf"|(?:ce|c)(?![a-z])|{_BRANDS})"
)
# What follows "pre" and "post" where they are about something other than contrast agent.
_EVENT: Final = (
    r"(?! ?-?/? ?(?:op(?!p)|operat|surg|chir|resec|resek|interv|biops|rt(?![a-z])|rtx|rct|srs|sbrt"
    r"|radi[oa]|bestrahl|strahl|gamma|gk|chemo|ctx|treat|therap|tx|baseline"
    r"|dbs|ictal|partum|mortem|trauma|fossa|anterior|proc|sat(?![a-z])|scan"
    r"|wbrt|crani|cyber|ck(?![a-z])|srt|litt|ablat|immun|avastin|bev|seiz|evd|stent|tia(?![a-z])"
    r"|ect(?![a-z])|tace|covid|bx(?![a-z])|vns|tpa|evt|drain|an[ae]sthe|meds|dexa|imrt|rcmi|linac"
    r"|pulse|puls|puncture|lp(?![a-z])|stroke|lysis|embol|clip|coil|shunt|implant))"
)
_NAVIGATION: Final = r"(?! ?(?:nav|stealth|brainlab|planning|plan|stereo))"
# What may be lacking other than contrast agent: "w/o FS".
_OPTION: Final = (
    r"(?! ?(?:fs|fat|fett|spir|spair|stir|dixon|sat|mt|mtc|flow|fc|angul|grappa|sense|ipat|cs|norm"
    r"|filter|pat|gap|motion|movement|bewegung|narkose|sedation|anasth|sedier|artefa|artifa))"
)
_WITHOUT: Final = (
    r"(?:without|with ?out|witout|wihtout|withot|wthout|whitout|w ?/ ?o|wo|ohne|sans|senza|zonder"
    r"|utan|uten|uden|bez)"
)
_WITHOUT_SHORT: Final = r"(?:ss|sin|sem|non?|no|not|o|kein\w*|un|s ?/|s(?= ?(?:gd|gad|mdc|cte)))"

_WITHHELD: Final = (
    r"(?:held|withheld|hold|deferred|aborted|refused|declined|cancel\w*|contraindicated|entfallen)"
)
_BOTH: Final = re.compile(
    rf"{_B}(?:w ?/? ?(?:&|and|\+|,|-|/)? ?/? ?w ?/? ?o{_A}|w ?/? ?o ?(?:&|and|\+|/)+ ?w(?:ith)?{_A}"
    rf"|wwo{_A}|with ?(?:/|&|and|or)? ?(?:{_WITHOUT}){_A}|{_WITHOUT} ?(?:/|&|and)+ ?with{_A}"
    rf"|pre ?(?:/|&|and|und|\+|u|et|e|y)+ ?post(?:{_AGENT})?{_A}"
    rf"|vor ?(?:/|&|und|u|\+)+ ?nach{_A}|(?:mit|ohne) ?(?:/|&|und|u|\+)+ ?(?:mit|ohne){_A}"
    rf"|avant ?(?:/|&|et|\+)+ ?apres{_A}|(?:avec|sans) ?(?:/|&|et|\+)+ ?(?:avec|sans){_A}"
    r"|(?:con|sin|senza|com|sem) ?(?:/|&|y|e|\+)+ ?(?:con|sin|senza|com|sem)(?![a-z])"
    r"|nativ ?(?:/|&|und|u|\+)+ ?(?:km|post|kontrast\w*))|\+ ?/ ?-|造影前後"
)
_BEFORE: Final = re.compile(
    rf"{_B}{_WITHOUT}(?: |-)*{_AGENT}{_A}|{_B}{_WITHOUT_SHORT}[ -]*{_AGENT}{_A}"
    rf"|(?<!anyag )(?<!kontraszt ){_B}{_WITHOUT}{_A}{_OPTION}"  # "után": after
    rf"|{_B}(?:pre|prae|pra|avant|av|antes|prima|voor|vor|before|(?<!i )(?<!i[.])v)"
    rf"[ -]*(?:de |di |del |la |le |the |d )*{_AGENT}{_A}"
    rf"|{_B}(?:pre|prae|avant|antes|voor|vor|before){_A}{_EVENT}{_NAVIGATION}"
    rf"|{_B}(?:pre|prae|vor)(?:inj|kontr|contr)\w*"
    rf"|(?<=[a-z0-9])pre{_A}(?= *$)"
    rf"|{_B}(?:nativ\w*|natif\w*|nat|plain|blanco|basal[ei]|unenhanced|unenh|nce?|non ?-?con\w*"
    rf"|basal(?! (?:gang|cist|nuc|temp|fore|mening|nodi|kern))|nongad\w*|nongd|tanjun|precon"
    rf"|prek){_A}"
    rf"|{_B}{_AGENT}[ -]*(?:frei\w*|free|los|neg|negativ\w*|{_WITHHELD}){_A}"
    rf"|{_B}(?:c|ce|gd|gad|gado|km|cm|contrast)(?: ?\( ?- ?\)|-(?= |$)| -$)|(?:(?<= )|^)- ?c{_A}"
    rf"|\( ?- ?\)|{_B}s ?/ ?c{_A}|単純|造影前|非造影|zou?ei ?mae"
)
_AFTER: Final = {
    "+C": re.compile(
        rf"\+ ?(?:c|k|g){_A}|{_B}(?:c|k) ?(?:\( ?\+ ?\)|\+(?![a-z0-9]))"
        rf"|{_B}w(?:ith)? ?/? ?(?:iv )?c(?:on)?{_A}|{_B}c ?/ ?c{_A}"
        r"|\( ?\+ ?(?:c|km|gd)? ?\)|(?<=[a-z0-9]) ?\+ ?$"
    ),
    "Gd": re.compile(rf"{_B}(?:t1w?|post|p|e|m|n|c)?\+?(?:gad(?:o\w*)?|gd){_A}|gadol"),
    "post": re.compile(
        rf"post{_A}{_EVENT}|{_B}post ?-?(?:{_AGENT}|con){_A}|{_B}(?:pos|apres|dopo|despues|depois"
        rf"|nach|after|efter|etter){_A}{_EVENT}|{_B}p ?c{_A}(?= *$)|t1 ?-?pc{_A}"
    ),
    "CE": re.compile(rf"{_B}(?:c ?t1\w*|(?:t1w?|3d)?ce(?:t1\w*)?|t1w? ?-?c(?!\d)){_A}(?! ?-? ?sp)"),
    "KM": re.compile(rf"{_B}(?:mit|nach|post|m|n|t1)?km[gi]?{_A}|km ?-?gabe"),
    "contrast": re.compile(
        rf"{_B}(?:post)?[ck]ontrast(?:e|es|o|mittel|em|at|ato|ada|lu|ed)?{_A}"
        rf"|{_B}(?:inj(?:ect\w*|ekt\w*)?|enh(?:anced?|ancement)?|mdc|m ?d ?c|gbca|cte|[ck]ontr){_A}"
        rf"|\+ ?(?:iv|cm|mdc|kl|mc|ev){_A}|{_B}(?:iv ?c|civ){_A}|(?<![0-9] )(?<![a-z0-9])cm{_A}"
        rf"|{_B}(?:po|z) kl{_A}|造影|{_B}zou?ei\w*"
    ),
    "agent": re.compile(_BRANDS),
}  # fmt: skip
_ABOUT_ELSE: Final = re.compile(
    r"phase ?-?contrast|contrast ?-?opt\w*|multi ?-?contrast|강조 ?영상"
    r"|(?<![a-z])(?:high|low|best|tissue|matter|image|gm|wm) ?-?contrast(?![a-z])"
    r"|(?<![a-z])(?:edge|dl|ai|signal|snr|resolution|image) ?-?enh\w*|enh\w* ?resolution"
)

_AMOUNT: Final = r"(?:ml|cc|mmol|mg|g|l|мл|毫升)"
# An amount of zero and nothing else: "0 ml Dotarem", "0,0 cc", "Gadovist 0"; not "1.0 mmol/ml".
_NOTHING: Final = re.compile(
    rf"(?<![\d.,])0+(?:[.,]0*)?\s*{_AMOUNT}(?![\w/])|(?<![\w.,])[\s0]*0+(?:[.,]0*)?\s*$"
)
# What says "no" or "none" about something other than the agent: "keine Reaktion", "lot 00", "No.
# 1".
_ABOUT_GIVING: Final = re.compile(
    r"(?<!\w)(?:no|non|keine?|ohne|sin|sem|sans|pas d[e']|senza|nessuna|geen|zonder|utan|inga|ingen"
    r"|bez|без|нет)\s+(?:\w+\s+){0,2}?(?:rea[ckz]|réac|реакц|side|neben|nw\b|event|incid"
    r"|bijwerk|biverk|bivirk|compl|kompl|осложн|extravas|paravas|problem)\w*(?:\s+effects?)?"
    r"|(?<!\w)(?:lot[eo]?|lotto|batch|charge|chargen?|ch\.?-?b|serie|seria|nr|no|num|n)[\s.:#°º]*"
    rf"(?:no|nr|n)?[\s.:#°º]*[a-z]?\d+(?![\d.,]*\s*{_AMOUNT}(?![\w/]))\w*",
    re.IGNORECASE,
)


# What is absent and is not the agent, and what was not left over: "0 ml wasted", "allergies: none",
# "NaCl 0".
_ABOUT_OTHERS: Final = re.compile(
    rf"(?<!\w)0+(?:[.,]0*)?\s*{_AMOUNT}?\s*(?:wast|discard|left|verworf|rest)\w*"
    rf"|(?:wast|discard|verworf)\w*\W*0+(?:[.,]0*)?\s*{_AMOUNT}?(?!\w)"
    r"|(?<!\w)(?:no|nil)\s+(?:known\s+)?(?:drug\s+)?allerg\w*"
    r"|(?<!\w)(?:allerg\w*|pregnan\w*(?:\s+test)?|buscopan|nacl|saline|glucagon|sedation|nkda)"
    rf"\W*(?:none|no|nil|neg\w*|keine?|0+(?:[.,]0*)?\s*{_AMOUNT}?)(?!\w)",
    re.IGNORECASE,
)
_CLAUSE: Final = re.compile(r"[;|\n]|,(?!\d)|\.(?!\d)")
_DOSE: Final = re.compile(
    rf"(?<!\w)(?:gad\w*|gd[\w-]*|{_BRANDS})\W{{0,3}}0*(?:[1-9]|[.,]0*[1-9])[\d.,]*\s*{_AMOUNT}(?!\w)"
    rf"|(?<![\d.,])(?:[1-9][\d.,]*|0[.,]0*[1-9]\d*)\s*{_AMOUNT}\s+(?:of\s+)?(?:gad\w*|gd|{_BRANDS})",
    re.IGNORECASE,
)
_NOT_GIVEN: Final = re.compile(rf"(?<!\w)(?:{_WITHHELD}|k\.? ?km|entf)(?!\w)", re.IGNORECASE)


class Agent(enum.Enum):
    """What a field for the contrast agent says."""

    UNSAID = enum.auto()
    NAMED = enum.auto()
    DENIED = enum.auto()


def told(text: str, *, before: re.Pattern[str] | None, after: dict[str, re.Pattern[str]]) -> Told:
    """What a plain text (`words.plain`) says about contrast agent.

    What is said against it is taken out first, so that the agent it names is not taken for a sign:
    "pre Gd", "without contrast". `before` and `after` are a site's own words.
    """
    rest, halves = phrases.both().subn(" ", text)
    rest, shared = _BOTH.subn(" ", rest)
    rest, against = _ABOUT_ELSE.sub(" ", rest), 0
    for pattern in (before, phrases.before(), _BEFORE):
        if pattern is not None:
            rest, found = pattern.subn(" ", rest)
            against += found
    signs = [word for word, pattern in (*_AFTER.items(), *after.items()) if pattern.search(rest)]
    if not signs and phrases.after().search(rest):
        signs = ["contrast"]
    if halves or shared or (against and signs):
        return Told(Timing.BOTH)
    if against:
        return Told(Timing.BEFORE, ("before contrast",))
    return Told(Timing.AFTER, tuple(signs)) if signs else Told(Timing.UNSAID)


@lru_cache(maxsize=1024)  # every slice of a series says the same
def agent_said(value: str) -> Agent:
    """Whether the text of ContrastBolusAgent names an agent, or says that none was given.

    "Unknown", "N/A" and the like say nothing. A clause with an agent and its dose outweighs what
    other clauses deny: "Dotarem 12 ml, premedication none".
    """
    value = _ABOUT_OTHERS.sub(" ", _ABOUT_GIVING.sub(" ", value))
    clauses = [one for one in _CLAUSE.split(value) if one.strip()]
    if len(clauses) > 1 and not any(_denies_alone(one) for one in clauses):
        doses = [_said(one) for one in clauses if _DOSE.search(one)]
        if Agent.NAMED in doses:
            return Agent.NAMED
    return _said(value)


def _said(value: str) -> Agent:
    text = plain(value)
    if _NOT_GIVEN.search(value) or _NOTHING.search(value.strip().lower()):
        return Agent.DENIED
    if phrases.unknown().fullmatch(text):
        return Agent.UNSAID
    if phrases.denied().search(text) or phrases.no().search(text):
        return Agent.DENIED
    if told(text, before=None, after={}).timing is Timing.BEFORE:
        return Agent.DENIED
    return Agent.NAMED


def _denies_alone(clause: str) -> bool:
    """Whether a clause does nothing but deny: "not given"."""
    text = plain(clause)
    rest = phrases.no().sub(" ", phrases.denied().sub(" ", text))
    return bool(_NOT_GIVEN.search(clause)) or not re.search(r"\w", rest)


def names_agent(value: str) -> bool:
    """Whether a value names an agent: it is not empty, and not NO, NONE or the like."""
    return agent_said(value) is Agent.NAMED
