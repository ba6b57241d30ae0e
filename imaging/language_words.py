"""How people write "before" and "after contrast agent", and that none was given: a table of
languages. Data only; `imaging.contrast_words` reads it.

Phrases are written as people write them and matched without case, accents or punctuation. ``AGENT``
stands for any name of an agent of the language, ``*`` for further letters.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Language:
    """Phrases of one language.

    `agent` names an agent or its use; alone it means "after". `given` may stand before it: "po
    podaniu kontrastu". `none` are answers that deny wherever they stand in a field for the agent;
    `no` those that deny only as its whole, its beginning or its end. `parted` is False for writing
    without blanks.
    """

    agent: tuple[str, ...]
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    parted: bool = True


LANGUAGES: Final[Mapping[str, Language]] = {
    "English": Language(
        agent=("contrast", "contrast agent", "contrast media", "contrast medium", "gadolinium",
               "gad", "gd", "gado", "gbca", "iv contrast"),
        before=("without AGENT", "w/o AGENT", "no AGENT", "non AGENT", "minus AGENT", "AGENT free",
                "before AGENT", "prior to AGENT", "pre AGENT", "unenhanced", "non enhanced",
                "nonenhanced", "not enhanced", "noncontrast*", "non contrast*", "uncontrasted",
                "precontrast"),
        after=("with AGENT", "after AGENT", "following AGENT", "post AGENT"),
        given=("any", "the", "iv", "i.v.", "intravenous", "administration of", "injection of",
               "giving", "use of"),
        none=("none", "not given", "not administered", "not used", "not injected", "not applied",
              "not received", "not required", "not indicated", "was not", "wasn't", "no agent",
              "no bolus", "no injection", "nothing given", "withheld", "refused", "declined",
              "contraindicated", "omitted", "cancelled", "canceled", "never", "not done"),
        no=("no", "nil", "false", "without", "w/o", "wo", "non", "n", "plain", "nce", "off",
            "negative", "nope", "no iv"),
    ),
    "German": Language(
        agent=("KM", "k.m.", "KMG", "Kontrast", "Kontrastmittel*", "Kontrastverstärkung", "kontr",
               "Gd", "Gado*"),
        before=("ohne AGENT", "o. AGENT", "kein* AGENT", "vor AGENT", "AGENT frei*", "nicht AGENT",
                "nativ", "nativ*", "unverstärkt", "Leeraufnahme", "präkontrast*"),
        after=("mit AGENT", "nach AGENT", "n. AGENT", "m. AGENT"),
        given=("iv", "i.v.", "Gabe von", "Applikation von", "Injektion von"),
        none=("nicht gegeben", "nicht verabreicht", "nicht appliziert", "nicht injiziert",
              "nicht erhalten", "keine Gabe", "keine", "keiner", "keines", "keins", "entfällt",
              "abgelehnt", "kontraindiziert", "verweigert"),
        no=("nein", "kein", "ohne", "nicht"),
    ),
    "French": Language(
        agent=("contraste", "produit de contraste", "PDC", "PCI", "injection", "inj", "injecté*",
               "gado", "gado*", "gd", "IV"),
        before=("sans AGENT", "ss AGENT", "avant AGENT", "non AGENT", "pas de AGENT",
                "pas d'AGENT", "pas AGENT", "natif*", "native*", "précontraste"),
        after=("avec AGENT", "après AGENT", "post AGENT"),
        given=("de", "du", "l'", "la", "injection de", "inj de", "administration de"),
        none=("non injecté*", "pas d'injection", "pas injecté*", "aucun", "aucune", "néant",
              "non administré", "non réalisé*", "refus", "contre-indiqué", "contre indication"),
        no=("non", "sans", "pas", "ss", "rien"),
    ),
    "Spanish": Language(
        agent=("contraste", "medio de contraste", "cte", "gado", "gadolinio", "gd", "civ"),
        before=("sin AGENT", "s/ AGENT", "antes de AGENT", "antes del AGENT", "no AGENT", "previo AGENT",
                "simple", "precontraste"),
        after=("con AGENT", "c/ AGENT", "tras AGENT", "después de AGENT", "después del AGENT",
               "pos AGENT", "post AGENT", "contrastado", "contrastada", "poscontraste"),
        given=("de", "del", "el", "la", "administración de", "inyección de", "iv"),
        none=("no administrado", "no administrada", "no se administra", "no se administró",
              "no se administro", "no inyectado", "no usado", "no utilizado", "ninguno", "ninguna",
              "nada", "no aplica", "no procede", "sin administrar", "rechazado"),
        no=("no", "sin", "s/c", "negativo"),
    ),
    "Portuguese": Language(
        agent=("contraste", "meio de contraste", "gadolínio", "gado", "gd"),
        before=("sem AGENT", "s/ AGENT", "antes de AGENT", "antes do AGENT", "não AGENT", "pré AGENT",
                "simples"),
        after=("com AGENT", "c/ AGENT", "após AGENT", "depois de AGENT", "depois do AGENT",
               "pós AGENT", "contrastado", "contrastada"),
        given=("de", "do", "o", "a", "administração de", "injeção de", "ev", "iv"),
        none=("não administrado", "não injetado", "não utilizado", "não usado", "não realizado",
              "não foi", "nenhum", "nenhuma", "nada", "não se aplica", "recusado"),
        no=("não", "nao", "sem", "s/c"),
    ),
    "Italian": Language(
        agent=("mdc", "m.d.c.", "mezzo di contrasto", "contrasto", "gadolinio", "gado", "gd",
               "contrastografic*"),
        before=("senza AGENT", "s/ AGENT", "prima di AGENT", "prima del AGENT", "pre AGENT",
                "no AGENT", "non AGENT", "basale", "diretta", "in bianco"),
        after=("con AGENT", "c/ AGENT", "dopo AGENT", "post AGENT", "contrastata"),
        given=("di", "del", "il", "somministrazione di", "iniezione di", "ev", "iv"),
        none=("non somministrato", "non iniettato", "non utilizzato", "non usato", "non eseguito",
              "nessuno", "nessuna", "nessun", "assente", "niente", "rifiutato", "non applicabile"),
        no=("no", "non", "senza", "s/c"),
    ),
    "Dutch": Language(
        agent=("contrast", "contrastmiddel", "contraststof", "gado", "gd", "cm", "kontrast"),
        before=("zonder AGENT", "voor AGENT", "vóór AGENT", "geen AGENT", "niet AGENT",
                "blanco", "blanko"),
        after=("met AGENT", "na AGENT", "m AGENT"),
        given=("iv", "i.v.", "het", "toediening van", "gift van"),
        none=("niet toegediend", "niet gegeven", "niet gebruikt", "geen", "geweigerd",
              "niet gespoten"),
        no=("nee", "zonder", "niet"),
    ),
    "Polish": Language(
        agent=("kontrast*", "kontraśc*", "kontr", "środek kontrastowy", "środk* kontrast*", "śr. kontr*",
               "śk", "gadolin*", "gd"),
        before=("bez AGENT", "przed AGENT", "natywn*", "natyw", "niekontrastow*", "bezkontrastow*"),
        after=("z AGENT", "po AGENT", "wzmocnien*", "pokontrastow*", "ze AGENT"),
        given=("podaniu", "podaniem", "podania", "podanym", "dożylnym", "dożylnego", "iv", "i.v."),
        none=("nie podano", "nie podawano", "nie podany", "nie zastosowano", "nie użyto", "brak",
              "żaden", "odmowa"),
        no=("nie", "bez"),
    ),
    "Czech and Slovak": Language(
        agent=("kontrast*", "k.l.", "kl", "KL", "kontrastní látk*", "kontrastn* latk*", "gadolini*",
               "gd"),
        before=("bez AGENT", "před AGENT", "pred AGENT", "nativn*", "nativ", "nativne",
                "nekontrastn*"),
        after=("s AGENT", "se AGENT", "po AGENT", "postkontrastn*"),
        given=("podání", "podáním", "podaní", "aplikaci", "aplikací", "aplikace", "aplikácii",
               "iv", "i.v."),
        none=("nepodán*", "nepodan*", "neaplikován*", "neaplikovan*", "nebyla podána",
              "nebyl podán", "žádn*", "žiadn*", "nepoužit*"),
        no=("ne", "nie", "bez"),
    ),
    "Turkish": Language(
        agent=("kontrast", "kontrast madde", "kontrast maddesi", "kontrastlama", "opak madde", "gadolinyum",
               "iv kontrast", "gd", "ilaç"),
        before=("kontrastsız", "AGENT sız", "AGENT öncesi", "AGENT önce", "ilaçsız", "opaksız",
                "AGENT vermeden", "AGENT verilmeden", "kontrastsiz", "prekontrast", "AGENT yok",
                "AGENT olmadan", "yalın"),
        after=("kontrastlı", "AGENT lı", "AGENT sonrası", "AGENT sonra", "ilaçlı", "opaklı",
               "kontrastli", "postkontrast", "AGENT ile"),
        none=("verilmedi", "verilmemiştir", "kullanılmadı", "kullanılmamıştır", "uygulanmadı",
              "uygulanmamıştır", "enjekte edilmedi", "yapılmadı", "yok"),
        no=("hayır", "yoktur"),
    ),
    "Nordic languages": Language(
        agent=("kontrast", "kontrastmedel", "kontrastmiddel", "kontraststoff", "kontraststof", "km",
               "gadolinium", "gd", "iv kontrast"),
        before=("utan AGENT", "före AGENT", "uten AGENT", "før AGENT", "uden AGENT", "ej AGENT",
                "ikke AGENT", "ingen AGENT", "inget AGENT", "nativ*", "u AGENT"),
        after=("med AGENT", "efter AGENT", "etter AGENT", "m AGENT"),
        given=("iv", "i.v.", "intravenös", "intravenøs"),
        none=("ej givet", "ej given", "ej administrerat", "inte givet", "inte givit", "ikke gitt",
              "ikke givet", "ikke administrert", "ingen", "inget", "inga", "intet", "avböjt"),
        no=("nej", "nei", "ej", "utan", "uten", "uden", "ikke", "inte"),
    ),
    "Finnish": Language(
        agent=("tehosteaine*", "varjoaine*", "kontrasti*", "gadolinium*", "tehoste*"),
        before=("ilman AGENT", "ennen AGENT", "natiivi*", "ei AGENT"),
        after=("AGENT jälkeen", "AGENT kanssa", "jälkeen AGENT"),
        none=("ei annettu", "ei käytetty", "ei mitään"),
        no=("ei", "ilman"),
    ),
    "Hungarian": Language(
        agent=("kontraszt*", "kontrasztanyag*", "ka", "gadolínium*"),
        before=("AGENT nélkül", "AGENT előtt", "natív", "AGENT mentes", "nem AGENT"),
        after=("AGENT után", "AGENT tal", "kontrasztos"),
        none=("nem kapott", "nem adtak", "nincs", "nem történt"),
        no=("nem", "nélkül"),
    ),
    "Romanian": Language(
        agent=("contrast", "substanță de contrast", "s.d.c.", "gadoliniu"),
        before=("fără AGENT", "înainte de AGENT", "nativ*", "precontrast"),
        after=("cu AGENT", "după AGENT", "postcontrast"),
        given=("de", "administrarea de", "injectare de"),
        none=("neadministrat", "nu s-a administrat", "niciunul"),
        no=("nu", "fără"),
    ),
    "South Slavic": Language(
        agent=("kontrast*", "k.s.", "ks", "kontrastn* sredstv*", "gadolinij*"),
        before=("bez AGENT", "brez AGENT", "prije AGENT", "pre AGENT", "pred AGENT", "nativn*"),
        after=("s AGENT", "sa AGENT", "z AGENT", "nakon AGENT", "poslije AGENT", "posle AGENT",
               "po AGENT"),
        given=("primjene", "davanja", "aplikacije", "iv", "i.v."),
        none=("nije dano", "nije dat", "nije dato", "nije primijenjen", "ni dan"),
        no=("ne", "bez", "brez"),
    ),
    "Russian and Ukrainian": Language(
        agent=("контраст*", "контрастн* веществ*", "контрастн* препарат*", "контрастн* усилен*",
               "контрастир*", "КУ", "к/у", "КВ", "РКС", "МРКС", "гадолин*", "гадовист*", "дотарем*",
               "магневист*", "омнискан*", "примовист*", "прохенс*", "Gd", "усилен*"),
        before=("до AGENT", "без AGENT", "перед AGENT", "не AGENT", "нативн*", "натив",
                "бесконтраст*", "неконтраст*", "доконтраст*", "преконтраст*", "безконтраст*"),
        after=("с AGENT", "со AGENT", "после AGENT", "КУ", "на фоне AGENT", "з AGENT", "із AGENT",
               "після AGENT", "постконтраст*", "п/к"),
        given=("введения", "введением", "ввода", "в/в", "внутривенного", "внутривенным",
               "внутривенное", "болюсного", "болюсным", "болюсное", "введення", "применения",
               "использования"),
        none=("не вводил*", "не введен*", "не введён", "не применял*", "не использовал*",
              "не проводил*", "не выполнял*", "не назнач*", "не нужно", "отсутствует", "отказ*",
              "не вводив*", "противопоказан*", "не введено"),
        no=("нет", "без", "не", "ні", "немає", "отсутств*"),
    ),
    "Bulgarian": Language(
        agent=("контраст*", "контрастна материя", "КМ"),
        before=("преди AGENT", "без AGENT", "нативн*"),
        after=("след AGENT", "с AGENT", "със AGENT"),
        none=("не е приложен*", "неприложен*"),
        no=("не", "без", "няма"),
    ),
    "Greek": Language(
        agent=("σκιαγραφικ*", "σκιαγραφικό μέσο", "σκιαστικ*", "σκ/κο", "γαδολίνιο*", "Gd",
               "παραμαγνητικ*", "ενίσχυση*"),
        before=("χωρίς AGENT", "προ AGENT", "πριν AGENT", "πριν από AGENT", "άνευ AGENT",
                "δίχως AGENT", "μη AGENT"),
        after=("μετά AGENT", "μετά από AGENT", "με AGENT", "μετά την AGENT"),
        given=("τη", "την", "το", "του", "τον", "από", "χορήγηση", "χορήγησης", "έγχυση", "έγχυσης",
               "ενδοφλέβι*", "iv", "i.v."),
        none=("δεν χορηγήθηκε", "δε χορηγήθηκε", "δεν δόθηκε", "δεν έγινε", "κανένα", "καμία",
              "κανένας", "ουδέν", "μη χορηγ*"),
        no=("όχι", "χωρίς", "άνευ", "δεν"),
    ),
    "Hebrew": Language(
        agent=("חומר ניגוד", "ניגוד", "חומר", "גדוליניום", "הזרקה", "הזרקת חומר ניגוד"),
        before=("ללא AGENT", "בלי AGENT", "לפני AGENT", "טרום AGENT"),
        after=("עם AGENT", "אחרי AGENT", "לאחר AGENT"),
        given=("הזרקת", "מתן"),
        none=("לא ניתן", "לא הוזרק", "אין"),
        no=("לא", "ללא", "בלי"),
    ),
    "Arabic": Language(
        agent=("صبغة", "الصبغة", "بالصبغة", "تباين", "التباين", "مادة التباين"),
        before=("بدون AGENT", "قبل AGENT", "بلا AGENT", "من دون AGENT", "بغير AGENT"),
        after=("مع AGENT", "بعد AGENT"),
        given=("حقن", "اعطاء"),
        none=("لا يوجد", "لم تعط", "لم يعط"),
        no=("لا", "بدون"),
    ),
    "Indonesian, Malay and Vietnamese": Language(
        agent=("kontras", "thuốc", "thuốc cản quang", "thuốc tương phản", "đối quang từ"),
        before=("tanpa AGENT", "sebelum AGENT", "không AGENT", "trước AGENT", "polos"),
        after=("dengan AGENT", "setelah AGENT", "sesudah AGENT", "có AGENT", "sau AGENT"),
        given=("tiêm",),
        none=("tidak diberikan", "không tiêm"),
        no=("tidak", "tanpa", "không"),
    ),
    "Chinese": Language(
        agent=("增强", "增強", "强化", "強化", "对比剂", "對比劑", "造影剂", "造影劑", "造影", "钆", "釓",
               "增强扫描", "显影剂", "顯影劑"),
        before=("平扫", "平掃", "普扫", "AGENT前", "未AGENT", "无AGENT", "無AGENT", "非AGENT", "不AGENT",
                "不打AGENT", "未打AGENT", "未注射AGENT", "未用AGENT", "没有AGENT", "沒有AGENT", "未使用AGENT",
                "注射前", "打药前", "注药前", "打藥前", "给药前", "給藥前", "AGENT无", "AGENT無",
                "无需AGENT", "注射AGENT前", "打AGENT前"),
        after=("AGENT后", "AGENT後", "注射后", "注射後", "打药后", "打藥後", "注药后", "给药后",
               "給藥後", "延迟增强"),
        none=("未注射", "未使用", "未用", "未打", "未给", "未給", "没有", "沒有", "不使用", "不用", "平扫", "平掃",
              "未做", "拒绝", "拒絕"),
        no=("无", "無", "否", "不", "未", "没", "沒"),
        parted=False,
    ),
    "Japanese": Language(
        agent=("造影", "造影剤", "ガドリニウム", "ガドビスト", "マグネスコープ", "プロハンス", "エンハンス", "Gd造影"),
        before=("単純", "AGENT前", "AGENTなし", "AGENT無し", "AGENT無", "非AGENT", "未AGENT", "AGENTせず",
                "AGENT剤なし", "プレコントラスト", "プレーン", "投与前", "注入前", "静注前", "AGENT剤使用せず",
                "AGENT不使用", "AGENT未使用", "AGENT剤投与前"),
        after=("AGENT後", "AGENTあり", "AGENT有", "投与後", "注入後", "静注後"),
        none=("なし", "無し", "未使用", "使用せず", "投与せず", "不使用", "使用しない", "投与なし", "拒否"),
        no=("無", "いいえ", "否", "ナシ"),
        parted=False,
    ),
    "Korean": Language(
        agent=("조영", "조영제", "조영증강", "가돌리늄", "증강", "가도비스트"),
        before=("비조영", "비AGENT", "AGENT전", "AGENT 전", "AGENT 없음", "AGENT없음", "AGENT 없이",
                "AGENT 미사용", "무조영", "AGENT 안함", "AGENT 이전", "주입 전", "주입전", "주사 전", "주사전",
                "투여 전", "투여전", "AGENT 주입 전", "AGENT 투여 전", "AGENT 주사 전", "AGENT 사용안함",
                "비증강", "단순"),
        after=("AGENT후", "AGENT 후", "주입 후", "주입후", "주사 후", "주사후", "투여 후", "투여후"),
        none=("없음", "미사용", "안함", "사용 안함", "사용안함", "투여 안함", "투여하지 않음", "사용하지 않음", "미투여",
              "미주입", "없이", "거부"),
        no=("무", "아니오", "아니요"),
        parted=False,
    ),
}  # fmt: skip

BOTH: Final = (
    # Several halves of one examination: the text is about the study.
    "до и после", "до/после", "до и після", "без и с", "с и без", "без/с", "przed i po", "bez i z",
    "z i bez", "před a po", "bez a s", "pred a po", "öncesi ve sonrası", "öncesi/sonrası",
    "kontrastsız ve kontrastlı", "kontrastlı ve kontrastsız", "kontrastsız kontrastlı",
    "kontrastlı kontrastsız", "öncesi sonrası", "före och efter", "med och utan", "utan och med",
    "före/efter", "før og etter", "før og efter", "med og uten", "uten og med", "uden og med",
    "πριν και μετά", "πριν μετά", "προ και μετά", "χωρίς και με", "με και χωρίς", "voor en na",
    "met en zonder", "zonder en met", "prije i poslije", "prije i nakon", "fără și cu", "cu și fără",
    "antes y después", "antes e depois", "prima e dopo", "sin y con", "con y sin", "con e senza",
    "senza e con", "sem e com", "com e sem", "avant et après", "avec et sans", "sans et avec",
    "with and without", "without and with", "before and after", "ohne und mit", "mit und ohne",
    "vor und nach", "nativ und", "natív és", "平扫+增强", "平扫增强", "平扫及增强", "平扫加增强", "平扫和增强",
    "平扫 + 增强", "平扫与增强", "平扫 增强", "平掃+增強", "平掃增強", "平掃及增強", "平掃加增強", "平掃與增強",
    "增强前后", "增強前後", "造影前后", "造影前後", "単純+造影", "単純・造影", "単純造影", "単純/造影", "単純 造影",
    "単純および造影", "造影前・後", "조영 전후", "조영전후", "조영 전/후", "조영전/후", "조영제 전후", "전후",
    "לפני ואחרי", "قبل وبعد", "مع وبدون", "ללא ועם", "עם וללא",
)  # fmt: skip

UNKNOWN: Final = (
    "n/a", "na", "n.a.", "n a", "not applicable", "not specified", "unspecified", "unknown", "undefined",
    "not known", "not stated", "not available", "not recorded", "null", "nan", "tbd", "other", "?",
    "unbekannt", "nicht bekannt", "keine Angabe", "k.A.", "inconnu", "desconocido", "desconhecido",
    "sconosciuto", "onbekend", "nieznany", "neznámý", "bilinmiyor", "okänd", "ukjent", "ukendt",
    "неизвестно", "άγνωστο", "未知", "不明", "不详", "不詳", "미상", "모름", "select", "choose", "default",
    "anonymized", "anonymised", "anonymous", "removed", "deleted", "xxx", "x", "empty", "blank",
)  # fmt: skip
"""What fills a field for the agent and tells nothing."""
