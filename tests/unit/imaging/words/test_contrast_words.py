"""What descriptions and the field for the agent say of contrast agent, in many languages."""

import pytest

from imaging.words.contrast_words import Agent, Timing, agent_said, told
from imaging.words.reasons import Reason
from imaging.words.recoded import as_meant, other_readings
from imaging.words.words import PROCESSED, T1, find, plain

BEFORE = """
T1 ohne KM | nativ t1 | T1 vor KM-Gabe | T1 unenhanced | T1 w/o gad | T1 prior to contrast
IV contrast: none T1 | T1 without IV contrast | T1 sans gado | T1 pas d'injection | sin contraste T1
T1 antes del contraste | T1 sem contraste | T1 pré contraste | T1 senza mdc | T1 prima del mdc
T1 zonder contrast | T1 voor contrast | T1 MPRAGE przed kontrastem | T1 przed podaniem kontrastu
T1 bez kontrastu | T1 před podáním k.l. | T1 nekontrastní | T1 MPRAGE kontrastsız | KONTRASTSIZ T1
T1 kontrast öncesi | T1 utan kontrast | T1 före kontrast | T1 uden kontrast | T1 ej kontrast
T1 MPRAGE до контраста | Т1 без контраста | T1 до введения контраста | T1 WI без КУ
T1 χωρίς σκιαγραφικό | T1 ΧΩΡΙΣ ΣΚΙΑΓΡΑΦΙΚΟ | T1 πριν τη χορήγηση σκιαγραφικού | T1 MPRAGE 平扫
Ｔ１　ＭＰＲＡＧＥ　平掃 | T1增强前 | 未增强 T1
T1単純 | 造影なしT1 | T1 造影前
T1 MPRAGE 조영전 | 비조영 T1
T1 KM neg | T1 KM - | T1 ante KM | T1 GAD (no) | T1 w/out contrast | T1 zero contrast | T1 wout gad
T1 prior contrast | T1 previo a contraste | T1 não contrastado | T1 bez wzmocnienia | T1 przed gad
T1 gadolinyumsuz | T1 u/km | T1 不加增强 | T1 Gd前 | T1 Gdなし | T1 Gd 전 | T1 무조영증강
T1 قبل الحقن | T1 không tiêm | T1 trước tiêm | T1 kontraszt nem | T1 v.KM
precon T1 | T1 precon | NC T1 MPRAGE | T1 NC | T1 basal | T1 in condizioni basali
T1 przed k. | T1 z contrast | T1 z/contrast | T1 b/k
T1 diretto | Т1 б/к | T1 k.siz | T1 до в/в | T1 απλή | T1 普通扫描 | T1 プレ | T1 basal sin civ
T1 prekontrastní | T1 préinjection | T1 tanpa kontras | T1 Vorkontrast | T1 non contrasté
T1 s/ gado | T1 före km | T1 KM nein | T1 sin civ | T1 ανευ σκιαγραφικου | T1 未強化
T1 witout contrast | T1 gad held | T1 C neg | T1 contrast refused
T1 조영제 주입 전 | T1 ללא חומר ניגוד | T1 بدون صبغة | T1 fără contrast | T1 kontraszt nélkül
"""
AFTER = """
T1 nach KM | T1 mit Kontrastmittel | T1 POST IV CONTRAST | T1 avec gado | T1 après injection
T1 con contraste | T1 c/ contraste | T1 após contraste | T1 pós contraste | T1 dopo mdc | T1 con mdc
T1 na contrast | T1 met contrast | T1 po kontraście | T1 z kontrastem | T1 po podaniu kontrastu
T1 po k.l. | T1 s kontrastem | T1 po podání kontrastní látky | T1 kontrastlı | KONTRASTLI T1
T1 kontrast sonrası | T1 med kontrast | T1 efter kontrast | T1 с контрастом | T1 после контраста
T1 после введения контрастного вещества | Т1 ВИ после КУ | T1+КУ | T1 μετά σκιαγραφικό
T1 με σκιαγραφικό | T1 ΜΕΤΑ ΣΚΙΑΓΡΑΦΙΚΟ | T1 增强 | T1增强扫描 | T1強化 | T1 造影後 | MPRAGE_造影
T1 post i.v. KM | T1 POSTCON | T1 增强 无脂肪抑制 | T1 kontrasztanyag után | T1 بعد الحقن
T1 sau tiêm
T1 po wzmocnieniu
AX T1 GADAVIST | T1 +C pre WBRT | T1 POST GAD PRE-CRANIOTOMY
T1 +CIV | T1 CIV | T1 post Gd prescan norm | T1 km 2 min | T1 z k. | T1 po k. | T1 c/k
Т1 с/к | T1 s k.l. | T1 k.lı | T1 после в/в | T1 ポスト | T1 강화 후
T1 조영후 | T1 조영증강 후 | T1 עם חומר ניגוד | T1 مع صبغة | T1 cu contrast | T1 tehosteaineella
"""
BOTH = """
T1 до и после контраста | 平扫+增强 | 造影前後 | 単純+造影 | 조영 전후 | kontrastsız ve kontrastlı
przed i po kontraście | med och utan kontrast | без и с контрастом | W/WO
с контрастом и без | нативная и с контрастом | con y sin contraste
contrast voor en na | basal y con contraste
diretta e con mdc | nativ + KM | до и после введения контраста | без и с КУ | T1 pre/post
"""
UNSAID = """
t1_mprage_sag | post-op T1 | T1加权 | T1強調画像
T1 강조영상 | T1-взвешенное | T2 po operacji | T1 med
T1 SPACE post WBRT | T1 post craniotomy | T1 post cyberknife | T1 nach WBRT | T1 C2
T1 high contrast | T1 tissue contrast | T1 AI-enhanced | T1 enhanced resolution
T1 z | ax T1 basal ganglia | T1 TSE cor kl | Schädel | T1 sin fs | Phase contrast
"""
DENIALS = """
(none) | NONE | no | 0 cc | 0 ml Dotarem | Dotarem 0 ml | Gadovist 0.0 ml | 0,0 ml | 0 | not given
none given: synthetic | Gadovist not given | IV contrast: none | Contrast: No | no IV contrast
unenhanced | NON CONTRAST | NCE | w/o | patient refused | sin contraste | no administrado | ninguno
senza mdc | nessuno | non somministrato | sans injection | aucun | néant | nein | ohne | kein KM
nicht gegeben | nativ | sem contraste | nenhum | não administrado | geen | niet toegediend | brak
nie podano | bez kontrastu | nepodána | yok | verilmedi | kontrastsız | ingen | ej givet | ikke gitt
нет | не вводился | контраст не вводился | без контраста | не применялся | όχι | χωρίς
δεν χορηγήθηκε | 无 | 平扫 | 未注射 | なし | 造影剤なし
Gadavist held | HOLD | Deferred | Aborted | k.KM | entf. | Gadavist 8 ml, not given
使用せず | 없음 | 조영제 없음
"""
SILENT = " | N/A | NA | n.a. | NOT SPECIFIED | unknown | - | ??? | null | 不明 | unbekannt"
NAMES = """
Gadovist | 10 ml Dotarem | 7,5 ml Gadovist | Gadavist 7.5 mL | Gadovist 1.0 mmol/ml | CONTRAST | YES
Omniscan 0.5 mmol/ml 20 ml | 0.1 mmol/kg Gadovist | Gadobutrol Lot No 1234 | Prohance 10cc | 100 ml
Novgado | Noreg | Contrast agent given | KM | Гадовист 7.5 мл
钆喷酸葡胺 | ガドビスト | 조영제 | 10 | Gd-DTPA
simulated agent: enhancement was drawn
Gadovist, keine Reaktion | Dotarem lot 00 | No. 1 Gadovist | Gadovist, no reaction | Dotarem n. 1
Gadovist 7.5 ml, no adverse events | Clariscan, sin reacciones | Dotarem sans incident
Gadovist ohne NW | Gadavist 10 ml, 0 ml wasted | GADAVIST 7.5ML WASTE 0ML
Gadavist 8ml, allergies none | No known allergies, Dotarem 14 mL | Gd 10ml + NaCl 0
Dotarem; Buscopan none | Gadavist pregnancy test: negative
Prohance 17ml, glucagon not given | Gadovist 10ml, premed none
Gadovist LOT 000 | Gadovist Nr. 0 | Prohance senza reazioni avverse | Dotarem geen bijwerkingen
"""


