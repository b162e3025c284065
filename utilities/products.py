"""In which type training multiplies: processors that have instructions for bfloat16 take half as long for it."""

import functools
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import keras

from utilities.framework import tensorflow_on_cpu

FULL, HALF = "float32", "bfloat16"  # of eight and of two to three digits; both reach equally far
INSTRUCTIONS = {"avx512_bf16", "amx_bf16"}  # as Linux names them
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"  # 0: TensorFlow multiplies without the library that knows these instructions


def training_products() -> str:
    """The type in which convolutions and LSTMs multiply while they train; they add up in float32.

    Micikevicius et al. 2018, "Mixed precision training", with the type of Kalamkar et al. 2019, "A study of BFLOAT16
    for deep learning training": weights, batch norms, losses and steps stay float32, and nothing needs scaling. Reading
    multiplies in float32 everywhere: texts and confidences are not to depend on the machine.
    """
    kind = keras.config.dtype_policy().compute_dtype
    return HALF if kind == FULL and tensorflow_on_cpu() and _multiplies_halves() else kind


@functools.cache
def _multiplies_halves() -> bool:
    """Whether this processor has instructions for products of bfloat16 that TensorFlow would use."""
    with suppress(OSError):
        return has_instructions(Path("/proc/cpuinfo").read_text(), os.environ)
    return False  # other systems than Linux do not tell


def has_instructions(cpuinfo: str, environ: Mapping[str, str]) -> bool:
    """Whether a processor multiplies bfloat16 by what Linux says of it, and TensorFlow is left to use that."""
    flags = re.search(r"^flags\s*:(.*)$", cpuinfo, re.M)
    return bool(flags and INSTRUCTIONS & set(flags[1].split())) and environ.get(ONEDNN) != "0"
