"""Names of regions as people write them, and what they say."""

import pytest

from imaging.masks.roi_names import Meaning, meaning

NAMES = {
    Meaning.TUMOUR: (
        "GTV1|GTV_1|gtv|GTVp|GTVn|GTVs|GTV-03|GTV_T1c|GTV1+GTV2|GTV_all|GTV_R_front|Met 1"
        "|met_2|METS|BrainMet1|brain_mets|Brain met 3|Metastase links"
        "|Metastasis R frontal|BM 3|Lesion #4|Läsion 2|lésion|lesión|tumeur|Tumor"
        "|TU tumour|tumor_core|enhancing tumor|метастаз 1|肿瘤|GTV brainstem|Met cerebellum"
        "|R temp met|Metastasis optic nerve|GTV OptNerve|Met no. 2|periventricular met"
        "|ring-enhancing lesion|ring enhancing met|GTV minus cavity|GTV ohne Ödem"
    ),
    Meaning.MARGIN: (
        "PTV_GTV1|CTV (GTV+3mm)|GTV1+2mm|GTV + 1|GTV_PTV|GTV exp 2mm|GTV margin|GTV_Rand"
        "|PTV|PRV met|ITV_GTV|CTV_met|met1_PTV|ptv1_met|GTV Sicherheitssaum"
        "|dilated_lesion|GTV_expanded"
    ),
    Meaning.RING: (
        "Ring GTV|GTV Ring 5mm|RingGTV|GTVRing|Shell_met|tumour shell|rim of GTV"
        "|Lesion halo|peritumoral|PeriGTV|met peri"
    ),
    Meaning.REST: (
        "Brain-GTV|BRAIN-GTV|Brain\u2212GTV|Brain\u2013GTV|Brain-(GTV1)|Brain - Mets|Brain-PTV"
        "|Hirn-GTV|brain minus GTV|Brain minus (GTV1+GTV2)|Brain_sub_GTV|Brain w/o mets"
        "|Gehirn ohne GTV|Cerveau - GTV|cerebro sin tumor|cervello senza lesioni"
        "|Non-tumor|healthy brain - mets|мозг минус опухоль|脑-GTV|脳-GTV"
    ),
    Meaning.PLAN: (
        "zOpt_GTV|GTVopt|Dose 20Gy met1|D95 GTV|GTV 50%|Iso80 met|avoid GTV|GTV_dummy"
        "|Hilfsstruktur_GTV|~GTV|20Gy|12 Gy|Rx 20|PIV"
    ),
    Meaning.NO_TUMOUR: (
        "Resected met cavity|GTV_edema|GTV+oedema|Ödem um Met|Tumor bed|Tumorbett|GTVsb"
        "|Resektionshöhle Met|NormalBrain|Flair lesion|radionecrosis lesion|lecho tumoral"
        "|ложе опухоли|опухоль+отек|肿瘤+水肿|腫瘍+浮腫|肿瘤床|tumeur œdème|GTV necrosis"
    ),
    Meaning.DOUBTFUL: (
        "GTV 5mm|met 3 mm|GTV_20Gy|GTV old|GTV_copy|plan_met1|Brain-Met-1|IGTV"
        "|GTV preop|GTV pre|GTV vorher|GTV_2019|GTV flipped|GTV hull"
    ),
    Meaning.ORGAN: (
        "Brainstem|Brain|Chiasm|Lens_L|External|BODY|skin|Hippocampus L|OpticNerve_R"
        "|Cerebellum|Thalamus R"
    ),
    Meaning.UNSAID: ("R frontal|one|Target1|Node|helmet|metal|"),
}
CASES = [(name.strip(), kind) for kind, names in NAMES.items() for name in names.split("|")]


@pytest.mark.parametrize(("name", "kind"), CASES, ids=[name or "-" for name, _ in CASES])
def test_a_region_name_says_whether_it_is_the_tumour_itself(name, kind):
    assert meaning(name) is kind
