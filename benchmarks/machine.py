"""The machine that a benchmark ran on: what it is and what it can do."""

import os
import platform
import re
import time
from contextlib import suppress
from pathlib import Path

import keras
import numpy as np

from utilities.framework import framework_gpus
from utilities.gpu import usable_cores, visible_names
from utilities.products import training_products

MATRIX_SIDES = (1024, 2048, 4096)  # of square products: small ones suit a processor's caches, large ones a GPU
GPU_SIDES = (4096, 8192)


def describe_machine() -> dict:
    """Processor, cores, GPU, memory in GB and versions, as JSON-ready values."""
    backend, gpus = keras.config.backend(), framework_gpus()
    return {
        "cpu": cpu_name(),
        "cores": usable_cores(),
        "gpus": gpus and (visible_names() or gpus),  # a driver's GPU is none that the framework cannot use
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": platform.system(),
        "backend": backend,
        "policy": keras.config.dtype_policy().name,
        "training_products": training_products(),
        "versions": {
            "python": platform.python_version(),
            "keras": keras.__version__,
            backend: __import__(backend).__version__,
            "numpy": np.__version__,
        },
    }


def cpu_name() -> str:
    """The processor's model, as far as the system tells."""
    with suppress(OSError):
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
        if found:
            return found[1]
    return platform.processor() or platform.machine()


def one_line(machine: dict) -> str:
    """The machine as a line above a table."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    gpus = f"{', '.join(machine['gpus'])} with " if machine["gpus"] else ""
    processor = f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']:g} GB"
    return f"{gpus}{processor}; {versions}; training multiplies {machine['training_products']}"


def matrix_product_rate(seconds: float) -> float:
    """Floating-point operations a second of the framework's own matrix product: the best of several sizes.

    In the type that the layers compute in. The best, not the mean: it stands for what the machine can do, and other
    work on it only takes away.
    """
    sides = GPU_SIDES if framework_gpus() else MATRIX_SIDES
    return max(_product_rate(side, seconds / len(sides)) for side in sides)


def _product_rate(side: int, seconds: float) -> float:
    rng = np.random.default_rng(0)
    dtype = keras.config.dtype_policy().compute_dtype
    a, b = (keras.ops.convert_to_tensor(rng.random((side, side), np.float32), dtype) for _ in range(2))
    fastest, began = float("inf"), time.perf_counter()
    for number in range(10_000):
        started = time.perf_counter()
        float(keras.ops.matmul(a, b)[0, 0])  # waits for a GPU, copies one number
        if number:  # the first one sets things up
            fastest = min(fastest, time.perf_counter() - started)
            if time.perf_counter() - began > seconds:
                break
    return 2.0 * side**3 / fastest
