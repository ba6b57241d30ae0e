"""Which arithmetic a training run takes."""

import pytest

from training.fit.precision import chosen_precision, fast_precision

ZEN_3 = "model name\t: AMD EPYC\nflags\t\t: fpu sse2 avx avx2 fma\n"
ZEN_4 = "model name\t: AMD EPYC\nflags\t\t: fpu avx2 avx512f avx512_bf16 fma\n"
SAPPHIRE_RAPIDS = "flags\t\t: fpu avx2 amx_tile amx_bf16\nbugs\t\t: none\n"


@pytest.mark.parametrize(
    ("cpu_facts", "devices", "expected"),
    [
        (ZEN_3, ["cpu:0"], "float32"),
        (ZEN_4, ["cpu:0"], "mixed_bfloat16"),
        (SAPPHIRE_RAPIDS, ["cpu:0"], "mixed_bfloat16"),
        (ZEN_3, ["cpu:0", "gpu:0"], "mixed_bfloat16"),
        ("", ["cpu:0"], "float32"),  # no /proc: macOS
    ],
)
def test_bfloat16_is_taken_where_the_machine_computes_in_it(cpu_facts, devices, expected):
    assert fast_precision(cpu_facts, devices) == expected


def test_the_precision_that_a_recipe_names_is_taken():
    assert chosen_precision("mixed_float16") == "mixed_float16"
