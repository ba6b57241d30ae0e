"""Which arithmetic is fast on this machine; weights and their average are always float32."""

from pathlib import Path
from typing import Final

from models.catalogue import device_names

# Half again as many steps with AMX; without any of these TensorFlow imitates bfloat16, which is
# several times slower than float32.
BFLOAT16_FLAGS: Final = frozenset({"avx512_bf16", "amx_bf16"})
CPU_FACTS: Final = Path("/proc/cpuinfo")


def chosen_precision(wanted: str) -> str:
    """The Keras policy of a recipe's `precision`, on this machine where that is ``auto``."""
    if wanted != "auto":
        return wanted
    facts = CPU_FACTS.read_text() if CPU_FACTS.exists() else ""
    return fast_precision(facts, device_names())


def fast_precision(cpu_facts: str, devices: list[str]) -> str:
    """``mixed_bfloat16`` with a GPU among `devices`, ``gpu:0``, or with a processor that computes
    in it by `cpu_facts`, the text of ``/proc/cpuinfo``; else ``float32``.
    """
    has_gpu = any("gpu" in name for name in devices)
    flags = {
        flag for line in cpu_facts.splitlines() if line.startswith("flags") for flag in line.split()
    }
    return "mixed_bfloat16" if has_gpu or flags & BFLOAT16_FLAGS else "float32"