def phrases(table: str) -> list[str]:
    return [text.strip() for line in table.strip("\n").splitlines() for text in line.split(" | ")]


def timing(text: str) -> Timing:
    return told(plain(text), before=None, after={}).timing


@pytest.mark.parametrize(
    ("table", "meant"),
    [
        (BEFORE, Timing.BEFORE),
        (AFTER, Timing.AFTER),
        (BOTH, Timing.BOTH),
        (UNSAID, Timing.UNSAID),
    ],
)
def test_descriptions_of_many_languages_say_before_or_after_the_agent(
    table: str, meant: Timing
) -> None:
    wrong = {text: timing(text) for text in phrases(table) if timing(text) is not meant}
    assert not wrong


@pytest.mark.parametrize(
    ("table", "meant"),
    [(DENIALS, Agent.DENIED), (SILENT, Agent.UNSAID), (NAMES, Agent.NAMED)],
)
def test_the_contrast_agent_field_names_the_agent_denies_it_or_says_nothing(
    table: str, meant: Agent
) -> None:
    wrong = {text: agent_said(text) for text in phrases(table) if agent_said(text) is not meant}
    assert not wrong


@pytest.mark.parametrize(
    ("text", "code", "meant"),
    [
        ("T1 增强", "gbk", Timing.AFTER),
        ("T1 平扫", "gb18030", Timing.BEFORE),
        ("T1 造影後", "shift_jis", Timing.AFTER),
        ("T1 조영전", "euc_kr", Timing.BEFORE),
        ("T1 после контраста", "cp1251", Timing.AFTER),
        ("T1 без контраста", "iso8859_5", Timing.BEFORE),
        ("T1 χωρίς σκιαγραφικό", "iso8859_7", Timing.BEFORE),
    ],
)
def test_a_text_whose_character_set_was_not_said_is_still_understood(
    text: str, code: str, meant: Timing
) -> None:
    misread = text.encode(code).decode("latin-1")
    found = [timing(reading) for reading in (as_meant(misread), *other_readings(misread))]
    assert next(one for one in found if one is not Timing.UNSAID) is meant


