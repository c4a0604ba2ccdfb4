"""Figures of processors and GPUs: which device of the table one is, and what is assumed else.

Peaks are dense (no sparsity) with accumulation in fp32, from the vendors' data sheets: NVIDIA
V100 (2020), A100 (2021), A30 (2021), A10 (2021), A40 (2021), RTX A6000 (2020), L40 (2022), L40S
(2023), H100 (2023), H200 (2024), GH200 (2023), DGX B200 (2024); GeForce RTX 3090 and 5090 from the
Ampere GA102 (2021) and RTX Blackwell (2025) white papers; A10G from NVIDIA A10G (2021). bf16 on
cards without it runs in fp32. Rates of NVLink are those of one link in one direction.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Devices = Mapping[str, Mapping[str, Any]]
"""Fields of `simulator.Node` by name of a device, as the table of devices has them."""


@dataclass(frozen=True)
class Card:
    """A GPU by its name.

    Parameters
    ----------
    pattern : str
        Regular expression that nvidia-smi's name contains.
    device : str
        Of the table of devices: the card itself, or one whose efficiency is taken over.
    peaks : tuple of float
        TFLOP/s in fp32, fp16, bf16; empty where it is the device itself.
    gigabytes_per_s : float
        To its memory; 0 where it is the device itself.
    nvlink_rate : float, bytes/s
    nvlinks : int
        The most that a card has; 0: none.
    slices : int
        Compute slices of MIG.
    """

    pattern: str
    device: str
    peaks: tuple[float, ...] = ()
    gigabytes_per_s: float = 0.0
    nvlink_rate: float = 25e9
    nvlinks: int = 0
    slices: int = 7


CARDS = (
    Card(r"\bB200\b", "h100", (75, 2250, 2250), 8000, 50e9, 18),
    Card(r"\bGH200\b", "h100", (66.9, 989.4, 989.4), 4000, nvlinks=18),
    Card(r"\bH200 NVL\b", "h100", (60, 835.5, 835.5), 4800, nvlinks=18),
    Card(r"\bH200\b", "h100", (66.9, 989.4, 989.4), 4800, nvlinks=18),
    Card(r"\bH100 NVL\b", "h100", (60, 835.5, 835.5), 3900, nvlinks=12),
    Card(r"\bH100 PCIe\b", "h100", (51.2, 756.5, 756.5), 2039, nvlinks=12),
    Card(r"\bH100 80GB HBM3$", "h100", nvlinks=18),
    Card(r"\bA100-SXM4-80GB\b", "a100-80gb", nvlinks=12),
    Card(r"\bA100 80GB PCIe\b", "a100-80gb", (19.5, 312, 312), 1935, nvlinks=12),
    Card(r"\bA100-(SXM4|PCIE)-40GB\b", "a100-80gb", (19.5, 312, 312), 1555, nvlinks=12),
    Card(r"\bA30\b", "a100-80gb", (10.3, 165, 165), 933, nvlinks=4, slices=4),
    Card(r"\bA40\b", "a100-80gb", (37.4, 149.7, 149.7), 696, 14.0625e9, 4),
    Card(r"\bRTX A6000\b", "a100-80gb", (38.7, 154.8, 154.8), 768, 14.0625e9, 4),
    Card(r"\bA10G\b", "l4", (35, 70, 70), 600),
    Card(r"\bA10\b", "l4", (31.2, 125, 125), 600),
    Card(r"\bL40S\b", "l4", (91.6, 362, 362), 864),
    Card(r"\bL40\b", "l4", (90.5, 181, 181), 864),
    Card(r"\bL4\b", "l4"),
    Card(r"\bT4\b", "t4"),
    Card(r"\bV100-SXM", "t4", (15.7, 125, 15.7), 900, nvlinks=6),
    Card(r"\bV100-PCIE", "t4", (14, 112, 14), 900),
    Card(r"\bRTX 5090\b", "rtx-4090", (104.8, 209.5, 209.5), 1792),
    Card(r"\bRTX 4090( D)?$", "rtx-4090"),
    Card(r"\bRTX 3090$", "rtx-4090", (35.6, 71.2, 71.2), 936, 14.0625e9, 4),
)

UNKNOWN_CARD = Card("", "l4", nvlinks=18)
"""Stands for a GPU that is not listed."""

PROCESSORS = (
    (r"Xeon.*Platinum 8380\b(?!H)", 40, "xeon-8380"),
    (r"Xeon.*Platinum 8380\b(?!H)", 8, "xeon-8380-8c"),
    (r"EPYC 7763\b", 64, "epyc-7763"),
    (r"EPYC 7763\b", 8, "epyc-7763-8c"),
    (r"i7-1185G7\b", 4, "i7-1185g7"),
)
"""(pattern of the model name, cores, device)."""

PCIE_LANE = {1: 0.25e9, 2: 0.5e9, 3: 0.985e9, 4: 1.969e9, 5: 3.938e9, 6: 7.563e9}
"""Bytes/s of one lane and direction, less line code, by generation (PCI-SIG, 2003-2022)."""

# What a processor's data sheet would say, assumed where it is not in the table.
CORE_BANDWIDTH = 5e9
"""Bytes/s of memory for each core: eight channels for 40 cores, two for 8."""
SSD_BANDWIDTH = 3.94e9
"""PCI Express 3.0 x4."""
CORE_WATTS = (1.0, 6.0)
"""Idle and busy, for each core: servers of 40 to 64 cores."""
DEFAULT_GHZ = 2.5


def card_of(name: str) -> Card | None:
    """The listed card of a name such as ``NVIDIA A100-SXM4-80GB``."""
    return next((card for card in CARDS if re.search(card.pattern, name)), None)


def processor_of(model: str, cores: float) -> str | None:
    """Device of the table that a group of cores is."""
    for pattern, count, device in PROCESSORS:
        if cores == count and re.search(pattern, model):
            return device
    return None


@dataclass(frozen=True)
class Arithmetic:
    """FLOP that one core does in a cycle, and how eager code fares with it.

    Parameters
    ----------
    fp32, fp16, bf16 : float
    like : str
        Device whose efficiency is taken over.
    because : str
        The instruction sets that decided.
    """

    fp32: float
    fp16: float
    bf16: float
    like: str
    because: str


def arithmetic(architecture: str, flags: frozenset[str]) -> Arithmetic:
    """What the instruction sets allow, assuming two pipes for fused multiply-add.

    Without native arithmetic of 16 bits a core computes in fp32 after conversion.

    Examples
    --------
    >>> arithmetic("x86_64", frozenset({"avx2", "fma"})).fp32
    32
    """
    if architecture.startswith(("aarch64", "arm")):
        fp32, because = (32, "sve") if "sve" in flags else (16, "asimd")
        fp16 = 2 * fp32 if "asimdhp" in flags else fp32
        bf16 = 4 * fp32 if "bf16" in flags else fp32
        return Arithmetic(fp32, fp16, bf16, "raspberry-pi-5", because)
    wide = "avx512f" in flags
    if wide:
        fp32, because = 64, "avx512f"
    elif {"avx2", "fma"} <= flags:
        fp32, because = 32, "avx2"
    elif "avx" in flags:
        fp32, because = 16, "avx"
    else:
        fp32, because = 8, "sse"
    fp16 = bf16 = fp32
    for flag, value in (("avx512_bf16", 128), ("amx_bf16", 2048)):
        if flag in flags and wide:
            bf16, because = value, f"{because}, {flag}"
    for flag, value in (("avx512_fp16", 128), ("amx_fp16", 2048)):
        if flag in flags and wide:
            fp16, because = value, f"{because}, {flag}"
    return Arithmetic(fp32, fp16, bf16, "xeon-8380" if wide else "epyc-7763", because)


NATIVE = {"matmul": 0.3, "conv": 0.15, "attention": 0.15}
"""Share of a native 16-bit peak that eager code reaches on a CPU; assumed."""


def efficiency(
    like: Mapping[str, Mapping[str, float]], peaks: Mapping[str, float], native: bool = False
) -> dict[str, dict[str, float]]:
    """Efficiency of another device with these peaks.

    Work that is neither matrix product nor convolution does not profit from matrix units: it runs
    at the rate that it has in fp32.

    Parameters
    ----------
    like : mapping of dtype to operator class to share
    peaks : mapping of dtype to FLOP/s
    native : bool
        Whether `like` has no arithmetic of 16 bits and `peaks` may: then `NATIVE` stands.
    """
    found = {}
    for dtype, peak in peaks.items():
        shares = dict(like[dtype])
        if peak > peaks["fp32"]:
            if native:
                shares |= NATIVE
            shares["other"] = figures(like["fp32"]["other"] * peaks["fp32"] / peak, 2)
        found[dtype] = shares
    return found


def figures(value: float, digits: int = 4) -> float:
    """Rounded to significant digits.

    Examples
    --------
    >>> figures(123456.0), figures(0.0123456, 2)
    (123500.0, 0.012)
    """
    return float(f"{value:.{digits}g}")