def test_text_in_utf_8_that_was_read_as_latin_1_is_read_again() -> None:
    assert as_meant("aprÃ¨s injection") == "après injection"
    assert as_meant("Schädel nach KM") == "Schädel nach KM"
    assert as_meant("T1 增强") == "T1 增强"
    assert other_readings("T1 MPRAGE") == ()


def test_plain_text_separates_scripts_and_loses_case_accents_and_width() -> None:
    assert plain("T1增强_MPRAGE") == "t1 增强 mprage"
    assert plain("Ｔ１　İKİNCİ KONTRASTSIZ ıłø") == "t1 ikinci kontrastsiz ilo"
    assert plain("조영 전") == "조영 전"
    assert plain("Т1-ВИ, Τ2") == "t1-ви t2"  # the T of Cyrillic and of Greek keyboards


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("T1 减影", Reason.SUBTRACTION),
        ("T1 субтракция", Reason.SUBTRACTION),
        ("T1 サブトラクション", Reason.SUBTRACTION),
        ("T1 sustracción", Reason.SUBTRACTION),
        ("T1 αφαίρεση", Reason.SUBTRACTION),
        ("T1 post minus pre", Reason.SUBTRACTION),
        ("定位像", Reason.LOCALISER),
        ("локализатор", Reason.LOCALISER),
        ("스카우트", Reason.LOCALISER),
        ("lokalizör", Reason.LOCALISER),
    ],
)
def test_subtractions_and_localisers_are_recognised_in_other_languages(
    text: str, reason: Reason
) -> None:
    assert find(PROCESSED[reason], plain(text))


def test_the_word_t1_is_found_beside_any_script() -> None:
    for text in ("T1增强", "增强T1", "Т1 с контрастом", "조영후T1", "3DT1"):
        assert "T1" in find(T1, plain(text)), text
